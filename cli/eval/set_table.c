/* set_table.c - see set_table.h. */
#include "eval/set_table.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "eval/eval_row.h"

enum { COLUMNS_MAX = 1000 };

struct table {
    const char *at, *end;
    char separator;
    uint32_t line; /* where `at` is, from 1 */
    char *fields;  /* of a row, a NUL behind each */
    size_t starts[COLUMNS_MAX];
    size_t count, length; /* of fields, and of their bytes */
    const char *fault;    /* why the row cannot be read; NULL: it can */
};

static void put(struct table *table, char byte) {
    if (byte == '\0') table->fault = "holds a NUL byte, expected text";
    table->fields[table->length++] = byte; /* no longer than the file, with a NUL for a separator */
}

/* A field in quotation marks, `at` behind the first. */
static void read_quoted(struct table *table) {
    for (; table->at < table->end; table->at++) {
        if (*table->at == '"') {
            if (table->at + 1 == table->end || table->at[1] != '"') {
                table->at++;
                return;
            }
            table->at++;
        }
        table->line += *table->at == '\n';
        put(table, *table->at);
    }
    table->fault = "has a quotation mark that is not closed, expected another";
}

static int ends_field(const struct table *table) {
    return table->at == table->end || *table->at == '\n' || *table->at == table->separator ||
           (*table->at == '\r' && table->at + 1 < table->end && table->at[1] == '\n');
}

static void read_field(struct table *table) {
    int quoted = table->separator == ',' && table->at < table->end && *table->at == '"';
    if (quoted) {
        table->at++;
        read_quoted(table);
    }
    if (quoted && !ends_field(table) && !table->fault)
        table->fault = "has text behind a closing quotation mark, expected a comma";
    while (!ends_field(table)) put(table, *table->at++);
    table->fields[table->length++] = '\0';
}

/* The next row; 0: there is none. */
static int read_row(struct table *table) {
    table->count = table->length = 0;
    table->fault = NULL;
    if (table->at == table->end) return 0;
    for (;;) {
        if (table->count == COLUMNS_MAX) table->fault = "has over 1000 columns, expected fewer";
        table->starts[table->count < COLUMNS_MAX ? table->count++ : 0] = table->length;
        read_field(table);
        if (table->at == table->end || *table->at != table->separator) break;
        table->at++;
    }
    if (table->at < table->end && *table->at == '\r') table->at++;
    if (table->at < table->end && *table->at == '\n') {
        table->at++;
        table->line++;
    }
    return 1;
}

static const char *field(const struct table *table, size_t index) {
    return table->fields + table->starts[index];
}

static int is_blank(const struct table *table) {
    return table->count == 1 && field(table, 0)[strspn(field(table, 0), " \t\r")] == '\0' &&
           !table->fault;
}

static const char not_utf8[] = "is not UTF-8, expected a text that is";

/* The row as an object; NULL with `*why` set. An empty field is as one that is not there. */
static json_t *row_object(const struct table *table, json_t *columns, const char **why) {
    *why = table->fault;
    json_t *row = need(json_object());
    for (size_t i = 0; i < table->count && !*why; i++) {
        const char *name = json_string_value(json_array_get(columns, i));
        json_t *value = json_string(field(table, i));
        if (!value) *why = not_utf8;
        if (value && (field(table, i)[0] || strstr(name, "text") || strstr(name, "transcript")))
            json_object_set_new(row, name, value);
        else
            json_decref(value);
    }
    if (!*why) return row;
    json_decref(row);
    return NULL;
}

static void add_row(struct eval_set *set, const struct table *table, json_t *columns,
                    const char *name, uint32_t line) {
    const char *why = NULL;
    const size_t expected = json_array_size(columns);
    const int fits = table->fault || table->count == expected;
    json_t *row = fits ? row_object(table, columns, &why) : NULL;
    char *where = text_format("%s:%u", name, (unsigned)line);
    if (row)
        eval_row_add(set, row, where, line);
    else if (fits)
        eval_row_add_error(set, text_format("%s: %s", where, why), line);
    else
        eval_row_add_error(set,
                           text_format("%s: number of columns is %zu, expected %zu as in the first "
                                       "line",
                                       where, table->count, expected),
                           line);
    free(where);
}

static int has_text(const json_t *list, const char *text) {
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)list, i, item) {
        if (strcmp(json_string_value(item), text) == 0) return 1;
    }
    return 0;
}

/* The names of the columns; NULL with `*why` set. */
static json_t *read_columns(struct table *table, const char *name, char **why) {
    json_t *columns = need(json_array());
    const char *fault = read_row(table) ? table->fault : "is empty, expected the names of columns";
    for (size_t i = 0; i < table->count && !fault; i++) {
        json_t *column = json_string(field(table, i));
        if (!column) fault = not_utf8;
        if (column && *field(table, i) && has_text(columns, field(table, i)))
            fault = "names a column twice, expected each once";
        if (column) json_array_append_new(columns, column);
    }
    if (!fault && table->count < 2)
        fault = "names fewer than two columns, expected a line like audio, text";
    if (!fault) return columns;
    *why = text_format("%s:1: %s", name, fault);
    json_decref(columns);
    return NULL;
}

char *set_table_parse(struct eval_set *set, const char *text, size_t size, const char *name,
                      char separator) {
    char *why = NULL;
    struct table *table = need(calloc(1, sizeof *table));
    *table = (struct table){.at = text, .end = text + size, .separator = separator, .line = 1};
    table->fields = need(malloc(size + 2));
    json_t *columns = read_columns(table, name, &why);
    for (uint32_t line = table->line; columns && read_row(table); line = table->line)
        if (!is_blank(table)) add_row(set, table, columns, name, line);
    json_decref(columns);
    free(table->fields);
    free(table);
    return why;
}
