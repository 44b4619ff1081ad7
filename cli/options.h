/* options.h - the command line as tables.
 *
 * A command is a row of facts and a function. Its options stand in one table, read twice: to parse
 * the arguments into the command's struct of values, and to print its help; so no option can exist
 * without its description, nor the other way round. What has two names in the scripts that people
 * come from is known by either in every command. Abbreviations are not accepted: a script that
 * works today must not change its meaning when an option is added. */
#ifndef POTSTILL_CLI_OPTIONS_H
#define POTSTILL_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* int, set to 1 */
    OPTION_TEXT,     /* const char *, into argv */
    OPTION_REQUIRED, /* the same, and the command needs it */
    OPTION_TEXTS,    /* struct option_texts; may be given again and again */
    OPTION_COUNT,    /* int64_t, from 0 to INT32_MAX */
    OPTION_NUMBER,   /* double, within the range of a float */
    OPTION_CHOICE,   /* int, the index in `value`, which lists the choices: "text|json" */
    OPTION_CHOICES,  /* unsigned, bit i for choice i: "srt,vtt"; may be given again */
    OPTION_IDS,      /* struct option_ids: "3,14,15" */
};

struct option {
    const char *name; /* without the dashes; NULL ends the table */
    char letter;      /* 'o' for -o; 0: none */
    enum option_kind kind;
    const char *value; /* what stands for its value in the help; NULL for a flag */
    size_t offset;     /* of the value in the struct that the table is about */
    const char *help;
};

/* A table that several commands may share, and where the struct it is about lies in theirs. */
struct option_group {
    const char *heading; /* NULL: goes on under the one before */
    const struct option *options;
    size_t offset;
};

struct option_texts {
    const char **items;
    size_t count;
};

struct option_ids {
    int32_t *items;
    size_t count;
    int given;
};

struct command {
    const char *name;
    const char *synopsis;           /* after the options: "FILE|DIR|- ..." */
    const char *summary;            /* one line, for the list of commands */
    const char *details;            /* for its own help: lines as they are printed */
    struct option_group groups[14]; /* ends with one without options */
    int operands_min, operands_max;
    const void *defaults; /* the struct of values before any option */
    size_t values_size;
    int (*run)(const void *values, char **operands, int operand_count); /* an exit code */
};

enum parse_result { PARSE_OK, PARSE_HELP, PARSE_ERROR };

/* Parses argv[0..argc) into `values` (a copy of command->defaults), and moves the operands to the
 * front of argv. What is wrong is printed. Release `values` with options_release() in any case. */
enum parse_result options_parse(const struct command *command, int argc, char **argv, void *values,
                                int *operand_count);
void options_release(const struct command *command, void *values);

/* Says what is wrong and where the help is; returns EXIT_USAGE. `command` may be NULL. */
int usage_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints the help of a command to standard output. */
void options_help(const struct command *command);

/* The other name of what has two; NULL: it has one, or the command means something else by it. */
const char *option_other_name(const struct command *command, const struct option *option);

/* The word of choice `index` of the option `name`, one of OPTION_CHOICE, in fresh memory. */
char *option_word(const struct option *options, const char *name, int index);

/* A whole text that is a number within the range of a float: 1; else 0. */
int parse_number(const char *text, double *number);

#endif
