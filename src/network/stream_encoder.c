/* stream_encoder.c - see stream_encoder.h. Frames are numbered from the start of the clip. */
#include "network/stream_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "network/embedder.h"
#include "network/encoder_layer.h"
#include "network/norm.h"

/* Rows that a push adds at most: one more frame of samples is filled up by what was held. */
enum { FRONT_ROWS1 = 4 * STREAM_PIECE_FRAMES + 1, FRONT_ROWS2 = 2 * STREAM_PIECE_FRAMES + 1 };

struct stream_front {
    float *samples; /* [held]: a frame that is not whole */
    size_t held;
    /* What the next output of a convolution sees, up to the newest row. */
    float *rows1; /* [held1, encoder_dim] of 5 ms */
    float *rows2; /* [held2, 2 encoder_dim] of conv1 */
    size_t held1, held2;
    float *out; /* [frames of a push, encoder_dim] */
};

/* A layer: its input is complete for frames before `started`, its output before `finished`. */
struct stream_layer {
    float *hidden, *query, *k, *v; /* of frames [first, started) */
    size_t first, finished, started;
    size_t room; /* for frames */
};

/* -------------------------------------------------------------------------------------- memory */

/* Frames that follow one and must be known for it. */
static size_t look_ahead(struct window window) {
    return window.ahead ? window.ahead - 1 : 0;
}

size_t stream_encoder_frames(const struct config *config) {
    size_t frames = STREAM_PIECE_FRAMES + 1;
    for (uint32_t i = 0; i < config->encoder_layers; i++) frames += look_ahead(config->windows[i]);
    return frames;
}

static void lay_out(struct stream_encoder *encoder, struct arena *arena) {
    const struct config *config = &encoder->ws->model->config;
    size_t dim = config->encoder_dim, most = stream_encoder_frames(config);
    struct stream_front front = {
        .samples = ARENA_TAKE(arena, STREAM_FRAME_SAMPLES, float),
        .rows1 = ARENA_TAKE(arena, (STREAM_KERNEL + FRONT_ROWS1) * dim, float),
        .rows2 = ARENA_TAKE(arena, (STREAM_KERNEL + FRONT_ROWS2) * 2 * dim, float),
        .out = ARENA_TAKE(arena, (STREAM_PIECE_FRAMES + 1) * dim, float),
    };
    encoder->front = ARENA_TAKE(arena, 1, struct stream_front);
    encoder->layers = ARENA_TAKE(arena, config->encoder_layers, struct stream_layer);
    if (encoder->front) *encoder->front = front;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        size_t room = config->windows[i].back + look_ahead(config->windows[i]) + most;
        size_t kv = room * config_encoder_kv_width(config);
        struct stream_layer layer = {
            .hidden = ARENA_TAKE(arena, room * dim, float),
            .query = ARENA_TAKE(arena, room * config->encoder_width, float),
            .k = ARENA_TAKE(arena, kv, float),
            .v = ARENA_TAKE(arena, kv, float),
            .room = room,
        };
        if (encoder->layers) encoder->layers[i] = layer;
    }
}

pst_status stream_encoder_init(struct stream_encoder *encoder, struct workspace *ws,
                               pst_error *err) {
    struct arena counter = {0};
    *encoder = (struct stream_encoder){.ws = ws};
    lay_out(encoder, &counter);
    size_t bytes = counter.used;
    if (counter.overflow || !arena_allocate(&encoder->arena, bytes))
        return error_memory(err, bytes);
    lay_out(encoder, &encoder->arena);
    encoder->saved = malloc(bytes);
    if (!encoder->saved) return error_memory(err, bytes);
    stream_encoder_begin(encoder);
    return PST_OK;
}

void stream_encoder_free(struct stream_encoder *encoder) {
    arena_free(&encoder->arena);
    free(encoder->saved);
}

void stream_encoder_begin(struct stream_encoder *encoder) {
    const struct config *config = &encoder->ws->model->config;
    struct stream_front *front = encoder->front;
    front->held = 0;
    front->held1 = front->held2 = STREAM_PAD; /* the zeros to the left of the clip */
    memset(front->rows1, 0, STREAM_PAD * config->encoder_dim * sizeof *front->rows1);
    memset(front->rows2, 0, STREAM_PAD * 2 * config->encoder_dim * sizeof *front->rows2);
    for (uint32_t i = 0; i < config->encoder_layers; i++)
        encoder->layers[i].first = encoder->layers[i].finished = encoder->layers[i].started = 0;
}

void stream_encoder_save(struct stream_encoder *encoder) {
    memcpy(encoder->saved, encoder->arena.base, encoder->arena.used);
}

void stream_encoder_restore(struct stream_encoder *encoder) {
    memcpy(encoder->arena.base, encoder->saved, encoder->arena.used);
}

/* ----------------------------------------------------------------------------------- front end */

static struct block block_of(const struct stream_encoder *encoder, size_t first, size_t rows) {
    return (struct block){encoder->ws, &encoder->ws->scratch[0], first, rows};
}

/* Rows of 5 ms of whole frames of samples. */
static void add_frames(struct stream_encoder *encoder, const float *samples, size_t rows) {
    struct stream_front *front = encoder->front;
    struct block b = block_of(encoder, 0, rows);
    float *y = front->rows1 + front->held1 * encoder->ws->model->config.encoder_dim;
    if (rows) embedder_frames(&b, y, samples, b.scratch->values);
    front->held1 += rows;
}

/* Outputs of a convolution over all rows x [*held, width] that it can see, into y; those that the
 * next output sees stay. Returns how many outputs there are. */
static size_t convolve(struct stream_encoder *encoder, const struct conv *conv, float *x,
                       size_t *held, size_t width, float *y) {
    size_t rows = *held < STREAM_KERNEL ? 0 : (*held - STREAM_KERNEL) / STREAM_STRIDE + 1;
    if (!rows) return 0;
    struct block b = block_of(encoder, 0, rows);
    conv_rows(&b, y, conv, x, rows);
    *held -= rows * STREAM_STRIDE;
    memmove(x, x + rows * STREAM_STRIDE * width, *held * width * sizeof *x);
    return rows;
}

/* The frames that the newest rows of 5 ms complete, into front->out. */
static size_t front_frames(struct stream_encoder *encoder) {
    struct workspace *ws = encoder->ws;
    struct stream_front *front = encoder->front;
    size_t dim = ws->model->config.encoder_dim;
    float *added = front->rows2 + front->held2 * 2 * dim;
    const struct weights *weights = &ws->model->weights;
    size_t rows = convolve(encoder, &weights->conv1, front->rows1, &front->held1, dim, added);
    ws->kernels->silu(added, rows * 2 * dim);
    front->held2 += rows;
    return convolve(encoder, &weights->conv2, front->rows2, &front->held2, 2 * dim, front->out);
}

/* -------------------------------------------------------------------------------------- layers */

/* Drops the frames that nothing reaches back to. */
static void drop_old(const struct stream_encoder *encoder, struct stream_layer *layer,
                     struct window window) {
    const struct config *config = &encoder->ws->model->config;
    size_t keep = layer->finished + 1 > window.back ? layer->finished + 1 - window.back : 0;
    if (keep <= layer->first) return;
    size_t old = keep - layer->first, rows = layer->started - keep;
    float *const parts[] = {layer->hidden, layer->query, layer->k, layer->v};
    size_t kv = config_encoder_kv_width(config);
    const size_t widths[] = {config->encoder_dim, config->encoder_width, kv, kv};
    for (size_t i = 0; i < 4; i++)
        memmove(parts[i], parts[i] + old * widths[i], rows * widths[i] * sizeof *parts[i]);
    layer->first = keep;
}

static struct layer_rows rows_at(const struct stream_encoder *encoder,
                                 const struct stream_layer *layer, size_t frame) {
    const struct config *config = &encoder->ws->model->config;
    size_t at = frame - layer->first;
    return (struct layer_rows){layer->hidden + at * config->encoder_dim,
                               layer->query + at * config->encoder_width};
}

/* Rows of a block, of those that are left. */
static size_t at_most(size_t rows) {
    return rows < BLOCKS_ENCODER_ROWS ? rows : BLOCKS_ENCODER_ROWS;
}

/* Gives the layer frames x [rows, encoder_dim]; the result is what it has finished by that, *rows
 * of them. `ended`: no more will come. */
static const float *advance(struct stream_encoder *encoder, uint32_t index, const float *x,
                            size_t *rows, int ended) {
    const struct config *config = &encoder->ws->model->config;
    struct stream_layer *layer = &encoder->layers[index];
    size_t dim = config->encoder_dim, kv = config_encoder_kv_width(config);
    drop_old(encoder, layer, config->windows[index]);
    memcpy(layer->hidden + (layer->started - layer->first) * dim, x, *rows * dim * sizeof *x);
    for (size_t end = layer->started + *rows; layer->started < end;) {
        struct block b = block_of(encoder, layer->started, at_most(end - layer->started));
        struct layer_rows at = rows_at(encoder, layer, b.first);
        size_t offset = (b.first - layer->first) * kv;
        encoder_layer_start(&b, index, &at, layer->k + offset, layer->v + offset);
        layer->started += b.rows;
    }
    size_t ahead = ended ? 0 : look_ahead(config->windows[index]), from = layer->finished;
    struct layer_keys keys = {layer->k, layer->v, layer->first, layer->started};
    while (layer->finished + ahead < layer->started) {
        struct block b =
            block_of(encoder, layer->finished, at_most(layer->started - ahead - layer->finished));
        struct layer_rows at = rows_at(encoder, layer, b.first);
        encoder_layer_finish(&b, index, &at, &keys);
        layer->finished += b.rows;
    }
    *rows = layer->finished - from;
    return layer->hidden + (from - layer->first) * dim;
}

/* The newest frames of the front end through all layers. */
static size_t finish_frames(struct stream_encoder *encoder, int ended) {
    struct workspace *ws = encoder->ws;
    const struct config *config = &ws->model->config;
    size_t rows = front_frames(encoder);
    const float *x = encoder->front->out;
    for (uint32_t i = 0; i < config->encoder_layers; i++) x = advance(encoder, i, x, &rows, ended);
    layer_norm(ws, ws->memory, &ws->model->weights.encoder_norm, x, config->encoder_dim, rows);
    return rows;
}

size_t stream_encoder_push(struct stream_encoder *encoder, const float *samples, size_t count) {
    struct stream_front *front = encoder->front;
    size_t wanted = STREAM_FRAME_SAMPLES - front->held;
    if (front->held && count >= wanted) {
        memcpy(front->samples + front->held, samples, wanted * sizeof *samples);
        add_frames(encoder, front->samples, 1);
        front->held = 0;
        samples += wanted;
        count -= wanted;
    }
    size_t whole = front->held ? 0 : count / STREAM_FRAME_SAMPLES;
    add_frames(encoder, samples, whole);
    size_t rest = count - whole * STREAM_FRAME_SAMPLES;
    memcpy(front->samples + front->held, samples + (count - rest), rest * sizeof *samples);
    front->held += rest;
    return finish_frames(encoder, 0);
}

size_t stream_encoder_end(struct stream_encoder *encoder) {
    struct stream_front *front = encoder->front;
    size_t dim = encoder->ws->model->config.encoder_dim;
    if (front->held) { /* a frame that is not whole counts as zeros */
        memset(front->rows1 + front->held1 * dim, 0, dim * sizeof *front->rows1);
        front->held1++;
    }
    return finish_frames(encoder, 1);
}
