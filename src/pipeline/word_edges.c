/* word_edges.c - see word_edges.h. */
#include "pipeline/word_edges.h"

#include <math.h>

/* A boundary is not moved further: attention is nearly always nearer than that. */
static const double REACH_SECONDS = 0.2;
/* A pause that ends so near to the end of the recording is its end. */
static const double END_SECONDS = 0.02;

static double distance(double time, const struct pause *pause) {
    return fmax(0, fmax(pause->start - time, time - pause->end));
}

/* The boundary before word i, or after the last one. */
static double boundary(const struct word_time *times, size_t count, size_t i) {
    return i < count ? times[i].start : times[count - 1].end;
}

/* The boundary that a pause belongs to: before word .. count. */
static size_t nearest(const struct word_time *times, size_t count, const struct pause *pause,
                      double duration) {
    if (pause->start <= 0) return 0;
    if (pause->end >= duration - END_SECONDS) return count;
    size_t best = 0;
    for (size_t i = 1; i <= count; i++)
        if (distance(boundary(times, count, i), pause) <
            distance(boundary(times, count, best), pause))
            best = i;
    return distance(boundary(times, count, best), pause) <= REACH_SECONDS ? best : count + 1;
}

/* Whatever the pauses were. */
static void put_in_order(struct word_time *times, size_t count, double duration) {
    double at = 0;
    for (size_t i = 0; i < count; i++) {
        times[i].start = fmin(fmax(times[i].start, at), duration);
        times[i].end = fmin(fmax(times[i].end, times[i].start), duration);
        at = times[i].end;
    }
}

void word_edges_refine(struct word_time *times, size_t count, const struct pause *pauses,
                       size_t pause_count, double duration) {
    if (!count) return;
    size_t before = count + 1;
    for (size_t p = 0; p < pause_count; p++) {
        size_t i = nearest(times, count, &pauses[p], duration);
        if (i > count) continue;
        /* What lies between two pauses of one boundary is a breath or a click. */
        if (i > 0 && i != before) times[i - 1].end = pauses[p].start;
        if (i < count) times[i].start = pauses[p].end;
        before = i;
    }
    put_in_order(times, count, duration);
}
