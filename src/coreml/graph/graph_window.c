/* graph_window.c - which keys a frame of the streaming encoder attends to.
 *
 * A window is an interval of distances, so a key is outside when its distance from the middle of
 * the interval is more than half the length. Computing that from the numbers of the positions costs
 * little; a matrix for each length would be as large as a layer. All values are multiples of a
 * half, and those near the border are below 1,024, where float16 has them all. */
#include "coreml/graph/graph.h"

struct mil_value *graph_window_mask(struct graph *g, struct window window, int64_t queries,
                                    int64_t keys, int64_t shift, const struct mil_value *key_mask) {
    struct mil_model *model = g->model;
    /* Distances from -ahead to back are inside; there are none beyond the positions. */
    int64_t back = window.back - 1, ahead = window.ahead ? window.ahead - 1 : 0,
            most = keys + queries;
    if (back > most) back = most;
    if (ahead > most) ahead = most;
    float middle = (float)(back - ahead - 2 * shift) / 2, half = (float)(back + ahead) / 2;
    struct mil_value *rows = graph_numbers(g, "window_queries", -middle, queries, 1);
    struct mil_value *columns = graph_numbers(g, "window_keys", 0, keys, 0);
    struct mil_value *limit =
        graph_float(g, mil_text(model, "window_reach_%d", (int)(back + ahead)), half);
    struct mil_value *none = graph_float(g, "zero", 0), *one = graph_float(g, "one", 1);
    struct mil_value *masked = graph_float(g, "masked", GRAPH_MASKED);
    struct mil_value *y = graph_binary(g, "sub", "window_distance", rows, columns);
    y = graph_unary(g, "abs", "window_off_middle", y);
    y = graph_binary(g, "sub", "window_beyond", y, limit);
    if (!y) return NULL;
    y = graph_op(g, "clip", "window_outside", y->type, "x", y, "alpha", none, "beta", one, NULL);
    y = graph_binary(g, "mul", "window_mask", y, masked);
    return key_mask ? graph_binary(g, "add", "window_and_clip", y, key_mask) : y;
}
