/* stored_weights.h - the weights of a model as a package stores them: merged, arranged for the
 * graphs, rounded or compressed once, and shared by every package of a conversion. */
#ifndef PST_COREML_WEIGHTS_STORED_WEIGHTS_H
#define PST_COREML_WEIGHTS_STORED_WEIGHTS_H

#include "base/thread_pool.h"
#include "coreml/mil/mil.h"
#include "merge/merge_sources.h"

enum stored_form { STORED_FLOAT, STORED_INT8, STORED_PALETTE };

/* A tensor as it will lie in the weight file. */
struct stored {
    enum stored_form form;
    enum mil_dtype dtype; /* of what it stands for: F16 or F32 */
    size_t rows, columns;
    /* [rows, columns] of dtype, int8, or indices of `bits` bits packed from the lowest up */
    void *data;
    size_t bytes;
    uint16_t *scale; /* STORED_INT8: [rows] float16 */
    void *zeros;     /* STORED_INT8: [rows] int8 zero points, all 0 */
    uint16_t *table; /* STORED_PALETTE: [1 << bits] float16 */
    unsigned bits;
};

/* A module: its weight, and its bias, which is never compressed (data NULL: none). */
struct stored_module {
    struct stored weight, bias;
};

struct stored_weights {
    struct stored_module *modules; /* [count] by slot of the model's modules */
    size_t count;
};

/* Some rows of a weight, which owns what is there; `first` is a multiple of 8. */
struct stored stored_rows(const struct stored *stored, size_t first, size_t rows);

enum weight_precision { WEIGHTS_FLOAT32, WEIGHTS_FLOAT16, WEIGHTS_INT8, WEIGHTS_PALETTE };

/* Merges, arranges and stores every module, on the threads of `pool`; `bits` is that of a palette's
 * indices. What is tied is stored once. stored_weights_free() in any case. */
pst_status stored_weights_make(struct stored_weights *weights, const struct merge_run *merge,
                               enum weight_precision precision, unsigned bits,
                               struct thread_pool *pool, pst_error *err);
/* Multiplies a module, which is not int8, by a power of two. */
void stored_module_scale(struct stored_module *module, float factor);
void stored_weights_free(struct stored_weights *weights);

#endif
