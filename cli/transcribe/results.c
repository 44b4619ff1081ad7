/* results.c - see results.h. */
#include "transcribe/results.h"

#include "progress.h"
#include "result_json.h"
#include "segment_table.h"
#include "transcribe/result_folder.h"

/* One line an input whatever the model wrote. Segments without text add no space. */
static void print_segment(struct results *results, const pst_segment *segment) {
    FILE *stream = results->output.stream;
    const char *text = segment->transcript->text;
    if (*text && results->begun) fputc(' ', stream);
    results->begun |= *text != '\0';
    for (const char *at = text; *at; at++) fputc(*at == '\n' || *at == '\r' ? ' ' : *at, stream);
}

static void add_text(struct results *results, const struct result *result) {
    FILE *stream = results->output.stream;
    const pst_clip_result *clip = result->clip;
    if (clip && results->style.channels) {
        segments_print_lines(stream, clip, results->named ? result->path : NULL);
        return;
    }
    if (results->named && clip) fprintf(stream, "%s: ", result->path);
    for (size_t i = results->parts; clip && i < clip->segment_count; i++)
        print_segment(results, &clip->segments[i]);
    /* An error is said on standard error; it ends what is there of the line. */
    if (clip || results->begun) fputc('\n', stream);
    progress_within_line(0);
    results->parts = 0;
    results->begun = 0;
}

int results_add_segments(struct results *results, const pst_segment *segments, size_t count) {
    if (results->folder || !formats_have(results->formats, RESULT_TEXT) || results->named ||
        results->output.path || results->style.channels)
        return 0; /* channels are heard one after the other, and shown side by side */
    for (size_t i = 0; i < count; i++) print_segment(results, &segments[i]);
    results->parts += count;
    int code = output_flush(&results->output);
    progress_within_line(results->begun);
    return code;
}

static void add_json(struct results *results, const struct result *result) {
    FILE *stream = results->output.stream;
    int array = formats_have(results->formats, RESULT_JSON);
    if (array) fputs(results->count ? "  " : "[\n  ", stream);
    result_print_object(stream, result, &results->style);
    fputs(array && results->count + 1 < results->total ? ",\n" : "\n", stream);
}

/* A format that holds one result. */
static void print_alone(struct results *results, const struct result *result) {
    for (enum result_format f = 0; f < RESULT_FORMATS && !result->error; f++)
        if (formats_have(results->formats, f))
            result_formats[f].print(results->output.stream, result, &results->style);
}

int results_add(struct results *results, const struct result *result) {
    if (results->folder)
        return result_folder_add(results->folder, results->formats, result, &results->style);
    if (formats_have(results->formats, RESULT_TEXT))
        add_text(results, result);
    else if (formats_have(results->formats, RESULT_JSON) ||
             formats_have(results->formats, RESULT_JSONL))
        add_json(results, result);
    else
        print_alone(results, result);
    results->count++;
    return output_flush(&results->output);
}

int results_end(struct results *results) {
    if (results->folder) return 0;
    if (formats_have(results->formats, RESULT_JSON)) fputs("]\n", results->output.stream);
    return output_flush(&results->output);
}
