/* report.c - see report.h. A sample becomes text when it is added; only the rate has to wait for
 * the last. */
#include "report.h"

#include <math.h>
#include <stdlib.h>

#include "console.h"

/* ---------------------------------------------------------------------------------- JSON text */

/* The code point at `*text`, which moves past it. A byte that is not UTF-8 becomes U+DC80 to
 * U+DCFF, as Python's surrogateescape makes of file names; so any path comes out as the script
 * writes it. */
static unsigned next_code_point(const unsigned char **text) {
    static const unsigned least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *c = *text;
    unsigned lead = *c;
    *text = c + 1;
    if (lead < 0x80) return lead;
    int extra = lead >= 0xF8 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    unsigned point = lead & (0x3Fu >> extra);
    for (int i = 1; i <= extra; i++) {
        if ((c[i] & 0xC0) != 0x80) return 0xDC00 + lead;
        point = point << 6 | (c[i] & 0x3Fu);
    }
    int surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (extra == 0 || point < least[extra] || point > 0x10FFFF || surrogate) return 0xDC00 + lead;
    *text = c + 1 + extra;
    return point;
}

static void print_code_point(FILE *out, unsigned point) {
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
    for (int i = 0; plain[i]; i++)
        if (point == (unsigned char)plain[i]) {
            fprintf(out, "\\%c", escaped[i]);
            return;
        }
    if (point >= 0x20 && point < 0x7F) {
        fputc((int)point, out);
        return;
    }
    if (point >= 0x10000) {
        fprintf(out, "\\u%04x", 0xD800 + ((point - 0x10000) >> 10));
        point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    fprintf(out, "\\u%04x", point);
}

/* `before` is all that stands before the value: comma, new line, indentation, key. The value is a
 * JSON string of ASCII, or null. */
static void print_field(FILE *out, const char *before, const char *text) {
    fputs(before, out);
    if (!text) {
        fputs("null", out);
        return;
    }
    fputc('"', out);
    for (const unsigned char *at = (const unsigned char *)text; *at;)
        print_code_point(out, next_code_point(&at));
    fputc('"', out);
}

/* A rate as Python's repr() writes it: the fewest digits that read back as the same number. */
static void print_rate(FILE *out, double rate) {
    char text[32] = "";
    if (rate == floor(rate)) {
        fprintf(out, "%.1f", rate); /* "10.0", where %g writes "1e+01" */
        return;
    }
    for (int digits = 1; digits <= 17 && strtod(text, NULL) != rate; digits++)
        snprintf(text, sizeof text, "%.*g", digits, rate);
    fputs(text, out);
}

/* ------------------------------------------------------------------------------------- report */

void report_open(struct report *report) {
    report->samples = need(open_memstream(&report->text, &report->length));
}

void report_close(struct report *report) {
    if (report->samples) fclose(report->samples);
    free(report->text);
    *report = (struct report){0};
}

/* A sample whose reference has no word left after normalisation counts nothing, not even the words
 * inserted: the script leaves it out. */
static pst_status count_words(struct report *report, const struct report_sample *sample,
                              pst_error *err) {
    pst_word_counts counts = {0};
    if (sample->error || !sample->reference) return PST_OK;
    pst_status status = pst_score_words(sample->reference, sample->prediction, 1, &counts, err);
    if (status || counts.substitutions + counts.deletions + counts.hits == 0) return status;
    report->words.substitutions += counts.substitutions;
    report->words.deletions += counts.deletions;
    report->words.insertions += counts.insertions;
    report->words.hits += counts.hits;
    return PST_OK;
}

pst_status report_add(struct report *report, const struct report_sample *sample, pst_error *err) {
    FILE *out = report->samples;
    pst_status status = count_words(report, sample, err);
    if (status) return status;
    fprintf(out, "%s\n    {\n      \"index\": %zu", report->count ? "," : "", report->count);
    print_field(out, ",\n      \"prediction\": ", sample->error ? NULL : sample->prediction);
    print_field(out, ",\n      \"reference\": ", sample->reference);
    print_field(out, ",\n      \"audio_path\": ", sample->audio_path);
    if (sample->error) print_field(out, ",\n      \"error\": ", sample->error);
    fputs("\n    }", out);
    report->count++;
    return PST_OK;
}

double report_rate(const struct report *report) {
    const pst_word_counts *words = &report->words;
    if (words->substitutions + words->deletions + words->hits == 0) return -1;
    return pst_word_error_rate(words);
}

void report_print(struct report *report, FILE *stream) {
    print_field(stream, "{\n  \"model_id\": ", report->model_id);
    print_field(stream, ",\n  \"adapter_dir\": ", report->adapter_dir);
    print_field(stream, ",\n  \"processor_dir\": ", report->processor_dir);
    print_field(stream, ",\n  \"device\": ", report->device);
    fputs(",\n  \"wer\": ", stream);
    if (report_rate(report) >= 0)
        print_rate(stream, report_rate(report));
    else
        fputs("null", stream);
    if (fflush(report->samples) != 0 || ferror(report->samples))
        need(NULL); /* the stream is memory */
    fprintf(stream, ",\n  \"samples\": [%s%s]\n}", report->text, report->count ? "\n  " : "");
}
