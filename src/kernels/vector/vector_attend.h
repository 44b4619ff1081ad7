/* vector_attend.h - attention of many query rows, on any vector set.
 *
 * Included by vector_rows.h, and by amx.c for what its tiles do not compute. A lane is a query: the
 * queries of a tile are transposed once to q[d][PANEL], and then keys and values are read in place,
 * a number at a time for all queries. So there is nothing to pack and nothing to pad, the largest
 * score and the sum of the weights are found without crossing lanes, and heads may have any width.
 * Keys come in blocks that stay in the first-level cache; what has been summed before a block is
 * scaled to its new maximum.
 *
 * Powers are of two: the scale of the queries takes log2(e) along, which saves a factor of ln 2. */
#ifndef PST_KERNELS_VECTOR_VECTOR_ATTEND_H
#define PST_KERNELS_VECTOR_VECTOR_ATTEND_H

#include "kernels/vector/vector_power.h"

/* The queries of a tile and what is known of them after some keys. */
struct attend_tile {
    float *q;       /* [head_dim][PANEL] */
    float *context; /* [head_dim][PANEL]: sums of weights times values */
    float *weights; /* [ATTEND_KEYS][PANEL]: scores, then weights */
    vfloat largest[TILE_VECTORS], sum[TILE_VECTORS];
    vfloat shrink[TILE_VECTORS]; /* what the last block makes of the sums before it */
};

/* Scores of `keys` keys from `first` of the block on; `top` rises to the largest. */
ALWAYS_INLINE void score_keys(const struct attend_rows *a, struct attend_tile *t, const float *k,
                              size_t first, vfloat *top, int keys, int vectors) {
    vfloat sum[TILE_ROWS][TILE_VECTORS];
    UNROLL for (int r = 0; r < keys; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    const float *q = t->q, *group[(TILE_ROWS + 3) / 4]; /* as in multiply_tile() */
    size_t stride = a->stride;
    UNROLL for (int r = 0; r < keys; r += 4) group[r / 4] = k + (first + (size_t)r) * stride;
    for (size_t d = 0; d < a->head_dim; d++, q += PANEL) {
        vfloat queries[TILE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) queries[v] = v_load(q + v * LANES);
        UNROLL for (int r = 0; r < keys; r++) {
            vfloat key = v_set(group[r / 4][(size_t)(r % 4) * stride + d]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v_fma(key, queries[v], sum[r][v]);
        }
    }
    float *scores = t->weights + first * PANEL;
    UNROLL for (int v = 0; v < vectors; v++) {
        UNROLL for (int r = 0; r < keys; r++) {
            v_store(scores + r * PANEL + v * LANES, sum[r][v]);
            top[v] = v_max(top[v], sum[r][v]);
        }
    }
}

/* Scores of a block become weights, and the running maximum and sum follow. */
ALWAYS_INLINE void weigh_keys(struct attend_tile *t, const vfloat *top, size_t keys, int vectors,
                              int approximate) {
    UNROLL for (int v = 0; v < vectors; v++) {
        vfloat largest = v_max(t->largest[v], top[v]), sum = v_set(0);
        t->shrink[v] = v_power(t->largest[v] - largest, 0);
        t->largest[v] = largest;
        float *weight = t->weights + v * LANES;
        for (size_t i = 0; i < keys; i++, weight += PANEL) {
            vfloat power = v_power(v_load(weight) - largest, approximate);
            v_store(weight, power);
            sum += power;
        }
        t->sum[v] = v_fma(t->sum[v], t->shrink[v], sum);
    }
}

/* context[d ..] = context * shrink + weights times values, for `dims` values of a row. */
ALWAYS_INLINE void add_values(const struct attend_rows *a, const struct attend_tile *t,
                              const float *values, size_t d, size_t keys, int dims, int vectors) {
    vfloat sum[TILE_ROWS][TILE_VECTORS];
    UNROLL for (int r = 0; r < dims; r++) {
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = v_set(0);
    }
    const float *weight = t->weights;
    values += d;
    for (size_t i = 0; i < keys; i++, weight += PANEL, values += a->stride) {
        vfloat weights[TILE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) weights[v] = v_load(weight + v * LANES);
        UNROLL for (int r = 0; r < dims; r++) {
            vfloat value = v_set(values[r]);
            UNROLL for (int v = 0; v < vectors; v++) sum[r][v] =
                v_fma(value, weights[v], sum[r][v]);
        }
    }
    float *context = t->context + d * PANEL;
    UNROLL for (int r = 0; r < dims; r++) {
        UNROLL for (int v = 0; v < vectors; v++) {
            float *at = context + r * PANEL + v * LANES;
            v_store(at, v_fma(v_load(at), t->shrink[v], sum[r][v]));
        }
    }
}

#define DEFINE_ATTEND(suffix, vectors)                                                             \
    static void score_many##suffix(const struct attend_rows *a, struct attend_tile *t,             \
                                   const float *k, size_t first, vfloat *top) {                    \
        score_keys(a, t, k, first, top, TILE_ROWS, vectors);                                       \
    }                                                                                              \
    static void score_one##suffix(const struct attend_rows *a, struct attend_tile *t,              \
                                  const float *k, size_t first, vfloat *top) {                     \
        score_keys(a, t, k, first, top, 1, vectors);                                               \
    }                                                                                              \
    static void add_many##suffix(const struct attend_rows *a, const struct attend_tile *t,         \
                                 const float *v, size_t d, size_t keys) {                          \
        add_values(a, t, v, d, keys, TILE_ROWS, vectors);                                          \
    }                                                                                              \
    static void add_four##suffix(const struct attend_rows *a, const struct attend_tile *t,         \
                                 const float *v, size_t d, size_t keys) {                          \
        add_values(a, t, v, d, keys, 4, vectors);                                                  \
    }                                                                                              \
    static void add_one##suffix(const struct attend_rows *a, const struct attend_tile *t,          \
                                const float *v, size_t d, size_t keys) {                           \
        add_values(a, t, v, d, keys, 1, vectors);                                                  \
    }
DEFINE_ATTEND(_wide, TILE_VECTORS)
DEFINE_ATTEND(_narrow, 1)
#undef DEFINE_ATTEND

static void weigh(struct attend_tile *t, const vfloat *top, size_t keys, int wide,
                  int approximate) {
    if (wide && approximate)
        weigh_keys(t, top, keys, TILE_VECTORS, 1);
    else if (wide)
        weigh_keys(t, top, keys, TILE_VECTORS, 0);
    else if (approximate)
        weigh_keys(t, top, keys, 1, 1);
    else
        weigh_keys(t, top, keys, 1, 0);
}

static void attend_keys(const struct attend_rows *a, struct attend_tile *t, size_t first,
                        size_t keys, int wide) {
    const float *k = a->k + first * a->stride, *v = a->v + first * a->stride;
    vfloat top[TILE_VECTORS];
    for (int i = 0; i < TILE_VECTORS; i++) top[i] = v_set(-INFINITY);
    /* The last tile ends at the last key and computes a few scores again: the same ones. */
    if (keys >= TILE_ROWS)
        for (size_t i = 0; i < keys; i += TILE_ROWS)
            (wide ? score_many_wide : score_many_narrow)(a, t, k, at_most(i, keys - TILE_ROWS),
                                                         top);
    else
        for (size_t i = 0; i < keys; i++)
            (wide ? score_one_wide : score_one_narrow)(a, t, k, i, top);
    weigh(t, top, keys, wide, a->approximate);
    size_t d = 0;
    for (; d + TILE_ROWS <= a->head_dim; d += TILE_ROWS)
        (wide ? add_many_wide : add_many_narrow)(a, t, v, d, keys);
    for (; d + 4 <= a->head_dim; d += 4) (wide ? add_four_wide : add_four_narrow)(a, t, v, d, keys);
    for (; d < a->head_dim; d++) (wide ? add_one_wide : add_one_narrow)(a, t, v, d, keys);
}

/* q[d][lane] = scale * query `lane`; past the last query: the last again, never stored. */
static void transpose_queries(const struct attend_rows *a, struct attend_tile *t, size_t first,
                              size_t queries) {
    const float scale = a->scale * 1.44269504f;
    for (size_t lane = 0; lane < PANEL && lane < queries; lane += LANES) {
        const float *row[LANES];
        for (size_t i = 0; i < LANES; i++)
            row[i] = a->q + (first + at_most(lane + i, queries - 1)) * a->stride;
        float *q = t->q + lane;
        size_t d = 0;
        for (; d + 4 <= a->head_dim; d += 4, q += 4 * PANEL) {
            vfloat four[4];
            v_load_transposed(four, row, d);
            UNROLL for (int i = 0; i < 4; i++) v_store(q + i * PANEL, four[i] * v_set(scale));
        }
        for (; d < a->head_dim; d++, q += PANEL)
            for (size_t i = 0; i < LANES; i++) q[i] = row[i][d] * scale;
    }
}

/* out = context / sum, transposed back: context [head_dim][columns] with a query a lane, sum and
 * share [columns]; share is scratch. */
ALWAYS_INLINE void store_context(const struct attend_rows *a, const float *context,
                                 const vfloat *sum, float *share, size_t columns, size_t first,
                                 size_t queries) {
    for (size_t i = 0; i < columns / LANES; i++) v_store(share + i * LANES, v_set(1) / sum[i]);
    for (size_t d = 0; d < a->head_dim; d += LANES) {
        size_t dims = at_most(a->head_dim - d, LANES);
        const float *row[LANES];
        for (size_t i = 0; i < LANES; i++) row[i] = context + (d + at_most(i, dims - 1)) * columns;
        for (size_t query = 0; query < queries; query += 4) {
            vfloat four[4];
            v_load_transposed(four, row, query);
            for (size_t i = 0; i < 4 && query + i < queries; i++)
                v_store_some(a->out + (first + query + i) * a->stride + d,
                             four[i] * v_set(share[query + i]), dims);
        }
    }
}

static void attend_rows(const struct attend_rows *a, float *scratch) {
    struct attend_tile t = {.q = scratch,
                            .context = scratch + a->head_dim * PANEL,
                            .weights = scratch + 2 * a->head_dim * PANEL};
    float share[PANEL];
    for (size_t first = 0; first < a->m; first += PANEL) {
        size_t queries = at_most(a->m - first, PANEL);
        int wide = queries > LANES;
        transpose_queries(a, &t, first, queries);
        for (size_t i = 0; i < a->head_dim * PANEL; i += LANES) v_store(t.context + i, v_set(0));
        for (int v = 0; v < TILE_VECTORS; v++) {
            t.largest[v] = v_set(-INFINITY);
            t.sum[v] = v_set(0);
        }
        for (size_t key = 0; key < a->count; key += ATTEND_KEYS)
            attend_keys(a, &t, key, at_most(a->count - key, ATTEND_KEYS), wide);
        store_context(a, t.context, t.sum, share, PANEL, first, queries);
    }
}

#endif
