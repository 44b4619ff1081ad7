/* common_words.c - see common_words.h. */
#include "pipeline/speech/common_words.h"

#include <ctype.h>
#include <math.h>

/* Of a pair: one that is alike outweighs one that differs, or a word missing from either text. */
static const double SAME = 2, OTHER = -1, MISSING = -1;
/* Of a word more than the overlap has room for: no pair outweighs it. */
static const double EXCESS = -2.5;

/* best [i][k]: the most that i words of the one and k of the other are worth. */
struct table {
    double best[COMMON_WORDS_MAX + 1][COMMON_WORDS_MAX + 1];
};

static int is_letter(char c) {
    return isalnum((unsigned char)c) || c == '\'' || (unsigned char)c >= 0x80;
}

int words_are_same(const char *a, const char *b) {
    size_t letters = 0;
    for (;;) {
        while (*a && !is_letter(*a)) a++;
        while (*b && !is_letter(*b)) b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b)) return 0;
        if (!*a) return letters > 0;
        letters++;
        a++;
        b++;
    }
}

static double worth(const pst_word *a, const pst_word *b) {
    return words_are_same(a->text, b->text) ? SAME : OTHER;
}

/* The overlap may begin at any word of the text before; it lasts to the end of that. */
static void fill(struct table *table, const pst_word *before, size_t rows, const pst_word *after,
                 size_t columns, double expected) {
    for (size_t i = 0; i <= rows; i++)
        table->best[i][0] = EXCESS * fmax(0, (double)(rows - i) - expected);
    for (size_t k = 1; k <= columns; k++) table->best[0][k] = table->best[0][k - 1] + MISSING;
    for (size_t i = 1; i <= rows; i++)
        for (size_t k = 1; k <= columns; k++) {
            double pair = table->best[i - 1][k - 1] + worth(&before[i - 1], &after[k - 1]);
            double missing = fmax(table->best[i - 1][k], table->best[i][k - 1]) + MISSING;
            table->best[i][k] = fmax(pair, missing);
        }
}

int common_words_find(const pst_word *before, size_t rows, const pst_word *after, size_t columns,
                      double expected, struct common_word *found) {
    struct common_word pairs[COMMON_WORDS_MAX];
    struct table table;
    size_t count = 0, best = 0, i = rows;
    fill(&table, before, rows, after, columns, expected);
    for (size_t k = 1; k <= columns; k++)
        if (table.best[rows][k] > table.best[rows][best]) best = k;
    for (size_t k = best; i > 0 && k > 0;) {
        double here = table.best[i][k];
        if (here == table.best[i - 1][k - 1] + worth(&before[i - 1], &after[k - 1])) {
            i--;
            k--;
            if (worth(&before[i], &after[k]) == SAME) pairs[count++] = (struct common_word){i, k};
        } else if (here == table.best[i - 1][k] + MISSING) {
            i--;
        } else {
            k--;
        }
    }
    double middle = (double)(i + rows - 1) / 2, nearest = INFINITY;
    for (size_t n = 0; n < count; n++) {
        double far = fabs((double)pairs[n].before - middle);
        if (far < nearest) *found = pairs[n];
        nearest = fmin(nearest, far);
    }
    return count > 0;
}
