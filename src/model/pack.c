/* pack.c - see pack.h. The list of what is packed is walked twice: to measure, then to place. */
#include "model/pack.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

struct packer {
    const struct kernels *kernels;
    struct arena arena; /* no memory: measuring */
};

static void pack_matrix(struct packer *packer, struct packed *packed, const float *weight, size_t n,
                        size_t k, enum precision precision) {
    const struct packed_kernels *kernels = packer->kernels->packed[precision];
    unsigned char *data = ARENA_TAKE(&packer->arena, kernels->bytes(n, k), unsigned char);
    if (!data) return;
    kernels->pack(data, weight, k, n, k);
    *packed = (struct packed){data, (uint32_t)n, (uint32_t)k, precision};
}

static void pack_linear(struct packer *packer, struct linear *linear, enum precision precision) {
    pack_matrix(packer, &linear->packed, linear->weight, linear->out, linear->in, precision);
}

static void pack_conv(struct packer *packer, struct conv *conv, enum precision precision) {
    pack_matrix(packer, &conv->packed, conv->weight, conv->out, (size_t)conv->kernel * conv->in,
                precision);
}

static void pack_attention(struct packer *packer, struct attention *attention,
                           enum precision precision) {
    pack_linear(packer, &attention->q_proj, precision);
    pack_linear(packer, &attention->k_proj, precision);
    pack_linear(packer, &attention->v_proj, precision);
    pack_linear(packer, &attention->o_proj, precision);
}

/* error [n]: how far a coarse logit (network/logits.c) may be from the float32 one, divided by the length
 * of x. The two differ by
 *  - x . (w - int8(w)): at most |x| |w - int8(w)|;
 *  - what is left of x after two rows of int8: the first is off by half of max |x| / 127, the second by
 *    half of that over 127, so each value by max |x| / 64516, and the row by sqrt(k) times as much;
 *  - rounding: k products and sums in float32, and a few operations in coarse ones.
 * The last two come with |w|; a hundredth is added to them, and to the first what computing it in float
 * may have hidden. The least error stands for products too small for float32. */
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

static void pack_output(struct packer *packer, struct weights *weights) {
    struct linear *output = &weights->proj_out;
    pack_linear(packer, output, PRECISION_INT8);
    float *error = ARENA_TAKE(&packer->arena, output->out, float);
    if (error) measure_rows(error, output->weight, output->out, output->in);
    weights->proj_out_error = error;
}

static void pack_all(struct packer *packer, struct weights *weights, const struct config *config,
                     enum precision precision) {
    pack_conv(packer, &weights->conv1, PRECISION_F32); /* samples: 1.7 % of the operations */
    pack_conv(packer, &weights->conv2, precision);
    pack_conv(packer, &weights->conv3, precision);
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        struct encoder_layer *layer = &weights->encoder_layers[i];
        pack_attention(packer, &layer->self_attn, precision);
        pack_linear(packer, &layer->fc1, precision);
        pack_linear(packer, &layer->fc2, precision);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        struct decoder_layer *layer = &weights->decoder_layers[i];
        pack_linear(packer, &layer->encoder_attn.k_proj, precision);
        pack_linear(packer, &layer->encoder_attn.v_proj, precision);
        if (precision == PRECISION_F32) continue; /* streamed from where they lie */
        pack_attention(packer, &layer->self_attn, precision);
        pack_linear(packer, &layer->encoder_attn.q_proj, precision);
        pack_linear(packer, &layer->encoder_attn.o_proj, precision);
        pack_linear(packer, &layer->fc1, precision);
        pack_linear(packer, &layer->fc2, precision);
    }
    pack_output(packer, weights);
}

pst_status pack_open(struct pack *pack, struct weights *weights, const struct config *config,
                     const struct kernels *kernels, enum precision precision, pst_error *err) {
    struct packer packer = {.kernels = kernels};
    pack_all(&packer, weights, config, precision);
    size_t bytes = packer.arena.used;
    if (packer.arena.overflow || !arena_allocate(&packer.arena, bytes))
        return error_memory(err, bytes);
    packer.arena.used = 0;
    pack_all(&packer, weights, config, precision);
    *pack = (struct pack){packer.arena.base, bytes};
    return PST_OK;
}

void pack_close(struct pack *pack) {
    free(pack->memory);
    *pack = (struct pack){0};
}
