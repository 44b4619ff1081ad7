/* value_words.c - see value_words.h. */
#include "completion/value_words.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"

/* What the tables write for values that are paths (the part before ':' or '[', after "NAME="). */
static enum value_class placeholder_class(const char *name, size_t length) {
    static const struct {
        const char *name;
        enum value_class class;
    } places[] = {
        {"F", VALUE_FILE},
        {"FILE", VALUE_FILE},
        {"F.wav", VALUE_FILE},
        {"PATH", VALUE_FILE},
        {"DIR", VALUE_FOLDER},
        {"M", VALUE_FOLDER},
        {"SOURCE_DIR", VALUE_FOLDER},
        {"OUT", VALUE_FOLDER},
        {"A", VALUE_FOLDER},
        {"COMMAND", VALUE_COMMAND},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strlen(places[i].name) == length && strncmp(places[i].name, name, length) == 0)
            return places[i].class;
    return VALUE_FREE;
}

static int is_word(const char *choice) {
    return *choice < 'A' || *choice > 'Z';
}

enum value_class value_class(const struct option *option) {
    const char *value = option->value;
    if (option->kind == OPTION_CHOICES) return VALUE_LIST;
    if (option->kind == OPTION_CHOICE) return VALUE_WORDS;
    if (option->kind != OPTION_TEXT && option->kind != OPTION_REQUIRED &&
        option->kind != OPTION_TEXTS)
        return VALUE_FREE;
    if (is_word(value) && strchr(value, '|')) return VALUE_WORDS;
    if (strncmp(value, "NAME=", 5) == 0) value += 5;
    return placeholder_class(value, strcspn(value, ":["));
}

enum value_class operand_class(const struct command *command) {
    const char *at = command->synopsis;
    if (!command->operands_max) return VALUE_FREE;
    at += *at == '[';
    if (is_word(at)) return VALUE_WORDS;
    return placeholder_class(at, strcspn(at, "|] "));
}

char *value_words(const char *choices) {
    char *words = text_format("%s", "");
    for (;;) {
        int length = (int)strcspn(choices, "|");
        if (is_word(choices)) {
            char *longer = text_format("%s%s%.*s", words, *words ? " " : "", length, choices);
            free(words);
            words = longer;
        }
        if (!choices[length]) return words;
        choices += length + 1;
    }
}

char *option_summary(const struct option *option) {
    size_t length = strcspn(option->help, ";");
    const char *rest = strstr(option->help, " (");
    if (rest && (size_t)(rest - option->help) < length) length = (size_t)(rest - option->help);
    return text_format("%.*s", (int)length, option->help);
}

void each_option(const struct command *command,
                 void (*each)(void *to, const struct command *command, const struct option *option),
                 void *to) {
    static const struct option help = {"help", 'h', OPTION_FLAG, NULL, 0, "show this help"};
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++) each(to, command, at);
    each(to, command, &help);
}
