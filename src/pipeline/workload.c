/* workload.c - what a clip costs at least: operations and bytes of each stage, from the shapes
 * alone.
 *
 * Only products are counted; norms, activations and softmax are below 2 % of the operations. Bytes
 * are what a stage reads that cannot be in the second-level cache: the weights once a clip for the
 * encoder, once a token for the decoder, with the keys and values of the memory. */
#include <string.h>

#include "model/family.h"
#include "model/streaming.h"
#include "network/network.h"
#include "network/precision.h"
#include "potstill_tools.h"

/* Bytes of a weight at a precision. */
static double width_of(pst_precision precision) {
    return precision == PST_PRECISION_F32 ? 4 : precision == PST_PRECISION_BF16 ? 2 : 1;
}

struct count {
    const struct config *config;
    struct clip_extent extent;
    double frames, dim, width, encoder_ffn, decoder_ffn;
    pst_precision precision;          /* of products with weights */
    pst_precision sensitive, encoder; /* of fine weights; of the encoder's layers and its keys */
    pst_work *work;
};

/* `rows` rows through a layer of `weights` entries, read `times` times. */
static void add_product(struct count *count, pst_stage stage, pst_precision precision, double rows,
                        double weights, double times) {
    count->work[stage].operations[precision] += 2 * rows * weights;
    count->work[stage].bytes += times * weights * width_of(precision);
}

static void count_stem(struct count *c) {
    double rows1 = (double)c->extent.frames1, rows2 = (double)c->extent.frames2;
    double dim = c->config->encoder_dim;
    if (c->config->family == FAMILY_STREAMING) {
        double conv = STREAM_KERNEL * 2 * dim * dim; /* weights of either convolution */
        add_product(c, PST_STAGE_STEM, PST_PRECISION_F32, rows1, dim * STREAM_FRAME_SAMPLES, 1);
        add_product(c, PST_STAGE_STEM, c->sensitive, rows2, conv, 1);
        add_product(c, PST_STAGE_STEM, c->sensitive, c->frames, conv, 1);
        return;
    }
    add_product(c, PST_STAGE_STEM, PST_PRECISION_F32, rows1, dim * STEM_KERNEL1, 1);
    add_product(c, PST_STAGE_STEM, c->sensitive, rows2, 2 * dim * STEM_KERNEL2 * dim, 1);
    add_product(c, PST_STAGE_STEM, c->sensitive, c->frames, dim * STEM_KERNEL3 * 2 * dim, 1);
}

/* Frames that a frame of a layer attends to. */
static double attended(const struct count *c, uint32_t layer) {
    const struct window *window = &c->config->windows[layer];
    double widest = (double)window->back + (window->ahead ? window->ahead - 1 : 0);
    return c->config->family == FAMILY_STREAMING && widest < c->frames ? widest : c->frames;
}

static void count_encoder(struct count *c) {
    double layers = c->config->encoder_layers, dim = c->config->encoder_dim;
    double width = c->config->encoder_width, kv_width = config_encoder_kv_width(c->config);
    double weights = 2 * dim * (width + kv_width) + 2 * dim * c->encoder_ffn;
    add_product(c, PST_STAGE_ENCODER, c->encoder, c->frames, layers * weights, 1);
    for (uint32_t i = 0; i < c->config->encoder_layers; i++) /* scores and mix */
        c->work[PST_STAGE_ENCODER].operations[PST_PRECISION_F32] +=
            4 * c->frames * attended(c, i) * width;
    double projection = dim != c->dim ? dim * c->dim : 0; /* of the memory */
    add_product(c, PST_STAGE_CROSS, c->encoder, c->frames,
                projection + c->config->decoder_layers * 2 * c->dim * c->width, 1);
}

static void count_decoder(struct count *c, double steps, double beams) {
    double layers = c->config->decoder_layers,
           tokens = (steps + 1) / 2; /* attended to, on average */
    double attention = 6 * c->dim * c->width, feed_forward = 3 * c->dim * c->decoder_ffn;
    double kept = c->precision == PST_PRECISION_F32 ? 4 : 2; /* bytes of a cross key's entry */
    add_product(c, PST_STAGE_DECODER, c->sensitive, steps * beams, layers * attention, steps);
    add_product(c, PST_STAGE_DECODER, c->precision, steps * beams, layers * feed_forward, steps);
    pst_precision output = beams > 1 ? c->precision : PST_PRECISION_INT8;
    add_product(c, PST_STAGE_DECODER, output, steps * beams, c->config->vocab * c->dim, steps);
    pst_work *work = &c->work[PST_STAGE_DECODER];
    work->operations[PST_PRECISION_F32] +=
        steps * beams * layers * 4 * c->width * (c->frames + tokens);
    work->bytes += steps * layers * 2 * c->width * (c->frames * kept + tokens * beams * 4);
}

void pst_model_work(const pst_model *model, size_t samples, size_t tokens, size_t beams,
                    pst_work work[PST_STAGE_COUNT]) {
    const struct config *config = &model->config;
    memset(work, 0, PST_STAGE_COUNT * sizeof *work);
    if (!model->network) return;
    struct clip_extent extent = family_extent_of(config, samples);
    pst_precision precision = model->network->precision;
    struct count count = {
        .config = config,
        .extent = extent,
        .frames = (double)extent.frames,
        .dim = config->dim,
        .width = config->width,
        .encoder_ffn = config->encoder_ffn,
        .decoder_ffn = config->decoder_ffn,
        .precision = precision,
        .sensitive = precision_of_sensitive(precision),
        .encoder = precision_of_encoder(precision, model->network->kernels),
        .work = work,
    };
    count_stem(&count);
    count_encoder(&count);
    if (tokens > 1) count_decoder(&count, (double)(tokens - 1), (double)beams);
}
