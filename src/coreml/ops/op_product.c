/* op_product.c - see op_product.h. */
#include "coreml/ops/op_product.h"

#include <stdlib.h>

#include "base/checked.h"

struct spread {
    size_t total, piece;
    void (*task)(void *context, size_t first, size_t count);
    void *context;
};

static void run_piece(void *context, size_t index, unsigned thread) {
    const struct spread *spread = context;
    (void)thread;
    size_t first = index * spread->piece, left = spread->total - first;
    spread->task(spread->context, first, left < spread->piece ? left : spread->piece);
}

void op_spread(struct op_call *call, size_t total, size_t piece,
               void (*task)(void *context, size_t first, size_t count), void *context) {
    struct spread spread = {total, piece, task, context};
    size_t pieces = total / piece + (total % piece != 0);
    if (pieces == 1)
        task(context, 0, total);
    else if (pieces)
        thread_pool_run(call->resources->pool, pieces, run_piece, &spread);
}

/* ------------------------------------------------------------------------------------- products */

struct product {
    const struct matmul *whole;
    const struct kernels *kernels;
    size_t columns; /* of a task */
    char *scratch;
    size_t scratch_bytes; /* of a thread */
};

static void run_columns(void *context, size_t index, unsigned thread) {
    const struct product *product = context;
    struct matmul part = *product->whole;
    size_t first = index * product->columns;
    part.n = part.n - first < product->columns ? part.n - first : product->columns;
    part.y += first;
    part.w += part.w_is_kn ? first : first * part.w_stride;
    if (part.bias) part.bias += first;
    product->kernels->matmul(&part,
                             (float *)(void *)(product->scratch + thread * product->scratch_bytes));
}

static pst_status fit_scratch(struct op_call *call, size_t bytes) {
    struct op_resources *resources = call->resources;
    const struct slot_memory *memory = &resources->memory;
    if (bytes <= resources->scratch_bytes) return PST_OK;
    if (bytes > memory->limit - memory->used)
        return op_error(call, PST_ERR_UNSUPPORTED, "needs more than %zu MB of memory",
                        memory->limit >> 20);
    void *scratch = NULL;
    if (posix_memalign(&scratch, 64, bytes)) return error_memory(call->err, bytes);
    free(resources->scratch);
    resources->scratch = scratch;
    resources->scratch_bytes = bytes;
    return PST_OK;
}

pst_status op_product(struct op_call *call, struct matmul product) {
    const struct kernels *kernels = call->resources->kernels;
    size_t panel, all, threads = thread_pool_size(call->resources->pool);
    product.y_stride = product.n;
    product.x_stride = product.k;
    product.w_stride = product.w_is_kn ? product.n : product.k;
    if (product.m == 0 || product.n == 0) return PST_OK;
    if (product.k == 0) {
        for (size_t i = 0; i < product.m && !product.accumulate; i++)
            for (size_t j = 0; j < product.n; j++)
                product.y[i * product.y_stride + j] = product.bias ? product.bias[j] : 0;
        return PST_OK;
    }
    pst_status status = op_work(call, product.m, product.n, product.k);
    if (status) return status;
    if (!checked_mul(product.k, KERNELS_PANEL_MAX * sizeof(float), &panel) ||
        !checked_mul(panel, threads, &all))
        return op_error(call, PST_ERR_UNSUPPORTED, "is too large");
    status = fit_scratch(call, all);
    if (status) return status;
    /* A panel a task; more with few rows, or starting tasks would cost more than doing them. */
    size_t columns = kernels->panel;
    while (columns < product.n && columns * product.k * product.m < 1 << 16) columns *= 2;
    struct product run = {&product, kernels, columns, call->resources->scratch, panel};
    thread_pool_run(call->resources->pool, (product.n + columns - 1) / columns, run_columns, &run);
    return PST_OK;
}
