/* ort_builder.h - writes small ONNX Runtime files for tests, front to back.
 *
 * A FlatBuffer's offsets lead forward, so a parent is written first and its fields are pointed at
 * children as these appear. Every table has room for eight bytes in each of its slots; a slot never
 * pointed is absent. Tests need no more. */
#ifndef PST_TESTS_ORT_BUILDER_H
#define PST_TESTS_ORT_BUILDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUILDER_SLOTS = 14, BUILDER_CHILDREN = 256 };

struct ort_builder {
    unsigned char *data; /* [capacity] */
    size_t size, capacity;
};

/* A graph under construction: its two vectors have room for BUILDER_CHILDREN. */
struct ort_builder_graph {
    size_t tensors, nodes;
};

static inline void builder_number(struct ort_builder *b, size_t at, uint64_t value, int width) {
    for (int i = 0; i < width; i++) b->data[at + (size_t)i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t builder_read(const struct ort_builder *b, size_t at, int width) {
    uint64_t value = 0;
    for (int i = 0; i < width; i++) value |= (uint64_t)b->data[at + (size_t)i] << (8 * i);
    return value;
}

/* `bytes` may be NULL: zeros. */
static inline size_t builder_append(struct ort_builder *b, const void *bytes, size_t length) {
    if (b->size + length > b->capacity) {
        b->capacity = (b->size + length) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data) abort();
    }
    size_t at = b->size;
    if (bytes && length)
        memcpy(b->data + at, bytes, length);
    else
        memset(b->data + at, 0, length);
    b->size += length;
    return at;
}

static inline size_t builder_table(struct ort_builder *b) {
    size_t vtable = builder_append(b, NULL, 4 + 2 * BUILDER_SLOTS);
    builder_number(b, vtable, 4 + 2 * BUILDER_SLOTS, 2);
    builder_number(b, vtable + 2, 4 + 8 * BUILDER_SLOTS, 2);
    size_t table = builder_append(b, NULL, 4 + 8 * BUILDER_SLOTS);
    builder_number(b, table, table - vtable, 4);
    return table;
}

static inline size_t builder_field(struct ort_builder *b, size_t table, size_t slot) {
    size_t offset = 4 + (slot - 4) / 2 * 8;
    builder_number(b, table - builder_read(b, table, 4) + slot, offset, 2);
    return table + offset;
}

static inline void builder_point(struct ort_builder *b, size_t table, size_t slot, size_t target) {
    size_t at = builder_field(b, table, slot);
    builder_number(b, at, target - at, 4);
}

/* Length, then bytes and a NUL, which texts need and other vectors do not mind. */
static inline size_t builder_bytes(struct ort_builder *b, const void *bytes, size_t length) {
    size_t at = builder_append(b, NULL, 4);
    builder_number(b, at, length, 4);
    builder_append(b, bytes, length);
    builder_append(b, NULL, 1);
    return at;
}

static inline void builder_text(struct ort_builder *b, size_t table, size_t slot,
                                const char *text) {
    builder_point(b, table, slot, builder_bytes(b, text, strlen(text)));
}

/* Texts separated by '|'; "" is no text at all. */
static inline void builder_texts(struct ort_builder *b, size_t table, size_t slot,
                                 const char *texts) {
    size_t vector = builder_append(b, NULL, 4 + 4 * 16);
    uint32_t count = 0;
    for (const char *end; *texts; texts = *end ? end + 1 : end) {
        end = strchr(texts, '|');
        if (!end) end = texts + strlen(texts);
        size_t text = builder_bytes(b, texts, (size_t)(end - texts));
        builder_number(b, vector + 4 + 4 * count, text - (vector + 4 + 4 * count), 4);
        count++;
    }
    builder_number(b, vector, count, 4);
    builder_point(b, table, slot, vector);
}

/* One more element of a vector made with room for it. */
static inline void builder_add(struct ort_builder *b, size_t vector, size_t target) {
    size_t count = builder_read(b, vector, 4), at = vector + 4 + 4 * count;
    if (count == BUILDER_CHILDREN) abort();
    builder_number(b, at, target - at, 4);
    builder_number(b, vector, count + 1, 4);
}

static inline struct ort_builder_graph builder_graph_at(struct ort_builder *b, size_t table) {
    struct ort_builder_graph graph;
    graph.tensors = builder_append(b, NULL, 4 + 4 * BUILDER_CHILDREN);
    graph.nodes = builder_append(b, NULL, 4 + 4 * BUILDER_CHILDREN);
    builder_point(b, table, 4, graph.tensors);
    builder_point(b, table, 8, graph.nodes);
    return graph;
}

/* The frame of a file, and its outermost graph. */
static inline struct ort_builder_graph builder_session(struct ort_builder *b) {
    *b = (struct ort_builder){0};
    builder_append(b, "\0\0\0\0ORTM", 8);
    size_t session = builder_table(b);
    builder_number(b, 0, session, 4);
    size_t model = builder_table(b);
    builder_point(b, session, 6, model);
    size_t graph = builder_table(b);
    builder_point(b, model, 18, graph);
    return builder_graph_at(b, graph);
}

static inline void builder_tensor(struct ort_builder *b, const struct ort_builder_graph *graph,
                                  const char *name, int type, uint32_t dims, const size_t *shape,
                                  const void *data, size_t bytes) {
    size_t table = builder_table(b);
    builder_add(b, graph->tensors, table);
    builder_text(b, table, 4, name);
    size_t vector = builder_append(b, NULL, 4 + 8 * (size_t)dims);
    builder_number(b, vector, dims, 4);
    for (uint32_t i = 0; i < dims; i++) builder_number(b, vector + 4 + 8 * i, shape[i], 8);
    builder_point(b, table, 8, vector);
    builder_number(b, builder_field(b, table, 10), (uint64_t)type, 4);
    builder_point(b, table, 12, builder_bytes(b, data, bytes));
}

/* Returns the node's table. */
static inline size_t builder_node(struct ort_builder *b, const struct ort_builder_graph *graph,
                                  const char *name, const char *op, const char *inputs,
                                  const char *outputs) {
    size_t table = builder_table(b);
    builder_add(b, graph->nodes, table);
    builder_text(b, table, 4, name);
    builder_text(b, table, 14, op);
    builder_texts(b, table, 20, inputs);
    builder_texts(b, table, 22, outputs);
    return table;
}

/* A graph in an attribute of a node, as the branch of an If. */
static inline struct ort_builder_graph builder_branch(struct ort_builder *b, size_t node) {
    size_t vector = builder_append(b, NULL, 8);
    builder_point(b, node, 24, vector);
    builder_number(b, vector, 1, 4);
    size_t attribute = builder_table(b);
    builder_number(b, vector + 4, attribute - (vector + 4), 4);
    size_t graph = builder_table(b);
    builder_point(b, attribute, 18, graph);
    return builder_graph_at(b, graph);
}

#endif
