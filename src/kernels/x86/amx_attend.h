/* amx_attend.h - attention of many query rows by the tiles of AMX, in bfloat16.
 *
 * Included by amx.c. As in vector_attend.h a lane is a query: tiles of scores are 16 keys by 16
 * queries, weights become the pairs of keys that the next product wants without crossing a lane,
 * and the context is 16 values by 16 queries. Keys and values of a block are rounded, and the
 * values transposed, once for up to 128 queries. */
#ifndef PST_KERNELS_X86_AMX_ATTEND_H
#define PST_KERNELS_X86_AMX_ATTEND_H

#include <math.h>

enum {
    QUERIES = 128,    /* rounded keys and values serve so many */
    GROUP = 2 * TILE, /* queries whose scores are held at a time */
    PAIR_BYTES = GROUP * 4,
    KEY_CHUNK = 32 /* keys, or values of a head, that a tile takes at once */
};

struct amx_head {
    const struct attend_rows *args;
    size_t dims;       /* head_dim, up to a multiple of KEY_CHUNK */
    uint32_t *q;       /* [dims / 2][QUERIES] pairs of values, scaled */
    float *context;    /* [dims][QUERIES] */
    float *scores;     /* [ATTEND_KEYS][GROUP]; then products before they join `context` */
    uint32_t *weights; /* [ATTEND_KEYS / 2][GROUP] pairs of keys */
    uint16_t *k;       /* [ATTEND_KEYS][dims] */
    uint16_t *v;       /* [dims][ATTEND_KEYS] */
    vfloat largest[QUERIES / LANES], sum[QUERIES / LANES];
};

static void lay_out_head(struct amx_head *h, float *scratch) {
    h->dims = (h->args->head_dim + KEY_CHUNK - 1) / KEY_CHUNK * KEY_CHUNK;
    h->scores = scratch;
    h->weights = (uint32_t *)(void *)(h->scores + ATTEND_KEYS * GROUP);
    h->q = h->weights + ATTEND_KEYS / 2 * GROUP;
    h->context = (float *)(void *)(h->q + h->dims / 2 * QUERIES);
    h->k = (uint16_t *)(void *)(h->context + h->dims * QUERIES);
    h->v = h->k + ATTEND_KEYS * h->dims;
}

/* Lane by lane: `even` in the low half of each word, `odd` in the high one. */
static inline __m512i round_pair(vfloat even, vfloat odd) {
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

static void round_queries(struct amx_head *h, size_t first, size_t queries) {
    const struct attend_rows *a = h->args;
    const vfloat scale = v_set(a->scale * 1.44269504f);
    for (size_t lane = 0; lane < queries; lane += LANES) {
        const float *row[LANES];
        for (size_t i = 0; i < LANES; i++)
            row[i] = a->q + (first + at_most(lane + i, queries - 1)) * a->stride;
        for (size_t d = 0; d < h->dims; d += 4) {
            vfloat four[4] = {v_set(0), v_set(0), v_set(0), v_set(0)};
            if (d < a->head_dim) v_load_transposed(four, row, d);
            uint32_t *q = h->q + d / 2 * QUERIES + lane;
            _mm512_store_si512(q, round_pair(four[0] * scale, four[1] * scale));
            _mm512_store_si512(q + QUERIES, round_pair(four[2] * scale, four[3] * scale));
        }
    }
}

/* `first` and `keys` of the clip. The last key is repeated up to a whole chunk, with weights of
 * 0. */
static void round_keys(struct amx_head *h, size_t first, size_t keys) {
    const struct attend_rows *a = h->args;
    size_t padded = (keys + KEY_CHUNK - 1) / KEY_CHUNK * KEY_CHUNK;
    for (size_t i = 0; i < padded; i++) {
        const float *key = a->k + (first + at_most(i, keys - 1)) * a->stride;
        /* Rows of one head lie far apart, further than the hardware looks ahead. */
        const float *mate = a->v + (key - a->k);
        size_t ahead = ATTEND_KEYS * a->stride;
        for (size_t d = 0; d < a->head_dim; d += LANES) {
            __builtin_prefetch(key + ahead + d);
            __builtin_prefetch(mate + ahead + d);
        }
        for (size_t d = 0; d < h->dims; d += 2 * LANES) {
            size_t low = d < a->head_dim ? at_most(a->head_dim - d, LANES) : 0;
            size_t high = d + LANES < a->head_dim ? at_most(a->head_dim - d - LANES, LANES) : 0;
            vfloat even = v_load_some(key + d, low, v_set(0));
            vfloat odd = v_load_some(key + d + (high ? LANES : 0), high, v_set(0));
            _mm512_store_si512(h->k + i * h->dims + d, (__m512i)_mm512_cvtne2ps_pbh(odd, even));
        }
    }
    for (size_t i = 0; i < padded; i += LANES) {
        const float *row[LANES];
        for (size_t j = 0; j < LANES; j++)
            row[j] = a->v + (first + at_most(i + j, keys - 1)) * a->stride;
        for (size_t d = 0; d < a->head_dim; d += 4) {
            vfloat four[4];
            v_load_transposed(four, row, d);
            UNROLL for (size_t j = 0; j < 4; j++)
                _mm256_store_si256((__m256i *)(void *)(h->v + (d + j) * ATTEND_KEYS + i),
                                   (__m256i)_mm512_cvtneps_pbh(four[j]));
        }
    }
}

/* scores [keys][GROUP] of the queries from `lane` on. */
static void score_tiles(const struct amx_head *h, size_t lane, size_t keys) {
    for (size_t key = 0; key < keys; key += 2 * TILE) {
        const uint16_t *k = h->k + key * h->dims;
        const uint32_t *q = h->q + lane;
        _tile_zero(SUM_0);
        _tile_zero(SUM_1);
        _tile_zero(SUM_2);
        _tile_zero(SUM_3);
        for (size_t d = 0; d < h->dims; d += KEY_CHUNK, q += KEY_CHUNK / 2 * QUERIES) {
            _tile_loadd(X_0, k + d, h->dims * 2);
            _tile_loadd(W_0, q, QUERIES * 4);
            _tile_loadd(X_1, k + TILE * h->dims + d, h->dims * 2);
            _tile_loadd(W_1, q + TILE, QUERIES * 4);
            _tile_dpbf16ps(SUM_0, X_0, W_0);
            _tile_dpbf16ps(SUM_1, X_0, W_1);
            _tile_dpbf16ps(SUM_2, X_1, W_0);
            _tile_dpbf16ps(SUM_3, X_1, W_1);
        }
        float *scores = h->scores + key * GROUP;
        _tile_stored(SUM_0, scores, PAIR_BYTES);
        _tile_stored(SUM_1, scores + TILE, PAIR_BYTES);
        _tile_stored(SUM_2, scores + TILE * GROUP, PAIR_BYTES);
        _tile_stored(SUM_3, scores + TILE * GROUP + TILE, PAIR_BYTES);
    }
}

/* Scores of 16 queries become weights; returns what that makes of the sums before. */
static vfloat weigh_tiles(struct amx_head *h, size_t lane, size_t keys) {
    const float *score = h->scores + lane % GROUP;
    uint32_t *weight = h->weights + lane % GROUP;
    vfloat before = h->largest[lane / LANES], largest = before, sum = v_set(0);
    for (size_t i = 0; i < keys; i++) largest = v_max(largest, v_load(score + i * GROUP));
    for (size_t i = 0; i < keys; i += 2, weight += GROUP) {
        vfloat even = v_power(v_load(score + i * GROUP) - largest, 1), odd = v_set(0);
        if (i + 1 < keys) odd = v_power(v_load(score + (i + 1) * GROUP) - largest, 1);
        sum += even + odd;
        _mm512_store_si512(weight, round_pair(even, odd));
    }
    for (size_t i = (keys + 1) / 2; i % (KEY_CHUNK / 2); i++, weight += GROUP)
        _mm512_store_si512(weight, _mm512_setzero_si512());
    vfloat shrink = v_power(before - largest, 0);
    h->largest[lane / LANES] = largest;
    h->sum[lane / LANES] = v_fma(h->sum[lane / LANES], shrink, sum);
    return shrink;
}

/* context = context * shrink + values times weights, for the queries from `lane` on. */
static void context_tiles(const struct amx_head *h, size_t lane, size_t keys,
                          const vfloat shrink[2]) {
    for (size_t d = 0; d < h->args->head_dim; d += 2 * TILE) {
        int two = h->args->head_dim - d > TILE;
        const uint16_t *v = h->v + d * ATTEND_KEYS;
        const uint32_t *weights = h->weights;
        _tile_zero(SUM_0);
        _tile_zero(SUM_1);
        _tile_zero(SUM_2);
        _tile_zero(SUM_3);
        for (size_t key = 0; key < keys; key += KEY_CHUNK, weights += KEY_CHUNK / 2 * GROUP) {
            _tile_loadd(X_0, v + key, ATTEND_KEYS * 2);
            _tile_loadd(W_0, weights, PAIR_BYTES);
            _tile_loadd(W_1, weights + TILE, PAIR_BYTES);
            _tile_dpbf16ps(SUM_0, X_0, W_0);
            _tile_dpbf16ps(SUM_1, X_0, W_1);
            if (!two) continue;
            _tile_loadd(X_1, v + TILE * ATTEND_KEYS + key, ATTEND_KEYS * 2);
            _tile_dpbf16ps(SUM_2, X_1, W_0);
            _tile_dpbf16ps(SUM_3, X_1, W_1);
        }
        float *products = h->scores; /* their weights are made */
        _tile_stored(SUM_0, products, PAIR_BYTES);
        _tile_stored(SUM_1, products + TILE, PAIR_BYTES);
        if (two) {
            _tile_stored(SUM_2, products + TILE * GROUP, PAIR_BYTES);
            _tile_stored(SUM_3, products + TILE * GROUP + TILE, PAIR_BYTES);
        }
        for (size_t i = 0; i < 2 * TILE && d + i < h->args->head_dim; i++) {
            UNROLL for (int g = 0; g < 2; g++) {
                float *context = h->context + (d + i) * QUERIES + lane + (size_t)g * LANES;
                vfloat product = v_load(products + i * GROUP + (size_t)g * LANES);
                v_store(context, v_fma(v_load(context), shrink[g], product));
            }
        }
    }
}

static void attend_queries(struct amx_head *h, size_t first, size_t queries) {
    const struct attend_rows *a = h->args;
    round_queries(h, first, queries);
    for (size_t i = 0; i < a->head_dim * QUERIES; i += LANES) v_store(h->context + i, v_set(0));
    for (size_t i = 0; i < QUERIES / LANES; i++) {
        h->largest[i] = v_set(-INFINITY);
        h->sum[i] = v_set(0);
    }
    for (size_t key = 0, keys; key < a->count; key += keys) {
        keys = at_most(a->count - key, ATTEND_KEYS);
        round_keys(h, key, keys);
        for (size_t lane = 0; lane < queries; lane += GROUP) {
            vfloat shrink[2] = {v_set(0), v_set(0)};
            finish_stores(h->k);
            score_tiles(h, lane, keys);
            shrink[0] = weigh_tiles(h, lane, keys);
            shrink[1] = weigh_tiles(h, lane + LANES, keys);
            finish_stores(h->weights);
            context_tiles(h, lane, keys, shrink);
        }
    }
    float share[QUERIES];
    store_context(a, h->context, h->sum, share, QUERIES, first, queries);
}

void amx_attend_rows(const struct attend_rows *a, float *scratch) {
    if (!a->approximate || a->head_dim % 4) {
        attend_rows(a, scratch);
        return;
    }
    struct amx_head h = {.args = a};
    lay_out_head(&h, scratch);
    configure(TILE);
    for (size_t first = 0; first < a->m; first += QUERIES)
        attend_queries(&h, first, at_most(a->m - first, QUERIES));
    _tile_release();
}

#endif
