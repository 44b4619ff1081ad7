/* report.c - predictions, references and their word error rate as the reference script's JSON.
 *
 * Whoever compares with the script compares files, so the text is byte for byte what Python's
 * json.dumps(report, indent=2) writes: its order of keys, its escapes, its digits. A sample becomes
 * text when it is added; only the rate has to wait for the last. */
#include <stdlib.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/python_repr.h"
#include "potstill.h"

struct pst_report {
    struct buffer head;    /* the keys before "wer" */
    struct buffer samples; /* the list's items */
    size_t count;
    pst_word_counts counts; /* over the samples that count */
};

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

static void append_escape(struct buffer *out, unsigned point) {
    switch (point) {
    case '"': buffer_text(out, "\\\""); return;
    case '\\': buffer_text(out, "\\\\"); return;
    case '\b': buffer_text(out, "\\b"); return;
    case '\f': buffer_text(out, "\\f"); return;
    case '\n': buffer_text(out, "\\n"); return;
    case '\r': buffer_text(out, "\\r"); return;
    case '\t': buffer_text(out, "\\t"); return;
    }
    if (point >= 0x10000) {
        buffer_format(out, "\\u%04x", 0xD800 + ((point - 0x10000) >> 10));
        point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    buffer_format(out, "\\u%04x", point);
}

/* A JSON string of ASCII, or null. */
static void append_text(struct buffer *out, const char *text) {
    if (!text) {
        buffer_text(out, "null");
        return;
    }
    const unsigned char *at = (const unsigned char *)text;
    buffer_text(out, "\"");
    while (*at) {
        const unsigned char *plain = at;
        while (*at >= 0x20 && *at < 0x7F && *at != '"' && *at != '\\') at++;
        buffer_append(out, plain, (size_t)(at - plain));
        if (*at) append_escape(out, next_code_point(&at));
    }
    buffer_text(out, "\"");
}

/* `before` is all that stands before the value: comma, new line, indentation, key. */
static void append_field(struct buffer *out, const char *before, const char *text) {
    buffer_text(out, before);
    append_text(out, text);
}

/* ------------------------------------------------------------------------------------- public */

pst_status pst_report_new(const char *model_id, const char *adapter_dir, const char *processor_dir,
                          const char *device, pst_report **report, pst_error *err) {
    if (!model_id || !device || !report)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_report_new: model_id, device and a place for the report are needed");
    pst_report *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    append_field(&made->head, "{\n  \"model_id\": ", model_id);
    append_field(&made->head, ",\n  \"adapter_dir\": ", adapter_dir);
    append_field(&made->head, ",\n  \"processor_dir\": ", processor_dir);
    append_field(&made->head, ",\n  \"device\": ", device);
    if (made->head.failed) {
        pst_report_free(made);
        return error_memory(err, 0);
    }
    *report = made;
    return PST_OK;
}

void pst_report_free(pst_report *report) {
    if (!report) return;
    buffer_free(&report->head);
    buffer_free(&report->samples);
    free(report);
}

/* A sample whose reference has no word left after normalisation counts nothing, not even the words
 * inserted: the script leaves it out. */
static pst_status count_words(pst_report *report, const pst_report_sample *sample, pst_error *err) {
    pst_word_counts counts = {0};
    if (sample->error || !sample->reference) return PST_OK;
    pst_status status = pst_score_words(sample->reference, sample->prediction, 1, &counts, err);
    if (status || counts.substitutions + counts.deletions + counts.hits == 0) return status;
    report->counts.substitutions += counts.substitutions;
    report->counts.deletions += counts.deletions;
    report->counts.insertions += counts.insertions;
    report->counts.hits += counts.hits;
    return PST_OK;
}

pst_status pst_report_add(pst_report *report, const pst_report_sample *sample, pst_error *err) {
    if (!report || !sample || (!sample->prediction && !sample->error))
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_report_add: a sample needs a prediction or an error");
    struct buffer *out = &report->samples;
    size_t length = out->length;
    buffer_text(out, report->count ? ",\n    {\n" : "\n    {\n");
    buffer_format(out, "      \"index\": %zu", report->count);
    append_field(out, ",\n      \"prediction\": ", sample->error ? NULL : sample->prediction);
    append_field(out, ",\n      \"reference\": ", sample->reference);
    append_field(out, ",\n      \"audio_path\": ", sample->audio_path);
    if (sample->error) append_field(out, ",\n      \"error\": ", sample->error);
    buffer_text(out, "\n    }");
    pst_status status = out->failed ? error_memory(err, 0) : count_words(report, sample, err);
    if (status) { /* as if it had never been tried */
        out->length = length;
        out->failed = 0;
        return status;
    }
    report->count++;
    return PST_OK;
}

void pst_report_wer(const pst_report *report, double *wer, int *defined) {
    const pst_word_counts *counts = &report->counts;
    *defined = counts->substitutions + counts->deletions + counts->hits > 0;
    *wer = *defined ? pst_word_error_rate(counts) : 0;
}

pst_status pst_report_json(const pst_report *report, char **json, pst_error *err) {
    if (!report || !json)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_report_json: a report and a place for the text are needed");
    struct buffer out = {0};
    char number[PYTHON_REPR_SIZE] = "null";
    double wer;
    int defined;
    pst_report_wer(report, &wer, &defined);
    if (defined) python_repr(wer, number);
    buffer_append(&out, report->head.data, report->head.length);
    buffer_format(&out, ",\n  \"wer\": %s,\n  \"samples\": [", number);
    buffer_append(&out, report->samples.data, report->samples.length);
    buffer_text(&out, report->count ? "\n  ]\n}" : "]\n}");
    if (out.failed) {
        buffer_free(&out);
        return error_memory(err, 0);
    }
    *json = out.data;
    return PST_OK;
}
