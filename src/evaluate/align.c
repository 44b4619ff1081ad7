/* align.c - see align.h.
 *
 * Short sequences fill the table of distances and are read back from its end. Long ones are cut:
 * the hypothesis in the middle, the reference where both halves together cost least (the leftmost
 * such place), and each half is aligned alone. The limit of the table, and which of equally cheap
 * steps is read back, decide which kinds of edits are counted, so both follow rapidfuzz 3.14, which
 * jiwer calls. */
#include "evaluate/align.h"

#include <stdlib.h>

#include "base/error.h"

/* The bounds of rapidfuzz's table: a mebibyte at two bits a cell. A table of a byte a cell has
 * these many bytes, or 64 by the longest text, or 9. */
enum { TABLE_CELLS = 4 << 20, SHORT_REFERENCE = 65, SHORT_HYPOTHESIS = 10 };

enum step { DIAGONAL, DELETION, INSERTION };

static const uint32_t FAR = UINT32_MAX / 2; /* the distance of cells outside the band */
static const uint32_t NONE = UINT32_MAX;

/* Numbers in either direction: at(i) = first[i * step]. */
struct run {
    const uint32_t *first;
    size_t count;
    ptrdiff_t step;
};

struct aligner {
    uint32_t *last;         /* [kinds] where a number stood last, as a list with `earlier` */
    uint32_t *earlier;      /* [longest] */
    uint64_t *plus, *minus; /* [blocks] where the row of distances rises and falls */
    uint64_t *match;        /* [blocks] where the reference has the number looked at */
    uint32_t *left, *right; /* [longest + 1] distances */
    pst_word_counts counts;
    pst_error *err;
};

static uint32_t at(struct run run, size_t i) {
    return run.first[(ptrdiff_t)i * run.step];
}

/* Of a run that goes forward. */
static struct run part(struct run run, size_t from, size_t to) {
    return (struct run){run.first + from, to - from, 1};
}

static struct run reversed(struct run run) {
    return (struct run){run.first + (run.count ? run.count - 1 : 0), run.count, -1};
}

/* -------------------------------------------------------------------------------- the table */

/* Cells that matter lie within `bound` of the diagonal, `bound` being no less than the distance. */
struct band {
    size_t bound, width;
    size_t columns; /* of the whole table: the reference's numbers and one */
};

static size_t first_column(const struct band *band, size_t row) {
    return row > band->bound ? row - band->bound : 0;
}

static size_t past_column(const struct band *band, size_t row) {
    size_t past = row + band->bound + 1;
    return past < band->columns ? past : band->columns;
}

/* The step that leads to a cell, from the distances around it. Deletion comes before all others.
 * Insertion is taken when it costs less than the diagonal cell, so it may win over a match where
 * both are cheapest, but not over a substitution. */
static enum step choose(uint32_t here, uint32_t west, uint32_t north, uint32_t north_west) {
    if (here == west + 1) return DELETION;
    return north < north_west ? INSERTION : DIAGONAL;
}

/* Distances row by row in `above`, one row kept; steps [rows, band.width] from row 1, column 0
 * being the band's first. */
static void fill_table(const struct band *band, struct run reference, struct run hypothesis,
                       uint32_t *above, uint8_t *steps) {
    for (size_t column = 0; column < band->columns; column++)
        above[column] = column <= band->bound ? (uint32_t)column : FAR;
    for (size_t row = 1; row <= hypothesis.count; row++) {
        uint8_t *out = steps + (row - 1) * band->width;
        size_t first = first_column(band, row), past = past_column(band, row);
        uint32_t north_west = first > 0 ? above[first - 1] : FAR;
        uint32_t west = FAR;
        uint32_t number = at(hypothesis, row - 1);
        for (size_t column = first; column < past; column++) {
            uint32_t north = above[column];
            uint32_t here = north + 1;
            if (column > 0) {
                uint32_t diagonal = north_west + (at(reference, column - 1) != number);
                if (diagonal < here) here = diagonal;
                if (west + 1 < here) here = west + 1;
            }
            *out++ = (uint8_t)choose(here, west, north, north_west);
            north_west = north;
            above[column] = west = here;
        }
    }
}

static void read_back(struct aligner *aligner, const struct band *band, struct run reference,
                      struct run hypothesis, const uint8_t *steps) {
    size_t row = hypothesis.count, column = reference.count;
    pst_word_counts *counts = &aligner->counts;
    while (row > 0 && column > 0) {
        switch (steps[(row - 1) * band->width + column - first_column(band, row)]) {
        case DELETION:
            counts->deletions++;
            column--;
            break;
        case INSERTION:
            counts->insertions++;
            row--;
            break;
        default:
            row--;
            column--;
            if (at(reference, column) == at(hypothesis, row))
                counts->hits++;
            else
                counts->substitutions++;
        }
    }
    counts->deletions += column;
    counts->insertions += row;
}

static pst_status align_table(struct aligner *aligner, const struct band *band,
                              struct run reference, struct run hypothesis) {
    if (reference.count == 0 || hypothesis.count == 0) {
        aligner->counts.deletions += reference.count;
        aligner->counts.insertions += hypothesis.count;
        return PST_OK;
    }
    uint8_t *steps = malloc(hypothesis.count * band->width);
    if (!steps) return error_memory(aligner->err, hypothesis.count * band->width);
    fill_table(band, reference, hypothesis, aligner->left, steps);
    read_back(aligner, band, reference, hypothesis, steps);
    free(steps);
    return PST_OK;
}

/* ---------------------------------------------------------------------------------- the cut */

/* Lists the places of every number in the reference, latest first. */
static void list_places(struct aligner *aligner, struct run reference, struct run hypothesis) {
    for (size_t i = 0; i < hypothesis.count; i++) aligner->last[at(hypothesis, i)] = NONE;
    for (size_t i = 0; i < reference.count; i++) aligner->last[at(reference, i)] = NONE;
    for (size_t i = 0; i < reference.count; i++) {
        uint32_t *last = &aligner->last[at(reference, i)];
        aligner->earlier[i] = *last;
        *last = (uint32_t)i;
    }
}

/* One number more of the hypothesis: Myers' bit-parallel step in Hyyrö's form. 64 neighbouring
 * differences of the row are two words, `plus` and `minus`; the differences between this row and
 * the last travel along in two carries. */
static void advance(struct aligner *aligner, size_t blocks, uint32_t number) {
    for (uint32_t i = aligner->last[number]; i != NONE; i = aligner->earlier[i])
        aligner->match[i / 64] |= UINT64_C(1) << i % 64;
    uint64_t up = 1, down = 0; /* the first column rises by one a row */
    for (size_t block = 0; block < blocks; block++) {
        uint64_t plus = aligner->plus[block], minus = aligner->minus[block];
        uint64_t match = aligner->match[block] | down;
        uint64_t diagonal = (((match & plus) + plus) ^ plus) | match | minus;
        uint64_t rises = minus | ~(diagonal | plus), falls = plus & diagonal;
        uint64_t up_next = rises >> 63, down_next = falls >> 63;
        rises = rises << 1 | up;
        falls = falls << 1 | down;
        aligner->plus[block] = falls | ~(diagonal | rises);
        aligner->minus[block] = rises & diagonal;
        up = up_next;
        down = down_next;
    }
    for (uint32_t i = aligner->last[number]; i != NONE; i = aligner->earlier[i])
        aligner->match[i / 64] = 0;
}

/* distances[i]: of all of `hypothesis` from the first i of `reference`. */
static void last_row(struct aligner *aligner, struct run reference, struct run hypothesis,
                     uint32_t *distances) {
    size_t blocks = (reference.count + 63) / 64;
    list_places(aligner, reference, hypothesis);
    for (size_t block = 0; block < blocks; block++) {
        aligner->plus[block] = UINT64_MAX;
        aligner->minus[block] = aligner->match[block] = 0;
    }
    for (size_t i = 0; i < hypothesis.count; i++) advance(aligner, blocks, at(hypothesis, i));
    distances[0] = (uint32_t)hypothesis.count;
    for (size_t i = 0; i < reference.count; i++)
        distances[i + 1] = distances[i] + (uint32_t)(aligner->plus[i / 64] >> i % 64 & 1) -
                           (uint32_t)(aligner->minus[i / 64] >> i % 64 & 1);
}

/* Where to cut the reference for a cut of the hypothesis at `middle`, and what both halves cost. */
static size_t find_cut(struct aligner *aligner, struct run reference, struct run hypothesis,
                       size_t middle, size_t *left_cost, size_t *right_cost) {
    size_t n = reference.count, cut = 0;
    last_row(aligner, reversed(reference), reversed(part(hypothesis, middle, hypothesis.count)),
             aligner->right);
    last_row(aligner, reference, part(hypothesis, 0, middle), aligner->left);
    for (size_t i = 1; i <= n; i++)
        if (aligner->left[i] + aligner->right[n - i] < aligner->left[cut] + aligner->right[n - cut])
            cut = i;
    *left_cost = aligner->left[cut];
    *right_cost = aligner->right[n - cut];
    return cut;
}

/* Equal numbers at both ends are hits, and are removed. */
static void trim(struct aligner *aligner, struct run *reference, struct run *hypothesis) {
    size_t shorter = reference->count < hypothesis->count ? reference->count : hypothesis->count;
    size_t before = 0, after = 0;
    while (before < shorter && at(*reference, before) == at(*hypothesis, before)) before++;
    while (after < shorter - before && at(*reference, reference->count - 1 - after) ==
                                           at(*hypothesis, hypothesis->count - 1 - after))
        after++;
    aligner->counts.hits += before + after;
    *reference = part(*reference, before, reference->count - after);
    *hypothesis = part(*hypothesis, before, hypothesis->count - after);
}

/* Halves the hypothesis at every call, so it is soon short enough. distance <= `bound`. */
static pst_status align(struct aligner *aligner, struct run reference, struct run hypothesis,
                        size_t bound) {
    trim(aligner, &reference, &hypothesis);
    size_t longer = reference.count > hypothesis.count ? reference.count : hypothesis.count;
    if (bound > longer) bound = longer;
    size_t across = reference.count < 2 * bound + 1 ? reference.count : 2 * bound + 1;
    if (across * hypothesis.count < TABLE_CELLS || reference.count < SHORT_REFERENCE ||
        hypothesis.count < SHORT_HYPOTHESIS) {
        struct band band = {.bound = bound, .columns = reference.count + 1};
        band.width = band.columns < 2 * bound + 1 ? band.columns : 2 * bound + 1;
        return align_table(aligner, &band, reference, hypothesis);
    }
    size_t middle = hypothesis.count / 2, left_cost, right_cost;
    size_t cut = find_cut(aligner, reference, hypothesis, middle, &left_cost, &right_cost);
    pst_status status =
        align(aligner, part(reference, 0, cut), part(hypothesis, 0, middle), left_cost);
    if (status) return status;
    return align(aligner, part(reference, cut, reference.count),
                 part(hypothesis, middle, hypothesis.count), right_cost);
}

static void free_aligner(struct aligner *aligner) {
    free(aligner->last);
    free(aligner->earlier);
    free(aligner->plus);
    free(aligner->minus);
    free(aligner->match);
    free(aligner->left);
    free(aligner->right);
}

pst_status align_count(const uint32_t *reference, size_t reference_count,
                       const uint32_t *hypothesis, size_t hypothesis_count, size_t kinds,
                       pst_word_counts *counts, pst_error *err) {
    size_t blocks = (reference_count + 63) / 64;
    struct aligner aligner = {.last = calloc(kinds + 1, sizeof *aligner.last),
                              .earlier = calloc(reference_count + 1, sizeof *aligner.earlier),
                              .plus = calloc(blocks + 1, sizeof *aligner.plus),
                              .minus = calloc(blocks + 1, sizeof *aligner.minus),
                              .match = calloc(blocks + 1, sizeof *aligner.match),
                              .left = calloc(reference_count + 1, sizeof *aligner.left),
                              .right = calloc(reference_count + 1, sizeof *aligner.right),
                              .err = err};
    pst_status status;
    if (aligner.last && aligner.earlier && aligner.plus && aligner.minus && aligner.match &&
        aligner.left && aligner.right)
        status = align(&aligner, (struct run){reference, reference_count, 1},
                       (struct run){hypothesis, hypothesis_count, 1}, SIZE_MAX / 4);
    else
        status = error_memory(err, (reference_count + kinds) * sizeof(uint32_t));
    free_aligner(&aligner);
    if (status) return status;
    counts->substitutions += aligner.counts.substitutions;
    counts->deletions += aligner.counts.deletions;
    counts->insertions += aligner.counts.insertions;
    counts->hits += aligner.counts.hits;
    return PST_OK;
}
