/* segment_table.c - see segment_table.h. */
#include "segment_table.h"

#include <math.h>
#include <string.h>

/* Text without space around it, on one line. What separates columns becomes a space, or where there
 * are quotes, those are doubled. */
static void print_text(FILE *stream, const char *text, char separator, char quote) {
    text += strspn(text, " \t\r\n");
    size_t length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1])) length--;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\n' || c == '\r' || (c == separator && !quote)) c = ' ';
        if (c == quote && quote) fputc(quote, stream);
        fputc(c, stream);
    }
}

static int is_empty(const pst_segment *segment) {
    const char *text = segment->transcript->text;
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void print_table(FILE *stream, const pst_clip_result *clip, int channels, char separator,
                        char quote) {
    fprintf(stream, "start%cend%c", separator, separator);
    if (channels) fprintf(stream, "channel%c", separator);
    fputs("text\n", stream);
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_segment *segment = &clip->segments[i];
        if (is_empty(segment)) continue;
        /* Halves go to the even millisecond, as in Python. */
        fprintf(stream, "%lld%c%lld%c", llrint(1000 * segment->start), separator,
                llrint(1000 * segment->end), separator);
        if (channels) fprintf(stream, "%u%c", (unsigned)segment->transcript->channel, separator);
        if (quote) fputc(quote, stream);
        print_text(stream, segment->transcript->text, separator, quote);
        if (quote) fputc(quote, stream);
        fputc('\n', stream);
    }
}

void segments_print_lines(FILE *stream, const pst_clip_result *clip, const char *name) {
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_segment *segment = &clip->segments[i];
        if (is_empty(segment)) continue;
        if (name) fprintf(stream, "%s: ", name);
        if (segment->transcript->channel)
            fprintf(stream, "[%u] ", (unsigned)segment->transcript->channel);
        print_text(stream, segment->transcript->text, '\n', '\0');
        fputc('\n', stream);
    }
}

void segments_print_text(FILE *stream, const struct result *result,
                         const struct result_style *style) {
    (void)style;
    segments_print_lines(stream, result->clip, NULL);
}

void segments_print_tsv(FILE *stream, const struct result *result,
                        const struct result_style *style) {
    print_table(stream, result->clip, style->channels, '\t', '\0');
}

void segments_print_csv(FILE *stream, const struct result *result,
                        const struct result_style *style) {
    print_table(stream, result->clip, style->channels, ',', '"');
}
