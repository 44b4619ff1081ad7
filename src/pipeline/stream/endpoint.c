/* endpoint.c - see endpoint.h. */
#include "pipeline/stream/endpoint.h"

#include "potstill.h"

/* Speech that begins a line: two frames, 64 ms. One may be a click. */
enum { RUN_FRAMES = 2 };

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

void endpoint_init(struct endpoint *endpoint, const struct endpoint_options *options) {
    *endpoint = (struct endpoint){.options = *options};
}

/* The silence that ends the line now. It shrinks over the last third of the longest line, so that
 * a breath ends it rather than the middle of a word. */
static uint64_t pause_of(const struct endpoint *endpoint) {
    const struct endpoint_options *options = &endpoint->options;
    uint64_t length = endpoint->at - endpoint->start, third = options->longest / 3;
    if (length >= options->longest) return 0;
    uint64_t left = options->longest - length;
    if (!third || left >= third) return options->pause;
    uint64_t pause = options->pause * left / third;
    return pause > VAD_FRAME ? pause : VAD_FRAME;
}

uint64_t endpoint_reach(const struct endpoint *endpoint) {
    return least(endpoint->at, endpoint->spoken + endpoint->options.pad);
}

uint64_t endpoint_horizon(const struct endpoint *endpoint) {
    uint64_t first = endpoint->at - endpoint->run, pad = endpoint->options.pad;
    uint64_t start = first > pad + endpoint->options.settling ? first - pad : 0;
    return start > endpoint->earliest ? start : endpoint->earliest;
}

int endpoint_is_quiet(const struct endpoint *endpoint) {
    return endpoint->in_line && endpoint->at >= endpoint->spoken + endpoint->options.pad;
}

double endpoint_belief(const struct endpoint *endpoint, double *seconds) {
    *seconds = (double)(endpoint->frames * VAD_FRAME) / PST_SAMPLE_RATE_HZ;
    return endpoint->frames ? endpoint->belief / (double)endpoint->frames : 0;
}

/* A frame of the line at hand. Silence is part of what was said once somebody speaks again. */
static void note(struct endpoint *endpoint, double probability, int speech) {
    endpoint->belief_since += probability;
    endpoint->frames_since++;
    if (!speech) return;
    endpoint->spoken = endpoint->at;
    endpoint->belief += endpoint->belief_since;
    endpoint->frames += endpoint->frames_since;
    endpoint->belief_since = 0;
    endpoint->frames_since = 0;
}

static enum endpoint_event wait_for_speech(struct endpoint *endpoint, double probability) {
    if (probability < endpoint->options.threshold) {
        endpoint->run = 0;
        return ENDPOINT_NONE;
    }
    if (!endpoint->run) {
        endpoint->belief = endpoint->belief_since = 0;
        endpoint->frames = endpoint->frames_since = 0;
    }
    note(endpoint, probability, 1);
    endpoint->run += VAD_FRAME;
    if (endpoint->run < (uint64_t)RUN_FRAMES * VAD_FRAME) return ENDPOINT_NONE;
    endpoint->start = endpoint_horizon(endpoint);
    endpoint->in_line = 1;
    return ENDPOINT_STARTED;
}

enum endpoint_event endpoint_add(struct endpoint *endpoint, double probability) {
    endpoint->at += VAD_FRAME;
    if (!endpoint->in_line) return wait_for_speech(endpoint, probability);
    note(endpoint, probability, probability >= endpoint->options.neg_threshold);
    if (endpoint->at - endpoint->spoken < pause_of(endpoint)) return ENDPOINT_NONE;
    endpoint->in_line = 0;
    endpoint->run = 0;
    endpoint->earliest = endpoint_reach(endpoint);
    return ENDPOINT_ENDED;
}

void endpoint_finish(struct endpoint *endpoint, double probability, uint64_t samples) {
    endpoint->at += samples;
    if (endpoint->in_line)
        note(endpoint, probability, probability >= endpoint->options.neg_threshold);
    endpoint->in_line = 0;
    endpoint->run = 0;
    endpoint->earliest = endpoint->at;
}
