/* pack.c - see pack.h. The list of what is packed is walked twice: to plan, then to place. */
#include "network/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/error.h"
#include "network/precision.h"

struct packer {
    const struct kernels *kernels;
    const struct weights *weights;
    struct packed *packed;     /* [module_count] */
    struct pack_piece *pieces; /* [count] */
    size_t count, capacity;
    size_t used; /* bytes of the body so far */
    int failed;
    const unsigned char *body; /* NULL: planning */
    unsigned char *fill;       /* the same while it has to be filled; NULL: it is */
};

static void plan(struct packer *packer, struct pack_piece piece) {
    if (packer->count == packer->capacity) {
        size_t capacity = packer->capacity ? 2 * packer->capacity : 128;
        struct pack_piece *pieces = realloc(packer->pieces, capacity * sizeof *pieces);
        packer->failed |= !pieces;
        if (!pieces) return;
        packer->pieces = pieces;
        packer->capacity = capacity;
    }
    packer->pieces[packer->count++] = piece;
}

/* Takes the next piece of the body and returns its offset. */
static size_t take(struct packer *packer, struct pack_piece piece) {
    size_t padded;
    piece.offset = packer->used;
    if (!packer->body) plan(packer, piece);
    if (!checked_add(piece.bytes, ARENA_ALIGNMENT - 1, &padded) ||
        !checked_add(packer->used, padded & ~(size_t)(ARENA_ALIGNMENT - 1), &packer->used))
        packer->failed = 1;
    return piece.offset;
}

static void pack_matrix(struct packer *packer, const float *weight, uint32_t slot, size_t n,
                        size_t k, pst_precision precision) {
    const struct packed_kernels *kernels = packer->kernels->packed[precision];
    size_t offset = take(packer, (struct pack_piece){.layout = kernels->layout,
                                                     .slot = slot,
                                                     .n = (uint32_t)n,
                                                     .k = (uint32_t)k,
                                                     .bytes = kernels->bytes(n, k)});
    if (!packer->body) return;
    if (packer->fill) kernels->pack(packer->fill + offset, weight, k, n, k);
    packer->packed[slot] =
        (struct packed){packer->body + offset, (uint32_t)n, (uint32_t)k, precision};
}

/* Gives the pages of a packed weight back to the system, where they would count as memory of this
 * process: only the packed form is read from here on. */
static void release(struct packer *packer, uint32_t slot) {
    if (!packer->fill) return;
    const struct module *module = &packer->weights->modules[slot];
    checkpoint_release(&packer->weights->checkpoint, module->weight,
                       (size_t)module->out * module_columns(module) * sizeof *module->weight);
}

static void pack_linear(struct packer *packer, const struct linear *linear,
                        pst_precision precision) {
    pack_matrix(packer, linear->weight, linear->slot, linear->out, linear->in, precision);
    release(packer, linear->slot);
}

/* [out, in, kernel] to [out, kernel, in] in fresh memory: a window of frames and a row of the
 * kernel then lie in the same order, and a convolution is a product over strided rows. */
static float *reorder(const struct conv *conv) {
    size_t kernel = conv->kernel, in = conv->in;
    float *reordered = malloc(conv->out * in * kernel * sizeof *reordered);
    for (size_t o = 0; o < conv->out && reordered; o++)
        for (size_t i = 0; i < in; i++)
            for (size_t k = 0; k < kernel; k++)
                reordered[(o * kernel + k) * in + i] = conv->weight[(o * in + i) * kernel + k];
    return reordered;
}

static void pack_conv(struct packer *packer, const struct conv *conv, pst_precision precision) {
    float *weight = packer->fill ? reorder(conv) : NULL;
    if (packer->fill && !weight) {
        packer->failed = 1;
        return;
    }
    pack_matrix(packer, weight, conv->slot, conv->out, (size_t)conv->kernel * conv->in, precision);
    free(weight);
    release(packer, conv->slot);
}

static void pack_attention(struct packer *packer, const struct attention *attention,
                           pst_precision precision) {
    pack_linear(packer, &attention->q_proj, precision);
    pack_linear(packer, &attention->k_proj, precision);
    pack_linear(packer, &attention->v_proj, precision);
    pack_linear(packer, &attention->o_proj, precision);
}

/* error [n]: how far an approximate logit (network/logits.c) may be from the float32 one, divided
 * by the length of x. The two differ by
 *  - x . (w - int8(w)): at most |x| |w - int8(w)|;
 *  - what is left of x after two rows of int8: the first is off by half of max |x| / 127, the
 *    second by half of that over 127, so each value by max |x| / 64516, and the row by sqrt(k)
 *    times as much;
 *  - rounding: k products and sums in float32, and a few operations in approximate ones.
 * The last two are multiplied by |w| and raised by a hundredth; the first is raised by what
 * computing it in float may have lost. The smallest error covers products too small for float32. */
static void measure_rows(float *error, const float *w, size_t n, size_t k) {
    double slack = 1.01 * (sqrt((double)k) / 64516 + (double)(k + 32) * 0x1p-24);
    for (size_t j = 0; j < n; j++, w += k) {
        float largest = 0;
        for (size_t l = 0; l < k; l++)
            if (fabsf(w[l]) > largest) largest = fabsf(w[l]);
        float step = largest / 127;
        double sum = 0, squares = 0;
        for (size_t l = 0; l < k; l++) {
            double difference = (double)w[l] - (step > 0 ? (double)rintf(w[l] / step) * step : 0);
            sum += difference * difference;
            squares += (double)w[l] * w[l];
        }
        error[j] = (float)(sqrt(sum) * 1.001 + sqrt(squares) * slack + 1e-30);
    }
}

/* The output matrix, and what its products may be off by; NULL while planning. */
static const float *pack_output(struct packer *packer) {
    const struct linear *output = &packer->weights->proj_out;
    pack_matrix(packer, output->weight, output->slot, output->out, output->in, PST_PRECISION_INT8);
    size_t offset = take(packer, (struct pack_piece){.layout = "row_error",
                                                     .slot = output->slot,
                                                     .n = output->out,
                                                     .k = 1,
                                                     .bytes = output->out * sizeof(float)});
    if (packer->fill)
        measure_rows((float *)(void *)(packer->fill + offset), output->weight, output->out,
                     output->in);
    release(packer, output->slot);
    return packer->body ? (const float *)(const void *)(packer->body + offset) : NULL;
}

static void pack_encoder(struct packer *packer, const struct config *config,
                         pst_precision sensitive, pst_precision encoder) {
    const struct weights *weights = packer->weights;
    if (weights->decoder_only) return;
    if (config->family == FAMILY_STREAMING) {
        pack_linear(packer, &weights->frames, PST_PRECISION_F32); /* reads samples */
        pack_conv(packer, &weights->conv1, sensitive);
        pack_conv(packer, &weights->conv2, sensitive);
    } else {
        pack_conv(packer, &weights->conv1,
                  PST_PRECISION_F32); /* reads samples; 1.7 % of the operations */
        pack_conv(packer, &weights->conv2, sensitive);
        pack_conv(packer, &weights->conv3, sensitive);
    }
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        const struct encoder_layer *layer = &weights->encoder_layers[i];
        pack_attention(packer, &layer->self_attn, encoder);
        pack_linear(packer, &layer->fc1, encoder);
        pack_linear(packer, &layer->fc2, encoder);
    }
}

/* Returns what pack_output() returns. */
static const float *pack_all(struct packer *packer, const struct config *config,
                             pst_precision precision) {
    const struct weights *weights = packer->weights;
    pst_precision sensitive = precision_of_sensitive(precision);
    pst_precision encoder = precision_of_encoder(precision, packer->kernels);
    pack_encoder(packer, config, sensitive, encoder);
    if (weights->proj.weight) pack_linear(packer, &weights->proj, encoder);
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &weights->decoder_layers[i];
        pack_linear(packer, &layer->encoder_attn.k_proj, encoder);
        pack_linear(packer, &layer->encoder_attn.v_proj, encoder);
        if (precision == PST_PRECISION_F32) continue; /* read in place, from the mapped file */
        pack_attention(packer, &layer->self_attn, sensitive);
        pack_linear(packer, &layer->encoder_attn.q_proj, sensitive);
        pack_linear(packer, &layer->encoder_attn.o_proj, sensitive);
        pack_linear(packer, &layer->fc1, precision);
        pack_linear(packer, &layer->fc2, precision);
    }
    return pack_output(packer);
}

/* Memory for the body, to be filled; `*memory` is the caller's. */
static pst_status make_body(struct packer *packer, unsigned char **memory, size_t bytes,
                            pst_error *err) {
    struct arena arena = {0};
    if (packer->failed || !arena_allocate(&arena, bytes)) return error_memory(err, bytes);
    memset(arena.base, 0, bytes); /* the file has these bytes too, and layouts leave gaps */
    *memory = packer->fill = arena.base;
    packer->body = packer->fill;
    return PST_OK;
}

static pst_status fill(struct pack *pack, struct packer *packer, const struct config *config,
                       pst_precision precision, const char *cache_dir, pst_error *err) {
    const struct weights *weights = packer->weights;
    pack->packed = packer->packed = calloc(weights->module_count, sizeof *pack->packed);
    if (!pack->packed) return error_memory(err, 0);
    pack_all(packer, config, precision);
    size_t bytes = packer->used;
    int cached = cache_dir && !packer->failed &&
                 pack_file_begin(&pack->file, precision, &weights->checkpoint, packer->pieces,
                                 packer->count, bytes, cache_dir);
    if (cached) packer->body = pack_file_open(&pack->file, cache_dir);
    pst_status status = packer->body ? PST_OK : make_body(packer, &pack->memory, bytes, err);
    if (status) return status;
    packer->used = 0;
    pack->output_error = pack_all(packer, config, precision);
    if (packer->failed) return error_memory(err, 0);
    if (cached && packer->fill) pack_file_write(&pack->file, packer->body, cache_dir);
    return PST_OK;
}

pst_status pack_open(struct pack *pack, const struct weights *weights, const struct config *config,
                     const struct kernels *kernels, pst_precision precision, const char *cache_dir,
                     pst_error *err) {
    *pack = (struct pack){0};
    struct packer packer = {.kernels = kernels, .weights = weights};
    pst_status status = fill(pack, &packer, config, precision, cache_dir, err);
    free(packer.pieces);
    if (status) pack_close(pack);
    return status;
}

void pack_close(struct pack *pack) {
    free(pack->packed);
    free(pack->memory);
    pack_file_close(&pack->file);
    *pack = (struct pack){0};
}
