/* subtitles.c - see subtitles.h. */
#include "subtitles.h"

#include <math.h>
#include <stdlib.h>

#include "console.h"
#include "subtitle_breaks.h"

/* Nobody sees a cue that is gone sooner, and one that stays longer is read again: the limits that
 * broadcasters give. */
static const double SECONDS_MIN = 0.8, SECONDS_MAX = 7;
/* What is said after so long a pause is not shown before it. */
static const double PAUSE_MAX = 2;
/* Costs beside those of breaks, which are 0 to 10: any cue costs something, so that they are not
 * too many; to be unreadable costs more than the worst break. */
static const double CUE_COST = 4, SHORT_COST = 15, FAST_COST = 30, LONG_COST = 10, PAUSE_COST = 4;

/* The best way to cut all words before one. */
struct plan {
    double cost;
    size_t first; /* of the cue that ends there */
};

/* ------------------------------------------------------------------------------------- lines */

static size_t added_width(const struct subtitle_word *word, int begins) {
    return word->width + (begins || !word->space ? 0 : 1);
}

/* Characters of words first .. last in a line. */
static size_t line_width(const struct subtitle_word *words, size_t first, size_t last) {
    size_t width = 0;
    for (size_t i = first; i < last; i++) width += added_width(&words[i], i == first);
    return width;
}

/* The fewest lines that hold the words. */
static size_t count_lines(const struct subtitle_word *words, size_t first, size_t last,
                          size_t width) {
    size_t lines = 1, filled = 0;
    for (size_t i = first; i < last; i++) {
        size_t more = added_width(&words[i], filled == 0);
        if (filled && filled + more > width) {
            lines++;
            filled = words[i].width;
        } else {
            filled += more;
        }
    }
    return lines;
}

/* Cuts a cue into the fewest lines, at good places and of similar widths: plans[line * stride + i]
 * is the best way to have the first lines end before word i of the cue. */
static void break_lines(struct subtitle_word *words, const struct cue *cue, size_t width) {
    size_t lines = count_lines(words, cue->first, cue->last, width), count = cue->last - cue->first;
    if (lines < 2) return;
    size_t stride = count + 1;
    const struct subtitle_word *own = words + cue->first;
    double even = (double)line_width(own, 0, count) / (double)lines;
    struct plan *plans = need(malloc((lines + 1) * stride * sizeof *plans));
    for (size_t i = 0; i < (lines + 1) * stride; i++) plans[i] = (struct plan){INFINITY, 0};
    plans[0].cost = 0;
    for (size_t line = 1; line <= lines; line++)
        for (size_t end = 1; end <= count; end++)
            for (size_t first = end; first-- > 0;) {
                size_t filled = line_width(own, first, end);
                if (filled > width && first + 1 < end) break;
                /* A line that is a third longer or shorter is as bad as a break in a phrase. */
                double uneven = ((double)filled - even) / even;
                double cost = plans[(line - 1) * stride + first].cost + 90 * uneven * uneven;
                if (end < count) cost += break_cost(&own[end - 1], &own[end]);
                if (cost < plans[line * stride + end].cost)
                    plans[line * stride + end] = (struct plan){cost, first};
            }
    for (size_t line = lines, end = count; line > 1; line--) {
        end = plans[line * stride + end].first;
        words[cue->first + end].breaks_line = 1;
    }
    free(plans);
}

/* -------------------------------------------------------------------------------------- cues */

/* Seconds that `characters` should be seen. */
static double seconds_wanted(double characters, const struct subtitle_style *style) {
    return fmax(SECONDS_MIN, characters / style->speed);
}

/* What it costs to show words first .. last together. */
static double cue_cost(const struct subtitles *s, size_t first, size_t last,
                       const struct subtitle_style *style) {
    const struct subtitle_word *words = s->words;
    double characters = (double)line_width(words, first, last), cost = CUE_COST;
    double said = words[last - 1].end - words[first].start;
    double room = last < s->word_count ? words[last].start - words[first].start : INFINITY;
    double seen = fmin(fmax(said, seconds_wanted(characters, style)), room);
    if (last < s->word_count) cost += break_cost(&words[last - 1], &words[last]);
    if (seen < SECONDS_MIN) cost += SHORT_COST * (1 - seen / SECONDS_MIN);
    if (characters > style->speed * seen)
        cost += FAST_COST * (characters / (style->speed * fmax(seen, 0.1)) - 1);
    if (said > SECONDS_MAX) cost += LONG_COST * (said - SECONDS_MAX);
    for (size_t i = first + 1; i < last; i++) {
        cost += PAUSE_COST * fmax(words[i].start - words[i - 1].end - 0.5, 0);
        /* Sentences together are for when each is too short alone. */
        if (ends_sentence(&words[i - 1])) cost += 1.25 * CUE_COST;
    }
    return cost;
}

static void add_cue(struct subtitles *s, size_t first, size_t last) {
    s->cues[s->cue_count++] =
        (struct cue){s->words[first].start, s->words[last - 1].end, first, last};
}

static void cut(struct subtitles *s, const struct subtitle_style *style) {
    struct plan *plans = need(calloc(s->word_count + 1, sizeof *plans));
    for (size_t end = 1; end <= s->word_count; end++) {
        plans[end] = (struct plan){INFINITY, end - 1};
        for (size_t first = end; first-- > 0;) {
            if (first + 1 < end && (s->words[first + 1].start - s->words[first].end > PAUSE_MAX ||
                                    count_lines(s->words, first, end, style->width) > style->lines))
                break;
            double cost = plans[first].cost + cue_cost(s, first, end, style);
            if (cost < plans[end].cost) plans[end] = (struct plan){cost, first};
        }
    }
    /* Backwards, each with where it begins; then in their order. */
    size_t count = 0;
    for (size_t end = s->word_count; end > 0; end = plans[end].first) count++;
    s->cue_count = count;
    for (size_t end = s->word_count; end > 0; end = plans[end].first)
        s->cues[--count] = (struct cue){s->words[plans[end].first].start, s->words[end - 1].end,
                                        plans[end].first, end};
    free(plans);
}

static void cut_by_segments(struct subtitles *s) {
    size_t first = 0;
    for (size_t i = 1; i <= s->word_count; i++)
        if (i == s->word_count || s->words[i].segment != s->words[first].segment) {
            add_cue(s, first, i);
            first = i;
        }
}

/* Uses the pauses around cues that are too short for their text. */
static void stretch(struct subtitles *s, const struct subtitle_style *style, double duration) {
    for (size_t i = 0; i < s->cue_count; i++) {
        struct cue *cue = &s->cues[i];
        double wanted = seconds_wanted((double)line_width(s->words, cue->first, cue->last), style);
        double before = i ? s->cues[i - 1].end : 0;
        double behind = i + 1 < s->cue_count ? s->cues[i + 1].start : duration;
        if (cue->end - cue->start >= wanted) continue;
        cue->end = fmax(cue->end, fmin(cue->start + wanted, behind));
        cue->start = fmin(cue->start, fmax(cue->end - wanted, before));
    }
}

void subtitles_lay_out(struct subtitles *s, const struct subtitle_style *style, double duration) {
    s->cues = need(malloc((s->word_count + 1) * sizeof *s->cues));
    s->cue_count = 0;
    if (!style->width) {
        cut_by_segments(s);
        return;
    }
    cut(s, style);
    stretch(s, style, duration);
    for (size_t i = 0; i < s->cue_count; i++) break_lines(s->words, &s->cues[i], style->width);
}

void subtitles_free(struct subtitles *s) {
    free(s->words);
    free(s->cues);
    *s = (struct subtitles){0};
}
