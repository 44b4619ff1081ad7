/* spoken_words.c - see spoken_words.h. */
#include "eval/spoken_words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "json_text.h"

static void add(struct spoken_words *words, const char *word, double start, double end) {
    if ((words->count & (words->count + 1)) == 0) { /* 0, 1, 3, 7, ...: full */
        size_t room = 2 * words->count + 1;
        words->words = need(realloc(words->words, room * sizeof *words->words));
        words->spans = need(realloc(words->spans, room * sizeof *words->spans));
    }
    words->words[words->count] = need(strdup(word));
    words->spans[words->count++] = (struct time_span){start, end};
}

void spoken_words_take(struct spoken_words *words, const pst_transcript *transcript) {
    words->known = 1;
    for (size_t i = 0; i < transcript->word_count; i++) {
        const pst_word *word = &transcript->words[i];
        add(words, word->text, word->start, word->end);
    }
}

/* 0: it is none. */
static int read_word(struct spoken_words *words, const json_t *item) {
    const int list = json_is_array(item);
    const json_t *word = list ? json_array_get(item, 0) : json_object_get(item, "word");
    const json_t *start = list ? json_array_get(item, 1) : json_object_get(item, "start");
    const json_t *end = list ? json_array_get(item, 2) : json_object_get(item, "end");
    if (!json_is_string(word) || !json_is_number(start) || !json_is_number(end)) return 0;
    add(words, json_string_value(word), json_number_value(start), json_number_value(end));
    return 1;
}

static int read_list(struct spoken_words *words, const json_t *list) {
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)list, i, item) {
        if (!read_word(words, item)) return 0;
    }
    return json_is_array(list);
}

void spoken_words_read(struct spoken_words *words, const json_t *row) {
    size_t i;
    json_t *segment, *segments = json_object_get(row, "segments");
    words->known = json_object_get(row, "words") || json_array_size(segments);
    if (json_object_get(row, "words")) {
        words->known = read_list(words, json_object_get(row, "words"));
    } else {
        json_array_foreach(segments, i, segment) {
            if (!read_list(words, json_object_get(segment, "words"))) words->known = 0;
        }
    }
    if (!words->known) spoken_words_free(words);
}

void spoken_words_print(FILE *out, const struct spoken_words *words) {
    fputs("[", out);
    for (size_t i = 0; i < words->count; i++) {
        fputs(i ? ", [" : "[", out);
        json_print_text(out, words->words[i]);
        fputs(", ", out);
        json_print_number(out, words->spans[i].start);
        fputs(", ", out);
        json_print_number(out, words->spans[i].end);
        fputs("]", out);
    }
    fputs("]", out);
}

void spoken_words_free(struct spoken_words *words) {
    for (size_t i = 0; i < words->count; i++) free(words->words[i]);
    free(words->words);
    free(words->spans);
    *words = (struct spoken_words){0};
}

/* ------------------------------------------------------------------------- as they are compared */

/* Part `index` of `count` equal ones. */
static struct time_span part_of(struct time_span span, size_t index, size_t count) {
    const double step = (span.end - span.start) / (double)count;
    return (struct time_span){span.start + step * (double)index,
                              index + 1 < count ? span.start + step * (double)(index + 1)
                                                : span.end};
}

/* Each word normalised by itself: none, one or more, which share its time. 0: it cannot be. */
static int normalize_each(struct spoken_words *made, const struct spoken_words *words,
                          const pst_normalizer *normalizer) {
    for (size_t i = 0; i < words->count; i++) {
        pst_alignment one;
        pst_status status = pst_eval_align(normalizer, "", words->words[i], &one, NULL);
        for (size_t j = 0; !status && j < one.edit_count; j++) {
            struct time_span span = part_of(words->spans[i], j, one.edit_count);
            add(made, one.edits[j].hypothesis, span.start, span.end);
        }
        pst_alignment_free(&one);
        if (status) return 0;
    }
    return 1;
}

/* Words with a space before each, which divides them and is none at the ends. */
static char *said_text(const struct spoken_words *words) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = need(open_memstream(&text, &length));
    for (size_t i = 0; i < words->count; i++) fprintf(stream, " %s", words->words[i]);
    if (fclose(stream)) need(NULL); /* it is memory */
    return need(text);
}

static char *heard_text(const pst_alignment *alignment) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = need(open_memstream(&text, &length));
    for (size_t i = 0; i < alignment->edit_count; i++)
        if (alignment->edits[i].hypothesis) fprintf(stream, " %s", alignment->edits[i].hypothesis);
    if (fclose(stream)) need(NULL);
    return need(text);
}

/* Times for `heard` words that stand for `said` ones: "21" for "twenty one" has the time of both,
 * "twenty" and "one" for "21" share its. */
static void spread(struct time_span *to, size_t heard, const struct time_span *from, size_t said) {
    for (size_t i = 0; i < heard; i++) {
        if (said == 0)
            to[i] = (struct time_span){NAN, NAN};
        else if (heard > said)
            to[i] = part_of((struct time_span){from[0].start, from[said - 1].end}, i, heard);
        else
            to[i] = (struct time_span){from[i * said / heard].start,
                                       from[(i + 1) * said / heard - 1].end};
    }
}

/* Words that are equal have each other's time; what lies between two of them is spread. */
static struct time_span *follow(const pst_alignment *ways, const struct spoken_words *made) {
    struct time_span *spans = need(calloc(ways->edit_count + 1, sizeof *spans));
    size_t said = 0, heard = 0, said_done = 0, heard_done = 0;
    for (size_t i = 0; i <= ways->edit_count; i++) {
        const pst_edit *edit = i < ways->edit_count ? &ways->edits[i] : NULL;
        if (!edit || edit->kind == PST_EDIT_EQUAL) {
            spread(spans + heard_done, heard - heard_done, made->spans + said_done,
                   said - said_done);
            if (edit) spans[heard] = made->spans[said];
            said_done = said + 1;
            heard_done = heard + 1;
        }
        if (edit && edit->reference) said++;
        if (edit && edit->hypothesis) heard++;
    }
    return spans;
}

struct time_span *spoken_words_align(const struct spoken_words *words,
                                     const pst_normalizer *normalizer,
                                     const pst_alignment *alignment) {
    if (!words->known) return NULL;
    struct spoken_words made = {.spans = need(malloc(sizeof *made.spans))};
    struct time_span *spans = NULL;
    if (normalize_each(&made, words, normalizer)) {
        pst_alignment ways;
        char *said = said_text(&made), *heard = heard_text(alignment);
        if (!pst_eval_align(NULL, said, heard, &ways, NULL) &&
            ways.counts.hits + ways.counts.substitutions + ways.counts.deletions == made.count)
            spans = follow(&ways, &made);
        pst_alignment_free(&ways);
        free(said);
        free(heard);
    }
    spoken_words_free(&made);
    return spans;
}
