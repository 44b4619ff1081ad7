/* tensor_walk.c - see tensor_walk.h. */
#include "coreml/ops/tensor_walk.h"

#include <string.h>

enum { SIZE = sizeof(float) };
_Static_assert(sizeof(float) == sizeof(int32_t), "elements are of one size");

struct walk walk_of(const struct mil_type *type) {
    struct walk walk = {.rank = type->rank};
    for (uint32_t i = 0; i < type->rank; i++) walk.dims[i] = (size_t)type->dims[i];
    return walk;
}

void walk_split(const struct mil_type *type, unsigned bits, struct walk *inner,
                struct walk *outer) {
    ptrdiff_t strides[MIL_RANK_MAX];
    strides_of(type, strides);
    *inner = *outer = (struct walk){0};
    for (uint32_t i = 0; i < type->rank; i++) {
        struct walk *walk = (bits >> i & 1) != 0 ? inner : outer;
        walk->dims[walk->rank] = (size_t)type->dims[i];
        walk->stride[0][walk->rank++] = strides[i];
    }
}

size_t walk_length(const struct walk *walk) {
    size_t length = 1;
    for (uint32_t i = 0; i < walk->rank; i++) length *= walk->dims[i];
    return length;
}

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

void broadcast_strides(const struct mil_type *from, const struct mil_type *to, ptrdiff_t *strides) {
    ptrdiff_t own[MIL_RANK_MAX];
    strides_of(from, own);
    uint32_t lead = to->rank - from->rank;
    for (uint32_t i = 0; i < to->rank; i++)
        strides[i] = i < lead || from->dims[i - lead] == 1 ? 0 : own[i - lead];
}

static void *elements_of(const struct mil_tensor *tensor) {
    return tensor->f != NULL ? (void *)tensor->f : (void *)tensor->i;
}

struct place place_of(const struct mil_tensor *tensor) {
    struct place place = {.data = elements_of(tensor)};
    strides_of(&tensor->type, place.strides);
    return place;
}

void move_block(uint32_t rank, const int64_t *dims, const struct place *to,
                const struct place *from) {
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

void tensor_move(struct mil_tensor *y, size_t at, const struct mil_tensor *x, size_t from,
                 size_t count) {
    memcpy((char *)elements_of(y) + at * SIZE, (const char *)elements_of(x) + from * SIZE,
           count * SIZE);
}

void tensor_copy(struct mil_tensor *y, const struct mil_tensor *x) {
    tensor_move(y, 0, x, 0, mil_elements(&y->type));
}

void tensor_fill(struct mil_tensor *y, const struct mil_tensor *x) {
    size_t count = mil_elements(&y->type);
    if (x == NULL)
        memset(elements_of(y), 0, count * SIZE); /* 0.0f too has no bit set */
    else
        for (size_t i = 0; i < count; i++) tensor_move(y, i, x, 0, 1);
}
