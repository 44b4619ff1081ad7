/* completions_fish.c - for fish, from 3.0 on. */
#include <stdlib.h>
#include <string.h>

#include "completion/completions.h"
#include "completion/value_words.h"

/* In fish's single quotes. */
static void print_quoted(FILE *out, const char *text) {
    fputc('\'', out);
    for (; *text; text++) fprintf(out, strchr("'\\", *text) ? "\\%c" : "%c", *text);
    fputc('\'', out);
}

static void print_action(FILE *out, enum value_class class, const char *choices) {
    char *words = value_words(choices);
    switch (class) {
    case VALUE_FILE: fputs(" -F", out); break;
    case VALUE_FOLDER: fputs(" -a '(__potstill_folders)'", out); break;
    case VALUE_WORDS: fprintf(out, " -a '%s'", words); break;
    case VALUE_LIST: fprintf(out, " -a '(__potstill_list %s)'", words); break;
    case VALUE_COMMAND: fputs(" -a '(__potstill_commands)'", out); break;
    case VALUE_FREE: break;
    }
    free(words);
}

static void print_option(void *to, const struct command *command, const struct option *option) {
    FILE *out = to;
    const char *other = option_other_name(command, option);
    char *summary = option_summary(option);
    fprintf(out, "complete -c potstill -n '__potstill_is %s' -l %s", command->name, option->name);
    if (other) fprintf(out, " -l %s", other);
    if (option->letter) fprintf(out, " -s %c", option->letter);
    fputs(" -d ", out);
    print_quoted(out, summary);
    if (option->value) {
        enum value_class class = value_class(option);
        fputs(class == VALUE_FILE ? " -r" : " -x", out);
        print_action(out, class, option->value);
    }
    fputc('\n', out);
    free(summary);
}

static void print_command(FILE *out, const struct command *command) {
    each_option(command, print_option, out);
    if (!command->operands_max) return;
    fprintf(out, "complete -c potstill -n '__potstill_is %s'", command->name);
    print_action(out, operand_class(command), command->synopsis);
    fputc('\n', out);
}

void completions_fish(FILE *out, const struct command *const *commands) {
    fputs("# potstill completion fish\n"
          "function __potstill_is # the command is this one; without a name: there is none yet\n"
          "    set -l words (commandline -opc)\n"
          "    test \"$words[2]\" = \"$argv[1]\"\n"
          "end\n"
          "function __potstill_commands\n",
          out);
    for (const struct command *const *at = commands; *at; at++) {
        fprintf(out, "    printf '%%s\\t%%s\\n' %s ", (*at)->name);
        print_quoted(out, (*at)->summary);
        fputc('\n', out);
    }
    fputs("    printf '%s\\t%s\\n' help 'show the help of a command'\n"
          "end\n"
          "function __potstill_word # what of a value is there: all that follows '='\n"
          "    string replace -r -- '^--[^=]*=' '' (commandline -ct)\n"
          "end\n"
          "function __potstill_folders # a folder may stand after NAME=\n"
          "    set -l word (__potstill_word)\n"
          "    set -l before (string match -r -- '^.*=' $word)\n"
          "    __fish_complete_directories (string replace -r -- '^.*=' '' $word) | string replace "
          "-r -- '^' \"$before\"\n"
          "end\n"
          "function __potstill_list # the last of several, with commas between them\n"
          "    set -l before (string match -r -- '^.*,' (__potstill_word))\n"
          "    printf '%s\\n' \"$before\"$argv\n"
          "end\n"
          "complete -c potstill -f\n"
          "complete -c potstill -n __potstill_is -a '(__potstill_commands)'\n"
          "complete -c potstill -n __potstill_is -l version -d 'show the version'\n"
          "complete -c potstill -n __potstill_is -s h -l help -d 'show this help'\n"
          "complete -c potstill -n '__potstill_is help' -a '(__potstill_commands)'\n",
          out);
    for (const struct command *const *at = commands; *at; at++) print_command(out, *at);
}
