/* tensor_walk.c - see tensor_walk.h. */
#include "coreml/ops/tensor_walk.h"

#include <string.h>

int walk_next(struct walk *walk) {
    for (uint32_t i = walk->rank; i-- > 0;) {
        for (int t = 0; t < 3; t++) walk->offset[t] += walk->stride[t][i];
        if (++walk->index[i] < walk->dims[i]) return 1;
        for (int t = 0; t < 3; t++)
            walk->offset[t] -= walk->stride[t][i] * (ptrdiff_t)walk->dims[i];
        walk->index[i] = 0;
    }
    return 0;
}

void strides_of(const struct mil_type *type, ptrdiff_t *strides) {
    ptrdiff_t stride = 1;
    for (uint32_t i = type->rank; i-- > 0;) {
        strides[i] = stride;
        stride *= (ptrdiff_t)type->dims[i];
    }
}

size_t span_of(const struct mil_type *type, uint32_t from, uint32_t to) {
    size_t product = 1;
    for (uint32_t i = from; i < to; i++) product *= (size_t)type->dims[i];
    return product;
}

int broadcast_type(const struct mil_type *a, const struct mil_type *b, struct mil_type *type) {
    const struct mil_type *longer = a->rank >= b->rank ? a : b;
    const struct mil_type *shorter = longer == a ? b : a;
    *type = *a;
    type->state = 0;
    type->rank = longer->rank;
    uint32_t lead = longer->rank - shorter->rank;
    for (uint32_t i = 0; i < longer->rank; i++) {
        int64_t from = longer->dims[i], other = i < lead ? 1 : shorter->dims[i - lead];
        if (from != other && from != 1 && other != 1) return 0;
        type->dims[i] = from == 1 ? other : from;
    }
    return 1;
}

void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides) {
    ptrdiff_t own[MIL_RANK_MAX];
    strides_of(from, own);
    uint32_t lead = to->rank - from->rank;
    for (uint32_t i = 0; i < to->rank; i++)
        strides[i] = i < lead || from->dims[i - lead] == 1 ? 0 : own[i - lead];
}

struct place place_of(const struct mil_tensor *tensor) {
    struct place place = {.data = tensor->f ? (void *)tensor->f : (void *)tensor->i};
    strides_of(&tensor->type, place.strides);
    return place;
}

void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from) {
    enum { SIZE = sizeof(float) };
    size_t n = rank ? (size_t)dims[rank - 1] : 1;
    ptrdiff_t to_step = rank ? to->strides[rank - 1] : 0;
    ptrdiff_t from_step = rank ? from->strides[rank - 1] : 0;
    struct walk walk = {.rank = rank ? rank - 1 : 0};
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] == 0) return;
        walk.dims[i] = (size_t)dims[i];
        walk.stride[0][i] = to->strides[i];
        walk.stride[1][i] = from->strides[i];
    }
    do {
        char *target = (char *)to->data + (to->base + walk.offset[0]) * SIZE;
        const char *source = (const char *)from->data + (from->base + walk.offset[1]) * SIZE;
        if (to_step == 1 && from_step == 1) {
            memcpy(target, source, n * SIZE);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            memcpy(target, source, SIZE);
            target += to_step * SIZE;
            source += from_step * SIZE;
        }
    } while (walk_next(&walk));
}
