/* completions_bash.c - for bash, from 3.2 (macOS) on. */
#include <stdlib.h>

#include "completion/completions.h"
#include "completion/value_words.h"

/* What bash hands over is cut at '=' too: the words of "--format=js" are --format, =, js. */
static const char beginning[] =
    "# potstill completion bash\n"
    "_potstill_files() { # compgen's action: -f files, -d folders\n"
    "    local line\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen \"$1\" -- \"$cur\")\n"
    "}\n"
    "_potstill_words() { COMPREPLY=($(compgen -W \"$1\" -- \"$cur\")); }\n"
    "_potstill_list() { # the last of several, with commas between them\n"
    "    compopt -o nospace 2>/dev/null\n"
    "    COMPREPLY=($(compgen -P \"${cur%\"${cur##*,}\"}\" -W \"$1\" -- \"${cur##*,}\"))\n"
    "}\n"
    "_potstill() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1)) before\n"
    "    COMPREPLY=()\n"
    "    [[ $cur == = ]] && cur= && at=$COMP_CWORD\n"
    "    if [[ ${COMP_WORDS[at]} == = ]]; then\n"
    "        at=$((at - 1))\n"
    "        [[ ${COMP_WORDS[at]} == -* ]] || at=$((at - 1)) # --adapter NAME=DIR\n"
    "        [[ ${COMP_WORDS[at]} == = ]] && at=$((at - 1)) # --adapter=NAME=DIR\n"
    "    fi\n"
    "    before=${COMP_WORDS[at]}\n";

struct to {
    FILE *out;
    const char *listed; /* what stands before the next option of a list */
};

/* The shell's words that fill in a value. */
static void print_action(FILE *out, enum value_class class, const char *choices) {
    char *words = value_words(choices);
    switch (class) {
    case VALUE_FILE: fputs("_potstill_files -f", out); break;
    case VALUE_FOLDER: fputs("_potstill_files -d", out); break;
    case VALUE_WORDS: fprintf(out, "_potstill_words '%s'", words); break;
    case VALUE_LIST: fprintf(out, "_potstill_list '%s'", words); break;
    case VALUE_COMMAND: fputs("_potstill_words \"$commands\"", out); break;
    case VALUE_FREE: fputs(":", out); break;
    }
    free(words);
}

static void print_value(void *to, const struct command *command, const struct option *option) {
    FILE *out = ((struct to *)to)->out;
    const char *other = option_other_name(command, option);
    if (!option->value) return;
    fprintf(out, "        '%s --%s'", command->name, option->name);
    if (other) fprintf(out, " | '%s --%s'", command->name, other);
    if (option->letter) fprintf(out, " | '%s -%c'", command->name, option->letter);
    fputs(") ", out);
    print_action(out, value_class(option), option->value);
    fputs(" ;;\n", out);
}

static void print_name(void *to, const struct command *command, const struct option *option) {
    struct to *list = to;
    const char *other = option_other_name(command, option);
    fprintf(list->out, "%s--%s", list->listed, option->name);
    if (other) fprintf(list->out, " --%s", other);
    list->listed = " ";
}

/* Once a command is named: the value of the option before, an option, or an operand. */
static void print_command(FILE *out, const struct command *command) {
    struct to names = {out, "'"};
    fprintf(out, "        '%s -'*) _potstill_words ", command->name);
    each_option(command, print_name, &names);
    fprintf(out, "' ;;\n        '%s '*) ", command->name);
    print_action(out, operand_class(command), command->synopsis);
    fputs(" ;;\n", out);
}

void completions_bash(FILE *out, const struct command *const *commands) {
    struct to values = {out, NULL};
    fputs(beginning, out);
    fputs("    local commands='", out);
    for (const struct command *const *at = commands; *at; at++) fprintf(out, "%s ", (*at)->name);
    fputs("help'\n"
          "    if ((COMP_CWORD == 1)); then\n"
          "        _potstill_words \"$commands --help --version\"\n"
          "        return\n"
          "    fi\n"
          "    case \"${COMP_WORDS[1]} $before\" in\n",
          out);
    for (const struct command *const *at = commands; *at; at++)
        each_option(*at, print_value, &values);
    fputs("        *) case \"${COMP_WORDS[1]} $cur\" in\n", out);
    for (const struct command *const *at = commands; *at; at++) print_command(out, *at);
    fputs("        'help '*) _potstill_words \"$commands\" ;;\n"
          "        esac ;;\n"
          "    esac\n"
          "}\n"
          "if type compopt >/dev/null 2>&1; then\n"
          "    complete -F _potstill potstill\n"
          "else # bash 3: what is proposed is quoted as file names are, or not at all\n"
          "    complete -o filenames -F _potstill potstill\n"
          "fi\n",
          out);
}
