/* word_map.c - see word_map.h. Rows are sorted by their first word, those of more words first. */
#include "evaluate/word_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "evaluate/words.h"

struct row {
    char *from_text, *to; /* owned */
    struct word_list from;
    size_t place; /* in the file: of equal rows the first counts */
};

struct word_map {
    struct row *rows; /* [capacity], the first [count] set */
    size_t count, capacity;
};

struct word_map *word_map_new(void) {
    return calloc(1, sizeof(struct word_map));
}

static void free_row(struct row *row) {
    words_free(&row->from);
    free(row->from_text);
    free(row->to);
}

void word_map_free(struct word_map *map) {
    if (!map) return;
    for (size_t i = 0; i < map->count; i++) free_row(&map->rows[i]);
    free(map->rows);
    free(map);
}

static char *copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static pst_status fill_row(struct row *row, const char *from, const char *to, pst_error *err) {
    row->from_text = copy_text(from);
    row->to = copy_text(to);
    if (!row->from_text || !row->to) return error_memory(err, strlen(from) + strlen(to));
    return words_split(&row->from, row->from_text, strlen(row->from_text), err);
}

pst_status word_map_add(struct word_map *map, const char *from, const char *to, pst_error *err) {
    if (map->count == map->capacity) {
        size_t capacity = map->capacity ? 2 * map->capacity : 16;
        struct row *rows = realloc(map->rows, capacity * sizeof *rows);
        if (!rows) return error_memory(err, capacity * sizeof *rows);
        map->rows = rows;
        map->capacity = capacity;
    }
    struct row *row = &map->rows[map->count];
    *row = (struct row){.place = map->count};
    pst_status status = fill_row(row, from, to, err);
    if (status)
        free_row(row);
    else
        map->count++;
    return status;
}

static int compare_first(const struct word *a, const struct word *b) {
    int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_rows(const void *left, const void *right) {
    const struct row *a = left, *b = right;
    int order = compare_first(a->from.words, b->from.words);
    if (order) return order;
    if (a->from.count != b->from.count) return a->from.count > b->from.count ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

void word_map_sort(struct word_map *map) {
    if (map->count) qsort(map->rows, map->count, sizeof *map->rows, compare_rows);
}

static int fits(const struct row *row, const struct word *words, size_t count) {
    if (row->from.count > count) return 0;
    for (size_t i = 0; i < row->from.count; i++)
        if (compare_first(&row->from.words[i], &words[i]) != 0) return 0;
    return 1;
}

/* The row to use at the first of `words` [count]; NULL: none. */
static const struct row *find(const struct word_map *map, const struct word *words, size_t count) {
    size_t low = 0, high = map->count;
    while (low < high) { /* the first row that is not below */
        size_t middle = low + (high - low) / 2;
        if (compare_first(map->rows[middle].from.words, words) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < map->count && compare_first(map->rows[low].from.words, words) == 0; low++)
        if (fits(&map->rows[low], words, count)) return &map->rows[low];
    return NULL;
}

static void append(struct buffer *out, const char *text, size_t length) {
    if (length == 0) return;
    if (out->length) buffer_append(out, " ", 1);
    buffer_append(out, text, length);
}

pst_status word_map_apply(const struct word_map *map, const char *text, struct buffer *out,
                          pst_error *err) {
    struct word_list list;
    pst_status status = words_split(&list, text, strlen(text), err);
    if (status) return status;
    buffer_append(out, "", 0);
    for (size_t i = 0; i < list.count;) {
        const struct row *row = find(map, &list.words[i], list.count - i);
        if (row)
            append(out, row->to, strlen(row->to));
        else
            append(out, list.words[i].text, list.words[i].length);
        i += row ? row->from.count : 1;
    }
    words_free(&list);
    return out->failed ? error_memory(err, 0) : PST_OK;
}
