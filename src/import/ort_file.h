/* ort_file.h - the model file of ONNX Runtime (".ort"): its graphs, read only as far as weights
 * need.
 *
 * The file is a FlatBuffer of type "ORTM": session -> model -> graph -> nodes and initializers,
 * with further graphs inside node attributes (the branches of an If). All graphs are read into
 * flat lists; names and numbers stay where they lie in the file. Every offset is checked before
 * it is followed, and since a FlatBuffer may name one table many times over, the tables visited
 * are counted and limited. What the graphs compute is left to others. */
#ifndef PST_IMPORT_ORT_FILE_H
#define PST_IMPORT_ORT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/file_view.h"
#include "potstill.h"

/* Limits, far above the larger file of the tiny model: names of 85 bytes, 4,636 tables, 6,481
 * operands of nodes, graphs one level deep. */
enum {
    ORT_DIMS_MAX = 8,
    ORT_DEPTH_MAX = 8,
    ORT_NAME_BYTES_MAX = 512,
    ORT_TABLES_MAX = 1 << 17,
    ORT_NAMES_MAX = 1 << 18,
    ORT_OUTPUTS_MAX = 1024 /* of a node: each is compared with all inputs of others */
};

/* Element types, by their numbers in the format (those of ONNX). */
enum ort_type { ORT_FLOAT = 1, ORT_UINT8 = 2, ORT_INT8 = 3 };

/* A constant of a graph ("initializer"). */
struct ort_tensor {
    const char *name;
    int32_t type; /* an ort_type, or another number of the format, whose bytes were not checked */
    uint32_t dims;
    size_t shape[ORT_DIMS_MAX];
    size_t count;              /* product of shape */
    const unsigned char *data; /* [count] elements of the three types above, any alignment */
    uint32_t graph;
};

struct ort_node {
    const char *name; /* "" when it has none */
    const char *op;
    uint32_t first_name; /* names[first_name...]: its inputs, then its outputs */
    uint32_t inputs, outputs;
    uint32_t graph;
};

struct ort_file {
    struct file_view view;
    size_t size;                /* bytes of the whole file */
    char *path;                 /* for messages */
    struct ort_tensor *tensors; /* [tensor_count], by graph, then by name */
    struct ort_node
        *nodes;         /* [node_count], in the order of the file, an inner graph's after its own */
    const char **names; /* [name_count] */
    uint32_t *parents;  /* [graph_count]; of graph 0, the outermost, it is 0 */
    uint32_t tensor_count, node_count, name_count, graph_count;
};

/* Opens and checks a whole file. */
pst_status ort_file_open(struct ort_file *file, const char *path, pst_error *err);
/* The same over bytes in memory, which must outlive it; `name` is used in messages. */
pst_status ort_file_parse(struct ort_file *file, const unsigned char *bytes, size_t size,
                          const char *name, pst_error *err);
void ort_file_close(struct ort_file *file);

/* The first node of that name, NULL when there is none. */
const struct ort_node *ort_find_node(const struct ort_file *file, const char *name);
/* The first node of that operator, NULL when there is none. */
const struct ort_node *ort_find_op(const struct ort_file *file, const char *op);
/* The first node of operator `op` in the same graph that reads an output of `node`. */
const struct ort_node *ort_find_reader(const struct ort_file *file, const struct ort_node *node,
                                       const char *op);

/* Has `node` an input number `index` that is not left out? */
int ort_has_input(const struct ort_file *file, const struct ort_node *node, uint32_t index);
/* The constant that `node` has as input number `index`; NULL when there is no such input, or it is
 * computed. Names of outer graphs are seen from inner ones. */
const struct ort_tensor *ort_input(const struct ort_file *file, const struct ort_node *node,
                                   uint32_t index);

#endif
