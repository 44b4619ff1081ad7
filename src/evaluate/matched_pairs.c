/* matched_pairs.c - NIST's test of two systems by the stretches where they err (MAPSSWE).
 *
 * Errors of neighbouring words depend on each other, so words are no sample. Stretches that lie
 * between words which both systems have right do not; their errors are compared in pairs. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "potstill_tools.h"

/* So many words, right in both systems, part two stretches: a trigram sees no further. */
enum { BETWEEN = 2 };

/* An alignment read by the words of the reference. */
struct reader {
    const pst_edit *at, *end;
};

struct sums {
    size_t segments;
    double total, squares; /* of the differences */
};

struct segment {
    int open;
    unsigned good; /* words right in both, since the last error */
    double errors_a, errors_b;
};

static size_t skip_insertions(struct reader *reader) {
    size_t count = 0;
    for (; reader->at < reader->end && reader->at->kind == PST_EDIT_INSERTION; reader->at++)
        count++;
    return count;
}

static void add_errors(struct segment *segment, size_t a, size_t b) {
    if (a + b == 0) return;
    segment->open = 1;
    segment->good = 0;
    segment->errors_a += (double)a;
    segment->errors_b += (double)b;
}

static void close_segment(struct segment *segment, struct sums *sums) {
    double difference = segment->errors_b - segment->errors_a;
    if (segment->open) {
        sums->segments++;
        sums->total += difference;
        sums->squares += difference * difference;
    }
    *segment = (struct segment){0};
}

/* 0: the references differ. */
static int add_utterance(struct reader a, struct reader b, struct sums *sums) {
    struct segment segment = {0};
    for (;;) {
        size_t inserted_a = skip_insertions(&a), inserted_b = skip_insertions(&b);
        add_errors(&segment, inserted_a, inserted_b);
        int more_a = a.at < a.end, more_b = b.at < b.end;
        if (more_a != more_b) return 0;
        if (!more_a) break;
        if (strcmp(a.at->reference, b.at->reference) != 0) return 0;
        int wrong_a = a.at->kind != PST_EDIT_EQUAL, wrong_b = b.at->kind != PST_EDIT_EQUAL;
        add_errors(&segment, (size_t)wrong_a, (size_t)wrong_b);
        if (!wrong_a && !wrong_b && ++segment.good >= BETWEEN) close_segment(&segment, sums);
        a.at++;
        b.at++;
    }
    close_segment(&segment, sums);
    return 1;
}

static struct reader read_alignment(const pst_alignment *alignment) {
    return (struct reader){alignment->edits, alignment->edits + alignment->edit_count};
}

pst_status pst_eval_matched_pairs(const pst_alignment *a, const pst_alignment *b, size_t count,
                                  pst_eval_matched *matched, pst_error *err) {
    if ((count && (!a || !b)) || !matched)
        return error_set(err, PST_ERR_ARGUMENT, "pst_eval_matched_pairs: a pointer is NULL");
    struct sums sums = {0};
    for (size_t i = 0; i < count; i++)
        if (!add_utterance(read_alignment(&a[i]), read_alignment(&b[i]), &sums))
            return error_set(err, PST_ERR_ARGUMENT,
                             "pst_eval_matched_pairs: the references of pair %zu differ", i);
    *matched = (pst_eval_matched){.segments = sums.segments, .p = 1};
    if (sums.segments == 0) return PST_OK;
    double n = (double)sums.segments;
    matched->mean = sums.total / n;
    if (sums.segments < 2) return PST_OK;
    /* Sums of whole numbers: exact, so that equal differences give 0. */
    matched->deviation = sqrt((sums.squares * n - sums.total * sums.total) / (n * (n - 1)));
    if (matched->deviation > 0) {
        matched->z = matched->mean / (matched->deviation / sqrt(n));
        matched->p = erfc(fabs(matched->z) / sqrt(2));
    }
    return PST_OK;
}
