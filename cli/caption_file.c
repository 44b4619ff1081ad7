/* caption_file.c - see caption_file.h. */
#include "caption_file.h"

#include <math.h>
#include <string.h>

#include "subtitle_words.h"

/* A file on its way. */
struct caption_file {
    FILE *stream;
    const struct subtitles *subtitles;
    int vtt;
    size_t number; /* of the cue; from 1 */
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

static void print(FILE *stream, int vtt, const struct result *result,
                  const struct result_style *style) {
    struct subtitles subtitles = {0};
    struct caption_file file = {.stream = stream, .subtitles = &subtitles, .vtt = vtt};
    subtitles_add_clip(&subtitles, result->clip, style->subtitles.width);
    subtitles_lay_out(&subtitles, &style->subtitles, result->clip->duration);
    for (size_t i = 0; i < subtitles.cue_count; i++) {
        const struct cue *cue = &subtitles.cues[i];
        if (style->subtitles.highlight)
            print_highlighted(&file, cue);
        else
            print_cue(&file, cue, milliseconds(cue->start), milliseconds(cue->end), SIZE_MAX);
    }
    subtitles_free(&subtitles);
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
