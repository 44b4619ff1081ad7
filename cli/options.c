/* options.c - see options.h. */
#include "options.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "potstill_tools.h"

int usage_error(const struct command *command, const char *format, ...) {
    va_list list;
    char problem[1024];
    va_start(list, format);
    vsnprintf(problem, sizeof problem, format, list);
    va_end(list);
    if (!command) return fail(EXIT_USAGE, "%s; see potstill --help", problem);
    return fail(EXIT_USAGE, "%s: %s; see potstill %s --help", command->name, problem,
                command->name);
}

/* ------------------------------------------------------------------------------- suggestions */

static int unknown_option(const struct command *command, const char *typed) {
    const char *names[64];
    size_t count = 0;
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++)
            if (count < sizeof names / sizeof *names) names[count++] = at->name;
    const char *dashless = typed + strspn(typed, "-");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(dashless, "="), dashless);
    const char *closest = pst_nearest_name(name, names, count);
    if (!closest) return usage_error(command, "unknown option %s", typed);
    return usage_error(command, "unknown option %s (did you mean --%s?)", typed, closest);
}

/* ------------------------------------------------------------------------------------ values */

static int parse_integer(const char *text, const char **end, int64_t *value) {
    char *stop;
    errno = 0;
    if (*text < '0' || *text > '9') return 0; /* strtoll would take a sign and white space */
    *value = strtoll(text, &stop, 10);
    *end = stop;
    return errno == 0 && *value <= INT32_MAX;
}

static int parse_ids(const char *text, struct option_ids *ids) {
    free(ids->items);
    *ids = (struct option_ids){.given = 1};
    if (!*text) return 1; /* an empty list clears the model's */
    ids->items = need(malloc((strlen(text) / 2 + 1) * sizeof *ids->items));
    for (int64_t id; parse_integer(text, &text, &id); text++) {
        ids->items[ids->count++] = (int32_t)id;
        if (!*text) return 1;
        if (*text != ',') return 0;
    }
    return 0;
}

/* What others write for a choice: Python's names of number types, torch's of a device. */
static size_t usual_spelling(const char *text, const char **usual) {
    static const char *const pairs[][2] = {
        {"f32", "float32"}, {"f16", "float16"}, {"bf16", "bfloat16"},
        {"float32", "f32"}, {"float16", "f16"}, {"bfloat16", "bf16"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (strcmp(text, pairs[i][0]) == 0) {
            *usual = pairs[i][1];
            return strlen(*usual);
        }
    /* "cuda:0" */
    const char *colon = strchr(text, ':');
    *usual = text;
    int device = strncmp(text, "cuda:", 5) == 0 || strncmp(text, "mps:", 4) == 0 ||
                 strncmp(text, "cpu:", 4) == 0;
    int numbered = device && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == '\0';
    return numbered ? (size_t)(colon - text) : 0;
}

static int find_choice(const char *text, size_t length, const char *choices, int *index) {
    for (int at = 0;; at++) {
        size_t width = strcspn(choices, "|");
        if (width == length && strncmp(choices, text, width) == 0) {
            *index = at;
            return 1;
        }
        if (!choices[width]) return 0;
        choices += width + 1;
    }
}

char *option_word(const struct option *options, const char *name, int index) {
    while (strcmp(options->name, name) != 0) options++;
    const char *word = options->value;
    for (int i = 0; i < index; i++) word = strchr(word, '|') + 1;
    return text_format("%.*s", (int)strcspn(word, "|"), word);
}

static int parse_choice(const char *text, const char *choices, int *index) {
    const char *usual;
    if (find_choice(text, strlen(text), choices, index)) return 1;
    size_t length = usual_spelling(text, &usual);
    return length && find_choice(usual, length, choices, index);
}

/* Adds to what is chosen already. */
static int parse_choices(const char *text, const char *choices, unsigned *chosen) {
    for (int index;; text++) {
        size_t length = strcspn(text, ",");
        if (!find_choice(text, length, choices, &index)) return 0;
        *chosen |= 1u << index;
        text += length;
        if (!*text) return 1;
    }
}

int parse_number(const char *text, double *number) {
    char *end;
    *number = strtod(text, &end);
    return *text && !*end && fabs(*number) <= FLT_MAX; /* false for NaN */
}

/* Parses the value of an option into `at`. What is wrong is printed. */
static int store(const struct command *command, const struct option *option, const char *text,
                 void *at) {
    const char *end = "";
    int valid = 1;
    const char *expected = "";
    switch (option->kind) {
    case OPTION_FLAG: break; /* has no value */
    case OPTION_TEXT:
    case OPTION_REQUIRED:
        *(const char **)at = text;
        valid = *text != '\0';
        expected = option->value;
        break;
    case OPTION_TEXTS: {
        struct option_texts *texts = at;
        texts->items = need(realloc(texts->items, (texts->count + 1) * sizeof *texts->items));
        texts->items[texts->count++] = text;
        break;
    }
    case OPTION_COUNT:
        valid = parse_integer(text, &end, at) && !*end;
        expected = "a whole number from 0 to 2147483647";
        break;
    case OPTION_NUMBER:
        valid = parse_number(text, at);
        expected = "a number";
        break;
    case OPTION_CHOICE:
        valid = parse_choice(text, option->value, at);
        expected = option->value;
        break;
    case OPTION_CHOICES:
        valid = parse_choices(text, option->value, at);
        expected = option->value;
        break;
    case OPTION_IDS:
        valid = parse_ids(text, at);
        expected = strncmp(option->value, "N", 1) == 0 ? "whole numbers with commas between them"
                                                       : "token ids with commas between them";
        break;
    }
    if (valid) return 1;
    usage_error(command, "--%s '%s': expected %s", option->name, text, expected);
    return 0;
}

/* ----------------------------------------------------------------------------------- parsing */

static int has_option(const struct command *command, const char *name) {
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++)
            if (strcmp(at->name, name) == 0) return 1;
    return 0;
}

const char *option_other_name(const struct command *command, const struct option *option) {
    static const char *const pairs[][2] = {
        {"model", "model-id"}, {"adapter", "adapter-dir"}, {"manifest", "audio-list"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int j = 0; j < 2; j++)
            if (strcmp(option->name, pairs[i][j]) == 0)
                return has_option(command, pairs[i][1 - j]) ? NULL : pairs[i][1 - j];
    return NULL;
}

static int is_name(const char *name, const char *text, size_t length) {
    return name && strlen(name) == length && strncmp(name, text, length) == 0;
}

/* Whether `argument` ("--name", "--name=value", "-o", "-ovalue") names `option`. `*value` becomes
 * the value that stands in it; else NULL. */
static int names_option(const struct command *command, const char *argument,
                        const struct option *option, const char **value) {
    int is_long = argument[1] == '-';
    const char *rest = argument + 2;
    if (is_long) {
        size_t length = strcspn(rest, "=");
        if (!is_name(option->name, rest, length) &&
            !is_name(option_other_name(command, option), rest, length))
            return 0;
        rest += length;
    } else if (option->letter != argument[1]) {
        return 0;
    }
    *value = *rest ? rest + is_long : NULL;
    return 1;
}

static int is_help(const char *argument) {
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* Gives the option `value`, or `next` when there is none in its own argument. Returns the arguments
 * used; 0: wrong, and reported. */
static int take_value(const struct command *command, const struct option *option, const char *value,
                      const char *next, void *at) {
    if (!option->value && value) {
        usage_error(command, "--%s takes no value", option->name);
        return 0;
    }
    if (!option->value) {
        *(int *)at = 1;
        return 1;
    }
    if (value) return store(command, option, value, at);
    if (next) return store(command, option, next, at) ? 2 : 0;
    usage_error(command, "--%s needs a value: %s", option->name, option->value);
    return 0;
}

static int take_option(const struct command *command, const char *argument, const char *next,
                       void *values) {
    const char *value;
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++)
            if (names_option(command, argument, at, &value))
                return take_value(command, at, value, next,
                                  (char *)values + group->offset + at->offset);
    unknown_option(command, argument);
    return 0;
}

/* The first option that the command needs and has not been given, or NULL. */
static const struct option *missing_option(const struct command *command, const void *values) {
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++)
            if (at->kind == OPTION_REQUIRED &&
                !*(const char *const *)((const char *)values + group->offset + at->offset))
                return at;
    return NULL;
}

static int complete(const struct command *command, const void *values, char **operands, int count) {
    const struct option *missing = missing_option(command, values);
    if (missing) {
        usage_error(command, "--%s %s is required", missing->name, missing->value);
        return 0;
    }
    if (count < command->operands_min) {
        usage_error(command, "expected %s", command->synopsis);
        return 0;
    }
    if (count > command->operands_max) {
        usage_error(command, "unexpected argument '%s'", operands[command->operands_max]);
        return 0;
    }
    return 1;
}

enum parse_result options_parse(const struct command *command, int argc, char **argv, void *values,
                                int *operand_count) {
    int count = 0;
    int only_operands = 0;
    for (int i = 0; i < argc;) {
        if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
            argv[count++] = argv[i++];
        } else if (strcmp(argv[i], "--") == 0) {
            only_operands = 1;
            i++;
        } else if (is_help(argv[i])) {
            return PARSE_HELP;
        } else {
            int used = take_option(command, argv[i], i + 1 < argc ? argv[i + 1] : NULL, values);
            if (!used) return PARSE_ERROR;
            i += used;
        }
    }
    *operand_count = count;
    return complete(command, values, argv, count) ? PARSE_OK : PARSE_ERROR;
}

void options_release(const struct command *command, void *values) {
    for (const struct option_group *group = command->groups; group->options; group++)
        for (const struct option *at = group->options; at->name; at++) {
            void *value = (char *)values + group->offset + at->offset;
            if (at->kind == OPTION_TEXTS) free(((struct option_texts *)value)->items);
            if (at->kind == OPTION_IDS) free(((struct option_ids *)value)->items);
        }
}

/* -------------------------------------------------------------------------------------- help */

enum { HELP_INDENT = 30, HELP_WIDTH = 80 };

/* Prints `text` with line breaks between words; it starts at column HELP_INDENT. */
static void print_wrapped(const char *text) {
    int column = HELP_INDENT;
    const char *before = "";
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
            before = "";
        }
        column += printf("%s%.*s", before, length, text);
        before = " ";
        text += length + (text[length] == ' ');
    }
    putchar('\n');
}

/* Prints the value of an option from `column` on, many choices on several lines; returns the last
 * column. */
static int print_value(const char *value, int column) {
    int start = column;
    while (*value) {
        int length = (int)strcspn(value, "|");
        length += value[length] == '|';
        if (column + length > HELP_WIDTH) {
            printf("\n%*s", start, "");
            column = start;
        }
        column += printf("%.*s", length, value);
        value += length;
    }
    return column;
}

static void print_option(const struct command *command, const struct option *option) {
    char letter[8] = "    ";
    if (option->letter) snprintf(letter, sizeof letter, "-%c, ", option->letter);
    int column = printf("  %s--%s%s", letter, option->name, option->value ? " " : "");
    if (option->value) column = print_value(option->value, column);
    /* A long name has its description below it. */
    if (column + 2 > HELP_INDENT) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", HELP_INDENT - column, "");
    const char *other = option_other_name(command, option);
    char *help =
        other ? text_format("%s; also --%s", option->help, other) : text_format("%s", option->help);
    print_wrapped(help);
    free(help);
}

void options_help(const struct command *command) {
    printf("usage: potstill %s [OPTIONS]%s%s\n\n%s\n", command->name, *command->synopsis ? " " : "",
           command->synopsis, command->details);
    for (const struct option_group *group = command->groups; group->options; group++) {
        if (group->heading) printf("\n%s:\n", group->heading);
        for (const struct option *at = group->options; at->name; at++) print_option(command, at);
    }
    printf("\n  -h, --help%*s%s\n", HELP_INDENT - 12, "", "show this help");
}
