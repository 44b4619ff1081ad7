/* workspace.c - see workspace.h. */
#include "network/workspace.h"

#include <stdio.h>

#include "model/family.h"

void extent_of_clip(struct extent *extent, const struct config *config, size_t samples) {
    struct clip_extent clip = family_extent_of(config, samples);
    extent->frames1 = clip.frames1;
    extent->frames2 = clip.frames2;
    extent->frames = extent->encoded = clip.frames;
}

static size_t max_of(size_t a, size_t b) {
    return a > b ? a : b;
}

struct extent extent_max(const struct extent *a, const struct extent *b) {
    return (struct extent){
        .frames1 = max_of(a->frames1, b->frames1),
        .frames2 = max_of(a->frames2, b->frames2),
        .frames = max_of(a->frames, b->frames),
        .encoded = max_of(a->encoded, b->encoded),
        .beams = max_of(a->beams, b->beams),
        .ahead = max_of(a->ahead, b->ahead),
        .tokens = max_of(a->tokens, b->tokens),
        .rank = max_of(a->rank, b->rank),
        .scales_outputs = max_of(a->scales_outputs, b->scales_outputs),
        .scales_inputs = max_of(a->scales_inputs, b->scales_inputs),
        .followed = max_of(a->followed, b->followed),
    };
}

void workspace_trace(const struct workspace *ws, const char *stage, const float *data, size_t rows,
                     size_t cols) {
    if (ws->trace) ws->trace(ws->trace_user, stage, data, rows, cols);
}

void workspace_trace_layer(const struct workspace *ws, const char *stack, uint32_t number,
                           const float *data, size_t rows, size_t cols) {
    char stage[24];
    if (!ws->trace) return;
    snprintf(stage, sizeof stage, "%s.%u", stack, number);
    workspace_trace(ws, stage, data, rows, cols);
}
