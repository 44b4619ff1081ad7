/* eval_set.h - what is evaluated: utterances with what was said in them.
 *
 * Read from what people have: a JSON object a line, {"utterances": [...]}, a table with tabs or
 * commas, a folder. Every row becomes a JSON object first, so that all forms share one set of names
 * (eval_row.c). A row that cannot be used keeps its place, with the reason. */
#ifndef POTSTILL_CLI_EVAL_SET_H
#define POTSTILL_CLI_EVAL_SET_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define EVAL_SET_BYTES_MAX ((size_t)1 << 30)

struct eval_item {
    char *id;                     /* no other has the same */
    char *audio;                  /* as the set has it; NULL: none */
    char *path;                   /* the file that this is */
    char *text;                   /* what was said */
    char *group;                  /* NULL: none */
    double offset, duration;      /* seconds of the file; duration 0: to its end */
    double seconds;               /* of sound; NAN: not known */
    double loudness_db, noise_db; /* below full scale; NAN: not known */
    char *peaks;                  /* its waveform, see eval_sound.h; NULL: not known */
    json_t *fields;               /* the whole row, for what else it holds; NULL with some errors */
    char *error;                  /* with file and line; NULL: none */
    uint32_t line;                /* or number of the row, from 1 */
};

struct eval_set {
    const char *path;     /* as it was named */
    char *folder;         /* that its file lies in, where its paths begin too; NULL: here */
    char sha256[65];      /* of the file; "" of a folder */
    const char *by_group; /* the column that is the group; NULL: the usual names */
    struct eval_item *items;
    size_t count, capacity;
    int is_list;   /* items have numbers, not lines */
    size_t usable; /* items without an error */
};

/* Reads. NULL, or the reason why it cannot be used, to be freed: a row at fault is none, as long as
 * another is usable. eval_set_free() in any case. `path` and `by_group` must outlive the set. */
char *eval_set_read(struct eval_set *set, const char *path, const char *by_group);
/* The same of text in memory, of a file that is called `name`. */
char *eval_set_parse(struct eval_set *set, const char *text, size_t size, const char *name);
void eval_set_free(struct eval_set *set);

#endif
