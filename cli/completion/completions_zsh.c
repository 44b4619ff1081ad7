/* completions_zsh.c - for zsh: a function _potstill, as a file of $fpath or by `source`. */
#include <stdlib.h>
#include <string.h>

#include "completion/completions.h"
#include "completion/value_words.h"

/* Within quotes, and within the brackets and between the colons of a specification. */
static void print_quoted(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else
            fprintf(out, strchr("[]:\\", *text) ? "\\%c" : "%c", *text);
    }
}

static void print_action(FILE *out, enum value_class class, const char *choices) {
    char *words = value_words(choices);
    switch (class) {
    case VALUE_FILE: fputs("_files", out); break;
    case VALUE_FOLDER: fputs("_files -/", out); break;
    case VALUE_WORDS: fprintf(out, "(%s)", words); break;
    case VALUE_LIST: fprintf(out, "_sequence compadd - %s", words); break;
    case VALUE_COMMAND: fputs("_potstill_commands", out); break;
    case VALUE_FREE: fputs(" ", out); break; /* a value, but nothing to propose */
    }
    free(words);
}

/* "NAME=DIR": what stands before the '=' is passed over. */
static int is_named(const struct option *option) {
    return option->value && strncmp(option->value, "NAME=", 5) == 0;
}

static int may_repeat(const struct option *option) {
    return option->kind == OPTION_TEXTS || option->kind == OPTION_CHOICES;
}

/* One name of the option as an argument of _arguments. */
static void print_spec(FILE *out, const struct option *option, const char *name, int is_letter) {
    char *summary = option_summary(option);
    fprintf(out, " \\\n        '%s-%s%s%s[", may_repeat(option) ? "*" : "", is_letter ? "" : "-",
            name,
            !option->value ? ""
            : is_letter    ? "+"
                           : "=");
    print_quoted(out, summary);
    fputc(']', out);
    if (option->value) {
        fputc(':', out);
        print_quoted(out, option->value);
        fputc(':', out);
        if (is_named(option)) fputs("{ compset -P \"*=\"; ", out);
        print_action(out, value_class(option), option->value);
        if (is_named(option)) fputs(" }", out);
    }
    fputc('\'', out);
    free(summary);
}

static void print_option(void *to, const struct command *command, const struct option *option) {
    const char *other = option_other_name(command, option);
    const char letter[] = {option->letter, '\0'};
    print_spec(to, option, option->name, 0);
    if (other) print_spec(to, option, other, 0);
    if (option->letter) print_spec(to, option, letter, 1);
}

static void print_command(FILE *out, const struct command *command) {
    fprintf(out, "    %s) _arguments -s -S", command->name);
    each_option(command, print_option, out);
    if (command->operands_max) {
        fputs(" \\\n        '*:", out);
        print_quoted(out, command->synopsis);
        fputc(':', out);
        print_action(out, operand_class(command), command->synopsis);
        fputc('\'', out);
    }
    fputs(" ;;\n", out);
}

void completions_zsh(FILE *out, const struct command *const *commands) {
    fputs("#compdef potstill\n"
          "# potstill completion zsh\n"
          "_potstill_commands() {\n"
          "    local -a commands=(\n",
          out);
    for (const struct command *const *at = commands; *at; at++) {
        fprintf(out, "        '%s:", (*at)->name);
        print_quoted(out, (*at)->summary);
        fputs("'\n", out);
    }
    fputs("        'help:show the help of a command'\n"
          "    )\n"
          "    _describe -t commands command commands\n"
          "}\n"
          "_potstill() {\n"
          "    if ((CURRENT == 2)); then\n"
          "        _arguments '(-h --help)'{-h,--help}'[show this help]' '--version[show the "
          "version]' \\\n"
          "            '1: :_potstill_commands'\n"
          "        return\n"
          "    fi\n"
          "    shift words\n"
          "    ((CURRENT--))\n"
          "    case $words[1] in\n",
          out);
    for (const struct command *const *at = commands; *at; at++) print_command(out, *at);
    fputs("    help) _arguments '1: :_potstill_commands' ;;\n"
          "    esac\n"
          "}\n"
          "if [[ $funcstack[1] == _potstill ]]; then _potstill \"$@\"; else compdef _potstill "
          "potstill; fi\n",
          out);
}
