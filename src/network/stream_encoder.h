/* stream_encoder.h - the encoder of the streaming family over samples that come in pieces.
 *
 * It keeps what later frames need and no more: samples of a frame that is not whole, the last rows
 * before each convolution, and of each layer the keys and values that a window reaches back to and
 * the rows whose window is not complete. Each row is computed once, by the functions that take a
 * whole clip (embedder.h, encoder_layer.h), so that the memory has the same bits however the
 * samples are cut. What is held does not grow. */
#ifndef PST_NETWORK_STREAM_ENCODER_H
#define PST_NETWORK_STREAM_ENCODER_H

#include "base/arena.h"
#include "model/streaming.h"
#include "network/workspace.h"

/* Samples of one push at most: 32 frames of 20 ms, enough rows to multiply well. */
enum {
    STREAM_PIECE_FRAMES = 32,
    STREAM_PIECE_SAMPLES = STREAM_PIECE_FRAMES * STREAM_SAMPLES_PER_FRAME
};

struct stream_front;
struct stream_layer;

struct stream_encoder {
    struct workspace *ws;
    struct arena arena;          /* of all that is held */
    unsigned char *saved;        /* [arena.capacity]: a copy of it */
    struct stream_front *front;  /* in the arena */
    struct stream_layer *layers; /* [encoder_layers] in the arena */
};

/* Frames that one call gives at most: ws->memory must have room for as many. */
size_t stream_encoder_frames(const struct config *config);

/* `ws` is to be laid out before the first sample comes. stream_encoder_free() in any case. */
pst_status stream_encoder_init(struct stream_encoder *encoder, struct workspace *ws,
                               pst_error *err);
void stream_encoder_free(struct stream_encoder *encoder);

/* A new clip begins. */
void stream_encoder_begin(struct stream_encoder *encoder);
/* Takes samples [count], count <= STREAM_PIECE_SAMPLES, and puts the frames that are final now
 * into ws->memory [result, encoder_dim]. */
size_t stream_encoder_push(struct stream_encoder *encoder, const float *samples, size_t count);
/* The clip ends here: the rest of its frames. */
size_t stream_encoder_end(struct stream_encoder *encoder);

/* What was held when it was saved comes back: a clip that was ended can go on after all. */
void stream_encoder_save(struct stream_encoder *encoder);
void stream_encoder_restore(struct stream_encoder *encoder);

#endif
