/* kmeans.c - see kmeans.h.
 *
 * In one dimension the best clusters are runs of the sorted values, and what a run costs obeys the
 * quadrangle inequality: so the least cost is a convex function of the number of runs. To find the
 * best k runs, every run is charged a price and the best parting into any number of runs is found,
 * in O(n log n); the price is searched at which that number is k. Where no price gives exactly k
 * (the cost has a straight piece there, as evenly spaced values make it), a table over the number
 * of runs finds it: the same answer, k times slower. */
#include "coreml/weights/kmeans.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bisections of the price: the bits of a double's mantissa, and some of its exponent. */
enum { PRICE_STEPS = 80 };

/* Sums over the first values, from which the cost of any run follows. */
struct sums {
    double weight, first, second; /* of 1, x and x^2 */
};

struct search {
    const struct sums *sums; /* [count + 1] */
    size_t count, most;
    double *cost;  /* [count + 1] of the best parting of the first values, prices included */
    size_t *from;  /* [count + 1] where its last run begins */
    size_t *runs;  /* [count + 1] how many it has */
    size_t *queue; /* [count + 1] candidates for `from`, in the order in which they become best */
    size_t *since; /* [count + 1] the end from which each candidate is best */
    const struct cancel *cancel;
};

/* The squared distances of values [first, last) to their mean. */
static double run_cost(const struct search *search, size_t first, size_t last) {
    const struct sums *a = &search->sums[first], *b = &search->sums[last];
    double sum = b->first - a->first;
    double cost = (b->second - a->second) - sum * sum / (b->weight - a->weight);
    return cost > 0 ? cost : 0; /* a run of one value may come out below by rounding */
}

static double cost_from(const struct search *search, size_t first, size_t last) {
    return search->cost[first] + run_cost(search, first, last);
}

/* The least end in (newer, count] from which a run that begins at `newer` is better than one that
 * begins at `older`; count + 1: none. Once better it stays better, by the quadrangle inequality. */
static size_t takeover(const struct search *search, size_t older, size_t newer) {
    size_t low = newer + 1, high = search->count + 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cost_from(search, newer, middle) < cost_from(search, older, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The best parting when every run costs `price` more. Returns its number of runs. */
static size_t part_at_price(struct search *search, double price) {
    size_t head = 0, tail = 1;
    search->cost[0] = 0;
    search->runs[0] = 0;
    search->queue[0] = 0;
    search->since[0] = 1;
    for (size_t end = 1; end <= search->count; end++) {
        while (head + 1 < tail && search->since[head + 1] <= end) head++;
        size_t from = search->queue[head];
        search->from[end] = from;
        search->cost[end] = cost_from(search, from, end) + price;
        search->runs[end] = search->runs[from] + 1;
        size_t since = 0;
        /* A candidate that the new one overtakes before its turn is never best. */
        while (tail > head) {
            since = takeover(search, search->queue[tail - 1], end);
            if (tail - 1 == head || since > search->since[tail - 1]) break;
            tail--;
        }
        if (since > search->count) continue;
        search->queue[tail] = end;
        search->since[tail++] = since;
    }
    return search->runs[search->count];
}

static void trace_back(const struct search *search, size_t *starts) {
    size_t at = search->count;
    for (size_t run = search->runs[at] + 1; run-- > 0; at = search->from[at]) starts[run] = at;
}

/* Looks for a price that gives `most` runs; 0: there is none to be found. */
static int search_price(struct search *search, size_t *starts) {
    double low = 0, high = run_cost(search, 0, search->count); /* at `high` one run is best */
    for (int step = 0; step < PRICE_STEPS && low < high; step++) {
        if (cancel_check(search->cancel, NULL)) return 0;
        /* Prices span many powers of ten: the middle is taken between exponents first. */
        double price = low > 0 && high / low > 4 ? sqrt(low) * sqrt(high) : (low + high) / 2;
        if (low == 0 && step < PRICE_STEPS / 2) price = high * 0x1p-10;
        size_t runs = part_at_price(search, price);
        if (runs == search->most) {
            trace_back(search, starts);
            return 1;
        }
        *(runs > search->most ? &low : &high) = price;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------ the table */

/* What fills one row of the table: costs of partings into one run less, and of this many. */
struct row {
    const struct search *search;
    const double *before; /* [count + 1] */
    double *cost;         /* [count + 1] */
    uint32_t *from;       /* [count + 1] */
};

/* Ends [low, high], whose best beginnings lie in [first, last]: the middle one's divides them. */
static void fill_row(const struct row *row, size_t low, size_t high, size_t first, size_t last) {
    while (low <= high) {
        size_t middle = low + (high - low) / 2, best = first;
        double least = INFINITY;
        for (size_t from = first; from <= last && from < middle; from++) {
            double cost = row->before[from] + run_cost(row->search, from, middle);
            if (cost < least) {
                least = cost;
                best = from;
            }
        }
        row->cost[middle] = least;
        row->from[middle] = (uint32_t)best;
        if (middle > low) fill_row(row, low, middle - 1, first, best);
        low = middle + 1;
        first = best;
    }
}

static int search_table(const struct search *search, size_t *starts) {
    size_t width = search->count + 1, most = search->most;
    double *costs = malloc(2 * width * sizeof *costs);
    uint32_t *from = calloc(most * width, sizeof *from);
    int stopped = 0;
    if (costs && from) {
        double *before = costs, *cost = costs + width;
        for (size_t i = 0; i < width; i++) before[i] = i ? INFINITY : 0;
        for (size_t run = 0; run < most && !stopped; run++) {
            struct row row = {search, before, cost, from + run * width};
            for (size_t i = 0; i < width; i++) cost[i] = INFINITY;
            fill_row(&row, run + 1, search->count, run, search->count - 1);
            before = cost;
            cost = cost == costs ? costs + width : costs;
            stopped = cancel_check(search->cancel, NULL) != PST_OK;
        }
        size_t at = search->count;
        starts[most] = at;
        for (size_t run = most; run-- > 0 && !stopped;) starts[run] = at = from[run * width + at];
    }
    int done = costs && from && !stopped;
    free(costs);
    free(from);
    return done;
}

/* --------------------------------------------------------------------------------------------- */

double kmeans_mean(const double *values, const uint64_t *counts, size_t first, size_t last) {
    double sum = 0, weight = 0;
    for (size_t i = first; i < last; i++) {
        sum += values[i] * (double)counts[i];
        weight += (double)counts[i];
    }
    return sum / weight;
}

/* Sums are taken around the mean, where their differences lose least. */
static void prefix_sums(struct sums *sums, const double *values, const uint64_t *counts,
                        size_t count) {
    double mean = kmeans_mean(values, counts, 0, count);
    sums[0] = (struct sums){0};
    for (size_t i = 0; i < count; i++) {
        double weight = (double)counts[i], x = values[i] - mean;
        sums[i + 1] = (struct sums){sums[i].weight + weight, sums[i].first + weight * x,
                                    sums[i].second + weight * x * x};
    }
}

size_t kmeans_runs(const double *values, const uint64_t *counts, size_t count, size_t most,
                   size_t *starts, const struct cancel *cancel) {
    if (most >= count) {
        for (size_t i = 0; i <= count; i++) starts[i] = i;
        return count;
    }
    size_t width = count + 1;
    struct sums *sums = malloc(width * sizeof *sums);
    double *cost = malloc(width * sizeof *cost);
    size_t *lists = malloc(4 * width * sizeof *lists);
    int done = 0;
    if (sums && cost && lists) {
        prefix_sums(sums, values, counts, count);
        struct search search = {
            .sums = sums,
            .count = count,
            .most = most,
            .cost = cost,
            .from = lists,
            .runs = lists + width,
            .queue = lists + 2 * width,
            .since = lists + 3 * width,
            .cancel = cancel,
        };
        done = search_price(&search, starts) || search_table(&search, starts);
    }
    free(sums);
    free(cost);
    free(lists);
    return done ? most : 0;
}
