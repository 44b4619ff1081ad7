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

static void print_table(FILE *stream, const pst_clip_result *clip, char separator, char quote) {
    fprintf(stream, "start%cend%ctext\n", separator, separator);
    for (size_t i = 0; i < clip->segment_count; i++) {
        const pst_segment *segment = &clip->segments[i];
        if (is_empty(segment)) continue;
        /* Halves go to the even millisecond, as in Python. */
        fprintf(stream, "%lld%c%lld%c", llrint(1000 * segment->start), separator,
                llrint(1000 * segment->end), separator);
        if (quote) fputc(quote, stream);
        print_text(stream, segment->transcript->text, separator, quote);
        if (quote) fputc(quote, stream);
        fputc('\n', stream);
    }
}

void segments_print_text(FILE *stream, const struct result *result,
                         const struct result_style *style) {
    (void)style;
    for (size_t i = 0; i < result->clip->segment_count; i++) {
        const pst_segment *segment = &result->clip->segments[i];
        if (is_empty(segment)) continue;
        print_text(stream, segment->transcript->text, '\n', '\0');
        fputc('\n', stream);
    }
}

void segments_print_tsv(FILE *stream, const struct result *result,
                        const struct result_style *style) {
    (void)style;
    print_table(stream, result->clip, '\t', '\0');
}

void segments_print_csv(FILE *stream, const struct result *result,
                        const struct result_style *style) {
    (void)style;
    print_table(stream, result->clip, ',', '"');
}
