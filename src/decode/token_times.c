/* token_times.c - see token_times.h. */
#include "decode/token_times.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The frames that are not silent, and what the heads make of them. */
struct line {
    size_t tokens, count;
    uint32_t *frames;    /* [count] */
    float *bright;       /* [tokens, count] */
    float *moments;      /* [2, frames] */
    double *best[2];     /* [count + 1]: of the row above, and of this one */
    unsigned char *from; /* [tokens, count]: where the brightest line comes from */
};

enum { FROM_BOTH, FROM_TOKEN, FROM_FRAME };

static void choose_frames(struct line *line, const struct token_picture *picture) {
    line->count = 0;
    for (size_t f = 0; f < picture->frames; f++)
        if (!picture->silent[f]) line->frames[line->count++] = (uint32_t)f;
    if (line->count) return;
    for (size_t f = 0; f < picture->frames; f++) line->frames[line->count++] = (uint32_t)f;
}

/* Mean and deviation over the tokens of what a head gives each frame: [frames] each. */
static void measure_head(struct line *line, const struct token_picture *picture, size_t head) {
    size_t frames = picture->frames;
    for (size_t f = 0; f < 2 * frames; f++) line->moments[f] = 0;
    for (size_t t = 0; t < line->tokens; t++) {
        const float *weight = picture->weights + (t * picture->heads + head) * frames;
        for (size_t f = 0; f < frames; f++) {
            line->moments[f] += weight[f];
            line->moments[frames + f] += weight[f] * weight[f];
        }
    }
    for (size_t f = 0; f < frames; f++) {
        float mean = line->moments[f] / (float)line->tokens;
        float variance = line->moments[frames + f] / (float)line->tokens - mean * mean;
        line->moments[f] = mean;
        line->moments[frames + f] = variance > 1e-12f ? 1 / sqrtf(variance) : 0; /* else rounding */
    }
}

/* Adds a head's weights, each frame's with mean 0 and deviation 1 over the tokens: frames that
 * every token looks at say nothing. */
static void add_head(struct line *line, const struct token_picture *picture, size_t head) {
    const float *mean = line->moments, *scale = line->moments + picture->frames;
    measure_head(line, picture, head);
    for (size_t t = 0; t < line->tokens; t++) {
        const float *weight = picture->weights + (t * picture->heads + head) * picture->frames;
        float *bright = line->bright + t * line->count;
        for (size_t i = 0; i < line->count; i++) {
            long long at = (long long)line->frames[i] + picture->lags[head];
            if (at < 0 || at >= (long long)picture->frames) continue;
            bright[i] += (weight[at] - mean[at]) * scale[at];
        }
    }
}

/* best[i]: the brightness of the best line that ends at this token and frame i - 1. */
static void follow(struct line *line) {
    double *above = line->best[0], *here = line->best[1];
    for (size_t i = 0; i <= line->count; i++) above[i] = i ? -INFINITY : 0;
    for (size_t t = 0; t < line->tokens; t++) {
        const float *bright = line->bright + t * line->count;
        unsigned char *from = line->from + t * line->count;
        here[0] = -INFINITY;
        for (size_t i = 0; i < line->count; i++) {
            double both = above[i], token = above[i + 1], frame = here[i];
            if (both > token && both > frame) {
                here[i + 1] = both + bright[i];
                from[i] = FROM_BOTH;
            } else if (token > both && token > frame) {
                here[i + 1] = token + bright[i];
                from[i] = FROM_TOKEN;
            } else {
                here[i + 1] = frame + bright[i];
                from[i] = FROM_FRAME;
            }
        }
        double *swap = above;
        above = here;
        here = swap;
    }
}

/* Back along the line from its end. */
static void read_starts(const struct line *line, uint32_t *starts) {
    size_t t = line->tokens - 1, i = line->count - 1;
    for (;;) {
        starts[t] = line->frames[i];
        if (t == 0 && i == 0) return;
        unsigned char from = line->from[t * line->count + i];
        if (i == 0) from = FROM_TOKEN;
        if (t == 0) from = FROM_FRAME;
        if (from != FROM_FRAME) t--;
        if (from != FROM_TOKEN) i--;
    }
}

int token_times_find(const struct token_picture *picture, uint32_t *starts) {
    if (!picture->tokens || !picture->frames) return 1;
    struct line line = {.tokens = picture->tokens};
    size_t cells = picture->tokens * picture->frames;
    line.frames = malloc(picture->frames * sizeof *line.frames);
    line.bright = calloc(cells, sizeof *line.bright);
    line.moments = malloc(2 * picture->frames * sizeof *line.moments);
    line.best[0] = malloc(2 * (picture->frames + 1) * sizeof *line.best[0]);
    line.from = malloc(cells);
    int done = line.frames && line.bright && line.moments && line.best[0] && line.from;
    if (done) {
        line.best[1] = line.best[0] + picture->frames + 1;
        choose_frames(&line, picture);
        for (size_t h = 0; h < picture->heads; h++) add_head(&line, picture, h);
        follow(&line);
        read_starts(&line, starts);
    }
    free(line.frames);
    free(line.bright);
    free(line.moments);
    free(line.best[0]);
    free(line.from);
    return done;
}
