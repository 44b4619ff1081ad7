/* align.c - see align.h.
 *
 * Short sequences fill the table of distances and are read back from its end. Long ones are cut:
 * the hypothesis in the middle, the reference where both halves together cost least (the leftmost
 * such place), and each half is aligned alone. The limit of the table, and which of equally cheap
 * steps is read back, decide which kinds of edits are counted, so both follow rapidfuzz 3.14, which
 * jiwer calls. */
#include "evaluate/align.h"

#include <stdlib.h>
#include <string.h>

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
    uint8_t *path;          /* [path_count] enum pst_edit_kind so far */
    size_t path_count;
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

static void append(struct aligner *aligner, pst_edit_kind kind, size_t count) {
    memset(aligner->path + aligner->path_count, (int)kind, count);
    aligner->path_count += count;
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

static void reverse(uint8_t *first, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t other = first[i];
        first[i] = first[count - 1 - i];
        first[count - 1 - i] = other;
    }
}

/* From the end of the table to its beginning, so what is appended has to be turned round. */
static void read_back(struct aligner *aligner, const struct band *band, struct run reference,
                      struct run hypothesis, const uint8_t *steps) {
    size_t row = hypothesis.count, column = reference.count, start = aligner->path_count;
    while (row > 0 && column > 0) {
        switch (steps[(row - 1) * band->width + column - first_column(band, row)]) {
        case DELETION:
            append(aligner, PST_EDIT_DELETION, 1);
            column--;
            break;
        case INSERTION:
            append(aligner, PST_EDIT_INSERTION, 1);
            row--;
            break;
        default: {
            row--;
            column--;
            int equal = at(reference, column) == at(hypothesis, row);
            append(aligner, equal ? PST_EDIT_EQUAL : PST_EDIT_SUBSTITUTION, 1);
        }
        }
    }
    append(aligner, PST_EDIT_DELETION, column);
    append(aligner, PST_EDIT_INSERTION, row);
    reverse(aligner->path + start, aligner->path_count - start);
}

static pst_status align_table(struct aligner *aligner, const struct band *band,
                              struct run reference, struct run hypothesis) {
    if (reference.count == 0 || hypothesis.count == 0) {
        append(aligner, PST_EDIT_DELETION, reference.count);
        append(aligner, PST_EDIT_INSERTION, hypothesis.count);
        return PST_OK;
    }
    uint8_t *steps = malloc(hypothesis.count * band->width + 1);
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

/* Removes equal numbers at both ends: how many stood before, and after. */
static void trim(struct run *reference, struct run *hypothesis, size_t ends[2]) {
    size_t shorter = reference->count < hypothesis->count ? reference->count : hypothesis->count;
    size_t before = 0, after = 0;
    while (before < shorter && at(*reference, before) == at(*hypothesis, before)) before++;
    while (after < shorter - before && at(*reference, reference->count - 1 - after) ==
                                           at(*hypothesis, hypothesis->count - 1 - after))
        after++;
    ends[0] = before;
    ends[1] = after;
    *reference = part(*reference, before, reference->count - after);
    *hypothesis = part(*hypothesis, before, hypothesis->count - after);
}

static pst_status align(struct aligner *aligner, struct run reference, struct run hypothesis,
                        size_t bound);

/* What is left between equal ends. Halves the hypothesis at every call, so it is soon short enough.
 */
static pst_status align_between(struct aligner *aligner, struct run reference,
                                struct run hypothesis, size_t bound) {
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

/* distance <= `bound`. */
static pst_status align(struct aligner *aligner, struct run reference, struct run hypothesis,
                        size_t bound) {
    size_t ends[2];
    trim(&reference, &hypothesis, ends);
    append(aligner, PST_EDIT_EQUAL, ends[0]);
    pst_status status = align_between(aligner, reference, hypothesis, bound);
    append(aligner, PST_EDIT_EQUAL, ends[1]);
    return status;
}

static pst_status open_aligner(struct aligner *aligner, size_t reference_count, size_t kinds,
                               pst_error *err) {
    size_t blocks = (reference_count + 63) / 64;
    *aligner = (struct aligner){.last = calloc(kinds + 1, sizeof *aligner->last),
                                .earlier = calloc(reference_count + 1, sizeof *aligner->earlier),
                                .plus = calloc(blocks + 1, sizeof *aligner->plus),
                                .minus = calloc(blocks + 1, sizeof *aligner->minus),
                                .match = calloc(blocks + 1, sizeof *aligner->match),
                                .left = calloc(reference_count + 1, sizeof *aligner->left),
                                .right = calloc(reference_count + 1, sizeof *aligner->right),
                                .err = err};
    if (aligner->last && aligner->earlier && aligner->plus && aligner->minus && aligner->match &&
        aligner->left && aligner->right)
        return PST_OK;
    return error_memory(err, (reference_count + kinds) * sizeof(uint32_t));
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

pst_status align_path(const uint32_t *reference, size_t reference_count, const uint32_t *hypothesis,
                      size_t hypothesis_count, size_t kinds, uint8_t *path, size_t *path_count,
                      pst_error *err) {
    struct aligner aligner;
    pst_status status = open_aligner(&aligner, reference_count, kinds, err);
    aligner.path = path;
    if (!status)
        status = align(&aligner, (struct run){reference, reference_count, 1},
                       (struct run){hypothesis, hypothesis_count, 1}, SIZE_MAX / 4);
    free_aligner(&aligner);
    *path_count = aligner.path_count;
    return status;
}

pst_status align_distance(const uint32_t *reference, size_t reference_count,
                          const uint32_t *hypothesis, size_t hypothesis_count, size_t kinds,
                          size_t *distance, pst_error *err) {
    struct aligner aligner;
    struct run from = {reference, reference_count, 1}, to = {hypothesis, hypothesis_count, 1};
    size_t ends[2];
    trim(&from, &to, ends);
    pst_status status = open_aligner(&aligner, from.count, kinds, err);
    if (!status) {
        last_row(&aligner, from, to, aligner.left);
        *distance = aligner.left[from.count];
    }
    free_aligner(&aligner);
    return status;
}
