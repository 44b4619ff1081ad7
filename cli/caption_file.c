/* caption_file.c - see caption_file.h. */
#include "caption_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "subtitle_words.h"

/* A file on its way. */
struct caption_file {
    FILE *stream;
    const struct subtitles *subtitles;
    int vtt;
    uint32_t channel; /* of the subtitles; 0: all */
    size_t number;    /* of the cue; from 1 */
};

/* Halves go to the even millisecond, as in Python. */
static long long milliseconds(double seconds) {
    return llrint(seconds * 1000);
}

static void print_time(const struct caption_file *file, long long ms) {
    long long hours = ms / 3600000;
    if (!file->vtt || hours) fprintf(file->stream, "%02lld:", hours);
    fprintf(file->stream, "%02lld:%02lld%c%03lld", ms / 60000 % 60, ms / 1000 % 60,
            file->vtt ? '.' : ',', ms % 1000);
}

/* What would be read as more than text. */
static void print_text(const struct caption_file *file, const char *text, size_t length) {
    for (const char *at = text; at < text + length; at++)
        if (strncmp(at, "-->", 3) == 0)
            continue; /* becomes "->" */
        else if (file->vtt && *at == '&')
            fputs("&amp;", file->stream);
        else if (file->vtt && *at == '<')
            fputs("&lt;", file->stream);
        else
            fputc(*at, file->stream);
}

/* The text of a cue with a word marked; `marked` may be none of its words. */
static void print_words(const struct caption_file *file, const struct cue *cue, size_t marked) {
    for (size_t i = cue->first; i < cue->last; i++) {
        const struct subtitle_word *word = &file->subtitles->words[i];
        if (word->breaks_line)
            fputc('\n', file->stream);
        else if (word->space && i > cue->first)
            fputc(' ', file->stream);
        if (i == marked) fputs("<u>", file->stream);
        print_text(file, word->text, word->length);
        if (i == marked) fputs("</u>", file->stream);
    }
}

static void print_cue(struct caption_file *file, const struct cue *cue, long long start,
                      long long end, size_t marked) {
    if (!file->vtt) fprintf(file->stream, "%zu\n", ++file->number);
    print_time(file, start);
    fputs(" --> ", file->stream);
    print_time(file, end);
    fputc('\n', file->stream);
    if (file->channel)
        fprintf(file->stream, file->vtt ? "<v Channel %u>" : "[%u] ", (unsigned)file->channel);
    print_words(file, cue, marked);
    fputs("\n\n", file->stream);
}

/* The cue again and again, each word marked while it is said, none between them. */
static void print_highlighted(struct caption_file *file, const struct cue *cue) {
    long long shown = milliseconds(cue->start);
    for (size_t i = cue->first; i < cue->last; i++) {
        const struct subtitle_word *word = &file->subtitles->words[i];
        long long start = milliseconds(word->start), end = milliseconds(word->end);
        if (start > shown) print_cue(file, cue, shown, start, SIZE_MAX);
        if (end > start) print_cue(file, cue, start, end, i);
        shown = end;
    }
    long long end = milliseconds(cue->end);
    if (end > shown) print_cue(file, cue, shown, end, SIZE_MAX);
}

/* The subtitles of the segments of a channel; of 0, which all have that are mixed, of all. */
static void lay_out(struct subtitles *subtitles, const pst_clip_result *clip, uint32_t channel,
                    const struct subtitle_style *style) {
    pst_segment *segments = need(malloc((clip->segment_count + 1) * sizeof *segments));
    pst_clip_result part = *clip;
    part.segments = segments;
    part.segment_count = 0;
    for (size_t i = 0; i < clip->segment_count; i++)
        if (clip->segments[i].transcript->channel == channel)
            segments[part.segment_count++] = clip->segments[i];
    subtitles_add_clip(subtitles, &part, style->width);
    subtitles_lay_out(subtitles, style, clip->duration);
    free(segments);
}

/* Channels are laid out by themselves, for they speak at the same time: the one whose next cue, of
 * those that come `next`, begins first; `count`: none has any. */
static size_t first_cue(const struct subtitles *channels, const size_t *next, size_t count) {
    size_t first = count;
    for (size_t c = 0; c < count; c++) {
        if (next[c] == channels[c].cue_count) continue;
        if (first == count ||
            channels[c].cues[next[c]].start < channels[first].cues[next[first]].start)
            first = c;
    }
    return first;
}

static void print(FILE *stream, int vtt, const struct result *result,
                  const struct result_style *style) {
    struct caption_file file = {.stream = stream, .vtt = vtt};
    const pst_clip_result *clip = result->clip;
    uint32_t last = 0; /* channel */
    for (size_t i = 0; i < clip->segment_count; i++)
        if (clip->segments[i].transcript->channel > last)
            last = clip->segments[i].transcript->channel;
    size_t count = (size_t)last + 1;
    struct subtitles *channels = need(calloc(count, sizeof *channels));
    size_t *next = need(calloc(count, sizeof *next));
    for (size_t c = 0; c < count; c++) lay_out(&channels[c], clip, (uint32_t)c, &style->subtitles);
    for (size_t c; (c = first_cue(channels, next, count)) < count;) {
        const struct cue *cue = &channels[c].cues[next[c]++];
        file.subtitles = &channels[c];
        file.channel = (uint32_t)c;
        if (style->subtitles.highlight)
            print_highlighted(&file, cue);
        else
            print_cue(&file, cue, milliseconds(cue->start), milliseconds(cue->end), SIZE_MAX);
    }
    for (size_t c = 0; c < count; c++) subtitles_free(&channels[c]);
    free(channels);
    free(next);
}

void caption_print_srt(FILE *stream, const struct result *result,
                       const struct result_style *style) {
    print(stream, 0, result, style);
}

void caption_print_vtt(FILE *stream, const struct result *result,
                       const struct result_style *style) {
    fputs("WEBVTT\n\n", stream);
    print(stream, 1, result, style);
}
