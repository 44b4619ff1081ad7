/* seam.c - see seam.h. */
#include "pipeline/speech/seam.h"

#include <math.h>

#include "pipeline/speech/common_words.h"
#include "pipeline/speech/transcript_cut.h"
#include "pipeline/timed_words.h"

enum { WORDS_MAX = COMMON_WORDS_MAX };
/* Times are right to 0.1 s mostly, at the edges of a text to half a second: words further from the
 * overlap, or from each other, are not the same. */
static const double TOLERANCE = 0.6;
/* Seconds that a pair of unlike words may be nearer to the middle and still not be preferred. */
static const double UNLIKE = 0.5;

/* What stays of each. */
struct choice {
    size_t kept;  /* words of the text before, from its first */
    size_t first; /* word of the text after that is its first */
};

/* The words of both that may be in the overlap. */
struct overlap {
    const pst_word *before, *after;
    size_t first_before; /* its number in the transcript */
    size_t rows, columns;
};

static double middle(const pst_word *word) {
    return (word->start + word->end) / 2;
}

/* How much two words are one: above 2 the same word, up to 1 said at the same time; 0: not. Of the
 * same words those are taken that lie closest, so that repeated ones find each other. */
static double likeness(const pst_word *a, const pst_word *b) {
    double apart = fabs(middle(a) - middle(b));
    if (apart <= TOLERANCE && words_are_same(a->text, b->text)) return 3 - apart / TOLERANCE;
    double common = fmin(a->end, b->end) - fmax(a->start, b->start);
    double shorter = fmin(a->end - a->start, b->end - b->start);
    return common > shorter / 2 ? common / (shorter + 1e-9) : 0;
}

static struct overlap find_overlap(const pst_transcript *before, const pst_transcript *after,
                                   const struct seam *seam) {
    struct overlap found = {.before = before->words, .after = after->words};
    size_t start = before->word_count;
    while (start > 0 && found.rows < WORDS_MAX &&
           middle(&before->words[start - 1]) >= seam->from - TOLERANCE) {
        start--;
        found.rows++;
    }
    found.first_before = start;
    if (found.rows) found.before += start;
    while (found.columns < after->word_count && found.columns < WORDS_MAX &&
           middle(&after->words[found.columns]) <= seam->to + TOLERANCE)
        found.columns++;
    return found;
}

/* best [i][k]: of the words from i and from k on, the most likeness of pairs in their order. */
static void pair_up(const struct overlap *overlap, double best[WORDS_MAX + 1][WORDS_MAX + 1]) {
    for (size_t i = 0; i <= overlap->rows; i++) best[i][overlap->columns] = 0;
    for (size_t k = 0; k <= overlap->columns; k++) best[overlap->rows][k] = 0;
    for (size_t i = overlap->rows; i-- > 0;)
        for (size_t k = overlap->columns; k-- > 0;) {
            double like = likeness(&overlap->before[i], &overlap->after[k]);
            double pair = like > 0 ? like + best[i + 1][k + 1] : 0;
            best[i][k] = fmax(pair, fmax(best[i + 1][k], best[i][k + 1]));
        }
}

static double like_at(const struct overlap *overlap, size_t row, size_t column) {
    if (row >= overlap->rows || column >= overlap->columns) return 0;
    return likeness(&overlap->before[row], &overlap->after[column]);
}

/* What stays where word `row` and word `column` are a pair: the word of the text that has heard
 * more around it. One word of the one may be two of the other: both stay, or both go. */
static struct choice choose_word(const struct overlap *overlap, size_t row, size_t column,
                                 int early) {
    size_t kept = row + (size_t)early, first = column + (size_t)early;
    int alike = like_at(overlap, row, column) >= 2;
    while (!alike && early && like_at(overlap, row, first) > 0) first++;
    while (!alike && early && like_at(overlap, kept, column) > 0) kept++;
    while (!alike && !early && first > 0 && like_at(overlap, row, first - 1) > 0) first--;
    while (!alike && !early && kept > 0 && like_at(overlap, kept - 1, column) > 0) kept--;
    return (struct choice){overlap->first_before + kept, first};
}

/* At the pair nearest to the middle. 0: there is no pair. */
static int choose_pair(const struct overlap *overlap, const struct seam *seam,
                       struct choice *choice) {
    double best[WORDS_MAX + 1][WORDS_MAX + 1], least = INFINITY;
    pair_up(overlap, best);
    for (size_t i = 0, k = 0; i < overlap->rows && k < overlap->columns;) {
        double like = like_at(overlap, i, k);
        if (like > 0 && best[i][k] <= like + best[i + 1][k + 1]) {
            double at = (middle(&overlap->before[i]) + middle(&overlap->after[k])) / 2;
            double far = fabs(at - seam->at) + (like < 2 ? UNLIKE : 0);
            if (far < least) *choice = choose_word(overlap, i, k, at < seam->at);
            least = fmin(least, far);
            i++;
            k++;
        } else if (best[i][k] <= best[i + 1][k]) {
            i++;
        } else {
            k++;
        }
    }
    return least < INFINITY;
}

/* Words up to a time from the text before, from then on from the text after. */
static struct choice cut_at(const struct overlap *overlap, double time) {
    struct choice choice = {0, 0};
    while (choice.kept < overlap->rows && middle(&overlap->before[choice.kept]) < time)
        choice.kept++;
    while (choice.first < overlap->columns && middle(&overlap->after[choice.first]) < time)
        choice.first++;
    return choice;
}

/* No word of one is a word of the other: the time that loses the fewest, near the middle. */
static struct choice choose_time(const struct overlap *overlap, const struct seam *seam) {
    struct choice best = cut_at(overlap, seam->at);
    double nearest = 0;
    for (size_t i = 0; i < overlap->rows + overlap->columns; i++) {
        const pst_word *word =
            i < overlap->rows ? &overlap->before[i] : &overlap->after[i - overlap->rows];
        double time = i < overlap->rows ? word->end : word->start, far = fabs(time - seam->at);
        struct choice other = cut_at(overlap, time);
        size_t stay = other.kept + best.first, stayed = best.kept + other.first;
        if (stay < stayed || (stay == stayed && far >= nearest)) continue;
        best = other;
        nearest = far;
    }
    best.kept += overlap->first_before;
    return best;
}

/* -------------------------------------------------------------------------------- without times */

/* Nobody says more words in a second. */
static const double WORDS_PER_SECOND_MOST = 6;

/* Words have no times where the decoder does not show where it looks. */
static int are_untimed(const pst_transcript *before, const pst_transcript *after) {
    return (before->word_count && isnan(before->words[0].start)) ||
           (after->word_count && isnan(after->words[0].start));
}

static size_t least_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Texts that have nothing in common both stay: the overlap is in one of them only. */
static struct choice choose_common(const pst_transcript *before, const pst_transcript *after,
                                   const struct seam *seam) {
    double seconds = seam->to - seam->from, heard = fmax(seam->to - seam->start, seconds);
    size_t most = least_of((size_t)(seconds * WORDS_PER_SECOND_MOST) + 2, COMMON_WORDS_MAX);
    size_t rows = least_of(before->word_count, most);
    size_t columns = least_of(after->word_count, most);
    double expected = (double)before->word_count * seconds / heard;
    struct choice choice = {before->word_count, 0};
    struct common_word common;
    if (!rows || !columns) return choice;
    const pst_word *last = before->words + (before->word_count - rows);
    if (!common_words_find(last, rows, after->words, columns, expected, &common)) return choice;
    return (struct choice){before->word_count - rows + common.before + 1, common.after + 1};
}

/* --------------------------------------------------------------------------------------- sewing */

/* What stays of both. */
static struct choice choose(const pst_transcript *before, const pst_transcript *after,
                            const struct seam *seam) {
    if (are_untimed(before, after)) return choose_common(before, after, seam);
    struct overlap overlap = find_overlap(before, after, seam);
    struct choice choice = {before->word_count, 0};
    if (!overlap.rows || !overlap.columns || choose_pair(&overlap, seam, &choice)) return choice;
    return choose_time(&overlap, seam);
}

/* Between the last word before and the first after, as near to where it was as can be. Words that
 * reach over it end and begin there. */
static void place(pst_transcript *before, pst_transcript *after, struct seam *seam) {
    pst_word *last = before->word_count ? &before->words[before->word_count - 1] : NULL;
    pst_word *first = after->word_count ? &after->words[0] : NULL;
    double end = last ? last->end : -INFINITY, start = first ? first->start : INFINITY;
    if (end > start)
        seam->at = fmax(seam->from, fmin(seam->to, (end + start) / 2));
    else
        seam->at = fmax(end, fmin(start, seam->at));
    for (; last && last >= before->words && last->end > seam->at; last--) {
        last->end = seam->at;
        last->start = fmin(last->start, seam->at);
    }
    for (; first && first < after->words + after->word_count && first->start < seam->at; first++) {
        first->start = seam->at;
        first->end = fmax(first->end, seam->at);
    }
}

pst_status seam_sew(const struct tokenizer *tokenizer, pst_transcript *before,
                    pst_transcript *after, struct seam *seam, pst_error *err) {
    pst_status status = untimed_words_find(tokenizer, before, err);
    if (!status) status = untimed_words_find(tokenizer, after, err);
    if (status) return status;
    int untimed = are_untimed(before, after);
    struct choice choice = choose(before, after, seam);
    status = transcript_cut(tokenizer, before, 0, choice.kept, err);
    if (!status) status = transcript_cut(tokenizer, after, choice.first, after->word_count, err);
    if (!status && !untimed) place(before, after, seam);
    return status;
}
