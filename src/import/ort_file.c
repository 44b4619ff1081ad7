/* ort_file.c - see ort_file.h.
 *
 * A FlatBuffer table begins with the signed distance back to its vtable; the vtable lists, for each
 * field by its slot, where in the table the field lies, 0 meaning "absent". Text, vectors and other
 * tables are reached by unsigned 32-bit distances forward. All of it is little-endian. */
#include "import/ort_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"

/* Four times the decoder of the base model. */
#define FILE_BYTES_MAX ((size_t)1 << 28)

/* Slots of the fields that are read, as the format's schema numbers them. */
enum {
    SESSION_MODEL = 6,
    MODEL_GRAPH = 18,
    GRAPH_INITIALIZERS = 4,
    GRAPH_NODES = 8,
    NODE_NAME = 4,
    NODE_OP = 14,
    NODE_INPUTS = 20,
    NODE_OUTPUTS = 22,
    NODE_ATTRIBUTES = 24,
    ATTRIBUTE_GRAPH = 18,
    TENSOR_NAME = 4,
    TENSOR_DIMS = 8,
    TENSOR_TYPE = 10,
    TENSOR_RAW_DATA = 12,
    TENSOR_EXTERNAL_OFFSET = 16
};

struct reader {
    struct ort_file *file;
    const unsigned char *bytes; /* [size] */
    size_t size;
    uint32_t tables; /* visited so far */
    uint32_t tensor_capacity, node_capacity, name_capacity, graph_capacity;
    pst_error *err;
};

struct table {
    size_t at;
    size_t vtable;
    size_t bytes, vtable_bytes;
};

struct vector {
    size_t at; /* of the first element */
    uint32_t count;
};

static pst_status refuse(const struct reader *reader, size_t at, const char *what) {
    return error_set(reader->err, PST_ERR_MODEL, "%s: byte %zu: %s", reader->file->path, at, what);
}

/* The little-endian number of `width` bytes at `at`, which the caller has checked. */
static uint64_t number_at(const struct reader *reader, size_t at, int width) {
    uint64_t number = 0;
    for (int i = 0; i < width; i++) number |= (uint64_t)reader->bytes[at + (size_t)i] << (8 * i);
    return number;
}

/* Where the 32-bit distance at `at`, whose four bytes the caller has checked, leads. */
static pst_status follow(const struct reader *reader, size_t at, size_t *target) {
    *target = 0;
    uint64_t distance = number_at(reader, at, 4);
    if (distance == 0 || !checked_range(at, distance, reader->size) ||
        !checked_range(at + distance, 4, reader->size))
        return refuse(reader, at, "an offset leads out of the file");
    *target = at + (size_t)distance;
    return PST_OK;
}

/* `at` is four bytes inside the file, as follow() left it. */
static pst_status open_table(struct reader *reader, size_t at, struct table *table) {
    if (++reader->tables > ORT_TABLES_MAX)
        return error_set(reader->err, PST_ERR_MODEL, "%s: more than %d tables", reader->file->path,
                         ORT_TABLES_MAX);
    int64_t back = (int32_t)(uint32_t)number_at(reader, at, 4);
    int64_t vtable = (int64_t)at - back;
    if (vtable < 0 || !checked_range((uint64_t)vtable, 4, reader->size))
        return refuse(reader, at, "the vtable of a table lies outside the file");
    table->at = at;
    table->vtable = (size_t)vtable;
    table->vtable_bytes = (size_t)number_at(reader, table->vtable, 2);
    table->bytes = (size_t)number_at(reader, table->vtable + 2, 2);
    if (table->vtable_bytes < 4 || table->vtable_bytes % 2 ||
        !checked_range(table->vtable, table->vtable_bytes, reader->size))
        return refuse(reader, table->vtable, "a vtable has an impossible size");
    if (table->bytes < 4 || !checked_range(at, table->bytes, reader->size))
        return refuse(reader, at, "a table passes the end of the file");
    return PST_OK;
}

/* Where the field of `slot` lies, all its `width` bytes inside the table; 0 when it is absent
 * (byte 0 of the file is never a field). */
static pst_status find_field(const struct reader *reader, const struct table *table, size_t slot,
                             size_t width, size_t *at) {
    *at = 0;
    if (slot + 2 > table->vtable_bytes) return PST_OK;
    size_t offset = (size_t)number_at(reader, table->vtable + slot, 2);
    if (offset == 0) return PST_OK;
    if (offset < 4 || !checked_range(offset, width, table->bytes))
        return refuse(reader, table->at, "a field lies outside its table");
    *at = table->at + offset;
    return PST_OK;
}

/* The vector of elements of `width` bytes in field `slot`; empty when the field is absent. */
static pst_status open_vector(const struct reader *reader, const struct table *table, size_t slot,
                              size_t width, struct vector *vector) {
    *vector = (struct vector){0};
    size_t field, at;
    pst_status status = find_field(reader, table, slot, 4, &field);
    if (status || !field) return status;
    if ((status = follow(reader, field, &at))) return status;
    uint64_t count = number_at(reader, at, 4);
    if (!checked_range(at + 4, count * width, reader->size)) /* below 2^32 * 8: no overflow */
        return refuse(reader, at, "a vector passes the end of the file");
    *vector = (struct vector){.at = at + 4, .count = (uint32_t)count};
    return PST_OK;
}

/* The text that the distance at `at` leads to. FlatBuffers end texts by a NUL, so it can stay
 * there. */
static pst_status read_text_at(const struct reader *reader, size_t at, const char **text) {
    size_t start;
    pst_status status = follow(reader, at, &start);
    if (status) return status;
    uint64_t length = number_at(reader, start, 4);
    start += 4;
    if (length > ORT_NAME_BYTES_MAX) return refuse(reader, start, "a name is too long");
    if (!checked_range(start, length + 1, reader->size))
        return refuse(reader, start, "a name passes the end of the file");
    const unsigned char *bytes = reader->bytes + start;
    if (memchr(bytes, 0, (size_t)length + 1) != bytes + length)
        return refuse(reader, start, "a name does not end where it says");
    *text = (const char *)bytes;
    return PST_OK;
}

static pst_status read_text(const struct reader *reader, const struct table *table, size_t slot,
                            const char **text) {
    size_t field;
    *text = "";
    pst_status status = find_field(reader, table, slot, 4, &field);
    return status || !field ? status : read_text_at(reader, field, text);
}

/* Element `index` of a vector of tables. */
static pst_status open_element(struct reader *reader, const struct vector *vector, uint32_t index,
                               struct table *table) {
    size_t at;
    pst_status status = follow(reader, vector->at + (size_t)index * 4, &at);
    return status ? status : open_table(reader, at, table);
}

/* The table in field `slot`; `*found` is 0 when the field is absent. */
static pst_status open_child(struct reader *reader, const struct table *parent, size_t slot,
                             struct table *table, int *found) {
    size_t field, at;
    *found = 0;
    pst_status status = find_field(reader, parent, slot, 4, &field);
    if (status || !field) return status;
    if ((status = follow(reader, field, &at))) return status;
    *found = 1;
    return open_table(reader, at, table);
}

/* `items` with room for `extra` more after `count`; NULL when there is no memory. The counts are
 * limited by ORT_TABLES_MAX and ORT_NAMES_MAX, far from overflow. */
static void *grow(void *items, uint32_t count, uint32_t extra, uint32_t *capacity, size_t size) {
    if (items && count + extra <= *capacity) return items;
    uint32_t wanted = (count + extra) * 2 + 16;
    void *grown = realloc(items, wanted * size);
    if (grown) *capacity = wanted;
    return grown;
}

static size_t type_bytes(int32_t type) {
    switch (type) {
    case ORT_FLOAT: return sizeof(float);
    case ORT_UINT8:
    case ORT_INT8: return 1;
    default: return 0; /* not a weight: shape arithmetic and the like */
    }
}

static pst_status read_shape(const struct reader *reader, const struct table *table,
                             struct ort_tensor *tensor) {
    struct vector dims;
    pst_status status = open_vector(reader, table, TENSOR_DIMS, 8, &dims);
    if (status) return status;
    if (dims.count > ORT_DIMS_MAX)
        return refuse(reader, dims.at, "a tensor has too many dimensions");
    tensor->dims = dims.count;
    tensor->count = 1;
    for (uint32_t i = 0; i < dims.count; i++) {
        uint64_t size = number_at(reader, dims.at + (size_t)i * 8, 8);
        if (size > SIZE_MAX || !checked_mul(tensor->count, (size_t)size, &tensor->count))
            return refuse(reader, dims.at, "a tensor has an impossible shape");
        tensor->shape[i] = (size_t)size;
    }
    return PST_OK;
}

/* Type, shape and data. */
static pst_status read_content(const struct reader *reader, const struct table *table,
                               struct ort_tensor *tensor) {
    size_t type, external;
    struct vector raw;
    pst_status status = find_field(reader, table, TENSOR_TYPE, 4, &type);
    if (!status) status = find_field(reader, table, TENSOR_EXTERNAL_OFFSET, 8, &external);
    if (!status) status = open_vector(reader, table, TENSOR_RAW_DATA, 1, &raw);
    if (!status) status = read_shape(reader, table, tensor);
    if (status) return status;
    tensor->type = type ? (int32_t)(uint32_t)number_at(reader, type, 4) : 0;
    if (external && (int64_t)number_at(reader, external, 8) >= 0)
        return error_set(reader->err, PST_ERR_UNSUPPORTED,
                         "%s: %s has its data in another file, which is not supported",
                         reader->file->path, tensor->name);
    size_t width = type_bytes(tensor->type), bytes;
    if (width == 0) return PST_OK;
    if (!checked_mul(tensor->count, width, &bytes) || bytes != raw.count)
        return error_set(reader->err, PST_ERR_MODEL,
                         "%s: %s has %u bytes of data, which does not fit its shape",
                         reader->file->path, tensor->name, raw.count);
    tensor->data = reader->bytes + raw.at;
    return PST_OK;
}

static pst_status read_tensors(struct reader *reader, const struct table *graph, uint32_t id) {
    struct ort_file *file = reader->file;
    struct vector vector;
    pst_status status = open_vector(reader, graph, GRAPH_INITIALIZERS, 4, &vector);
    for (uint32_t i = 0; i < vector.count && !status; i++) {
        struct table table;
        struct ort_tensor tensor = {.graph = id};
        status = open_element(reader, &vector, i, &table);
        if (!status) status = read_text(reader, &table, TENSOR_NAME, &tensor.name);
        if (!status) status = read_content(reader, &table, &tensor);
        if (status) break;
        struct ort_tensor *grown = grow(file->tensors, file->tensor_count, 1,
                                        &reader->tensor_capacity, sizeof *file->tensors);
        if (!grown) return error_memory(reader->err, 0);
        file->tensors = grown;
        file->tensors[file->tensor_count++] = tensor;
    }
    return status;
}

/* Appends the texts of field `slot`; their number goes to `*count`. */
static pst_status read_names(struct reader *reader, const struct table *node, size_t slot,
                             uint32_t *count) {
    struct ort_file *file = reader->file;
    struct vector vector;
    pst_status status = open_vector(reader, node, slot, 4, &vector);
    if (status) return status;
    if (vector.count > ORT_NAMES_MAX - file->name_count)
        return error_set(reader->err, PST_ERR_MODEL, "%s: more than %d operands", file->path,
                         ORT_NAMES_MAX);
    const char **grown = grow(file->names, file->name_count, vector.count, &reader->name_capacity,
                              sizeof *file->names);
    if (!grown) return error_memory(reader->err, 0);
    file->names = grown;
    for (uint32_t i = 0; i < vector.count && !status; i++)
        status = read_text_at(reader, vector.at + (size_t)i * 4, &file->names[file->name_count++]);
    *count = vector.count;
    return status;
}

static pst_status read_node(struct reader *reader, const struct table *table, uint32_t graph) {
    struct ort_file *file = reader->file;
    struct ort_node node = {.graph = graph, .first_name = file->name_count};
    pst_status status = read_text(reader, table, NODE_NAME, &node.name);
    if (!status) status = read_text(reader, table, NODE_OP, &node.op);
    if (!status) status = read_names(reader, table, NODE_INPUTS, &node.inputs);
    if (!status) status = read_names(reader, table, NODE_OUTPUTS, &node.outputs);
    if (status) return status;
    if (node.outputs > ORT_OUTPUTS_MAX)
        return refuse(reader, table->at, "a node has too many outputs");
    struct ort_node *grown =
        grow(file->nodes, file->node_count, 1, &reader->node_capacity, sizeof *file->nodes);
    if (!grown) return error_memory(reader->err, 0);
    file->nodes = grown;
    file->nodes[file->node_count++] = node;
    return PST_OK;
}

static pst_status read_graph(struct reader *reader, const struct table *table, uint32_t parent,
                             int depth);

/* The graphs in the attributes of a node of graph `id`. */
static pst_status read_inner_graphs(struct reader *reader, const struct table *node, uint32_t id,
                                    int depth) {
    struct vector vector;
    pst_status status = open_vector(reader, node, NODE_ATTRIBUTES, 4, &vector);
    for (uint32_t i = 0; i < vector.count && !status; i++) {
        struct table attribute, inner;
        int found = 0;
        status = open_element(reader, &vector, i, &attribute);
        if (!status) status = open_child(reader, &attribute, ATTRIBUTE_GRAPH, &inner, &found);
        if (!status && found) status = read_graph(reader, &inner, id, depth + 1);
    }
    return status;
}

static pst_status read_graph(struct reader *reader, const struct table *table, uint32_t parent,
                             int depth) {
    struct ort_file *file = reader->file;
    if (depth > ORT_DEPTH_MAX) return refuse(reader, table->at, "graphs are nested too deeply");
    uint32_t *grown =
        grow(file->parents, file->graph_count, 1, &reader->graph_capacity, sizeof *file->parents);
    if (!grown) return error_memory(reader->err, 0);
    file->parents = grown;
    uint32_t id = file->graph_count++;
    file->parents[id] = parent;
    struct vector nodes;
    pst_status status = read_tensors(reader, table, id);
    if (!status) status = open_vector(reader, table, GRAPH_NODES, 4, &nodes);
    for (uint32_t i = 0; !status && i < nodes.count; i++) {
        struct table node;
        status = open_element(reader, &nodes, i, &node);
        if (!status) status = read_node(reader, &node, id);
        if (!status) status = read_inner_graphs(reader, &node, id, depth);
    }
    return status;
}

static int by_graph_and_name(const void *a, const void *b) {
    const struct ort_tensor *left = a, *right = b;
    if (left->graph != right->graph) return left->graph < right->graph ? -1 : 1;
    return strcmp(left->name, right->name);
}

static pst_status read_session(struct reader *reader) {
    struct ort_file *file = reader->file;
    if (reader->size < 8 || memcmp(reader->bytes + 4, "ORTM", 4) != 0)
        return error_set(reader->err, PST_ERR_MODEL, "%s: is not an ONNX Runtime model (.ort)",
                         file->path);
    size_t root;
    struct table session, model, graph;
    int found = 0;
    pst_status status = follow(reader, 0, &root);
    if (!status) status = open_table(reader, root, &session);
    if (!status) status = open_child(reader, &session, SESSION_MODEL, &model, &found);
    if (!status && found) status = open_child(reader, &model, MODEL_GRAPH, &graph, &found);
    if (status) return status;
    if (!found)
        return error_set(reader->err, PST_ERR_MODEL, "%s: holds no model graph", file->path);
    if ((status = read_graph(reader, &graph, 0, 0))) return status;
    if (file->tensor_count)
        qsort(file->tensors, file->tensor_count, sizeof *file->tensors, by_graph_and_name);
    for (uint32_t i = 1; i < file->tensor_count; i++) {
        if (by_graph_and_name(&file->tensors[i - 1], &file->tensors[i]) == 0)
            return error_set(reader->err, PST_ERR_MODEL, "%s: two constants are named '%s'",
                             file->path, file->tensors[i].name);
    }
    return PST_OK;
}

pst_status ort_file_parse(struct ort_file *file, const unsigned char *bytes, size_t size,
                          const char *name, pst_error *err) {
    *file = (struct ort_file){.path = strdup(name), .size = size};
    if (!file->path) return error_memory(err, 0);
    struct reader reader = {.file = file, .bytes = bytes, .size = size, .err = err};
    pst_status status = read_session(&reader);
    if (status) ort_file_close(file);
    return status;
}

pst_status ort_file_open(struct ort_file *file, const char *path, pst_error *err) {
    *file = (struct ort_file){0};
    struct file_view view;
    pst_status status = file_view_open(&view, path, FILE_BYTES_MAX, err);
    if (status) return status;
    status = ort_file_parse(file, view.data, view.size, path, err);
    if (status)
        file_view_close(&view);
    else
        file->view = view;
    return status;
}

void ort_file_close(struct ort_file *file) {
    file_view_close(&file->view);
    free(file->path);
    free(file->tensors);
    free(file->nodes);
    free(file->names);
    free(file->parents);
    *file = (struct ort_file){0};
}

const struct ort_node *ort_find_node(const struct ort_file *file, const char *name) {
    for (uint32_t i = 0; i < file->node_count; i++)
        if (strcmp(file->nodes[i].name, name) == 0) return &file->nodes[i];
    return NULL;
}

const struct ort_node *ort_find_op(const struct ort_file *file, const char *op) {
    for (uint32_t i = 0; i < file->node_count; i++)
        if (strcmp(file->nodes[i].op, op) == 0) return &file->nodes[i];
    return NULL;
}

/* Does `reader` have an output of `node` among its inputs? */
static int reads(const struct ort_file *file, const struct ort_node *reader,
                 const struct ort_node *node) {
    const char **outputs = file->names + node->first_name + node->inputs;
    const char **inputs = file->names + reader->first_name;
    for (uint32_t o = 0; o < node->outputs; o++)
        for (uint32_t i = 0; i < reader->inputs; i++)
            if (outputs[o][0] && strcmp(outputs[o], inputs[i]) == 0) return 1;
    return 0;
}

const struct ort_node *ort_find_reader(const struct ort_file *file, const struct ort_node *node,
                                       const char *op) {
    for (uint32_t i = 0; i < file->node_count; i++) {
        const struct ort_node *reader = &file->nodes[i];
        if (reader->graph == node->graph && strcmp(reader->op, op) == 0 &&
            reads(file, reader, node))
            return reader;
    }
    return NULL;
}

int ort_has_input(const struct ort_file *file, const struct ort_node *node, uint32_t index) {
    return index < node->inputs && file->names[node->first_name + index][0] != '\0';
}

const struct ort_tensor *ort_input(const struct ort_file *file, const struct ort_node *node,
                                   uint32_t index) {
    if (!ort_has_input(file, node, index) || file->tensor_count == 0) return NULL;
    struct ort_tensor key = {.name = file->names[node->first_name + index], .graph = node->graph};
    for (;;) {
        const struct ort_tensor *tensor = bsearch(&key, file->tensors, file->tensor_count,
                                                  sizeof *file->tensors, by_graph_and_name);
        if (tensor || key.graph == 0) return tensor;
        key.graph = file->parents[key.graph];
    }
}
