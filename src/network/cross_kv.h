/* cross_kv.h - keys and values of the memory, for all layers of the decoder: computed once a clip,
 * read whole at every step. So below f32 they are kept as float16, in tiles
 * (kernels/attend_f16.h). */
#ifndef PST_NETWORK_CROSS_KV_H
#define PST_NETWORK_CROSS_KV_H

#include "network/workspace.h"

/* For every layer, of ws->memory [frames, encoder_dim], the memory of the clip, into the cache at
 * hand. In the streaming family a learned position is added to each frame of it, and a projection
 * makes it as wide as the decoder where it is not. */
void cross_kv_compute(struct workspace *ws);
/* The same of a stream's next frames [count], which ws->memory holds; those before them stay as
 * they are. */
void cross_kv_append(struct workspace *ws, size_t count);

/* The context of one head of a layer for queries q [rows, head_dim] of a text, rows
 * ws->step.slice_stride apart, into ws->step.context from row `first` on. */
void cross_kv_attend(const struct workspace *ws, const struct decoder_cache *cache, uint32_t layer,
                     size_t head, const float *q, size_t rows, size_t first,
                     const struct scratch *scratch);

/* Does somebody follow this head? */
int cross_kv_is_followed(const struct workspace *ws, uint32_t layer, size_t head);
/* After it has attended with one row: keeps its weights as those of `position`. */
void cross_kv_follow(const struct workspace *ws, const struct decoder_cache *cache, uint32_t layer,
                     size_t head, size_t position, const struct scratch *scratch);

#endif
