/* report_page.c - see report_page.h. */
#include "eval/report_page.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "console.h"
#include "eval/page_rows.h"
#include "page/page_template.h"

enum { REAL_DIGITS = 9 }; /* microseconds of a day; a page shows four */

struct report {
    json_t *data;           /* all but the utterances */
    const char *utterances; /* [length] their list, behind its bracket */
    size_t length;
    struct report_sounds *sounds;
};

/* Text between tags and in attributes. */
static void print_text(FILE *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        default: putc(*text, out);
        }
    }
}

/* This script, this style, sounds that are in the page or lie beside it, and nothing else. */
static int print_policy(FILE *out) {
    fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"", out);
    int code = page_policy_print(
        out, "", &report_script, &report_style,
        "; img-src data:; media-src 'self' file: data:; base-uri 'none'; form-action 'none'");
    fputs("\">\n", out);
    return code;
}

static void print_title(FILE *out, const json_t *results) {
    const char *title = json_string_value(json_object_get(results, "title"));
    const char *path =
        json_string_value(json_object_get(json_object_get(results, "manifest"), "path"));
    if (!title) fputs("Evaluation of ", out);
    print_text(out, title ? title : path ? path : "speech recognition");
}

/* A writer for json_dump_callback(): a "<" would be markup to a browser that looks for the end of
 * the script around it. JSON has one only inside strings. */
static int put_json(const char *text, size_t length, void *stream) {
    FILE *out = stream;
    while (length) {
        const char *mark = memchr(text, '<', length);
        const size_t plain = mark ? (size_t)(mark - text) : length;
        fwrite(text, 1, plain, out);
        if (mark) fputs("\\u003c", out);
        text += plain + (mark != NULL);
        length -= plain + (mark != NULL);
    }
    return 0; /* what `out` did not take is for the caller to see */
}

static void print_json(FILE *out, const json_t *value) {
    json_dump_callback(value, put_json, out, JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
}

/* One a line, read, printed and freed one by one. */
static void print_rows(FILE *out, const struct report *report, struct report_sounds *sounds,
                       json_t *(*next)(struct page_rows *rows)) {
    struct page_rows rows;
    json_t *row;
    page_rows_open(&rows, report->utterances, report->length, sounds);
    fputs("[\n", out);
    for (int first = 1; (row = next(&rows)); first = 0) {
        if (!first) fputs(",\n", out);
        print_json(out, row);
        json_decref(row);
    }
    fputs("\n]", out);
    page_rows_close(&rows);
}

/* Rows are read twice: the page shows the index while it reads the rest, which is long. */
static void print_index(FILE *out, const struct report *report) {
    struct report_sounds none = {0};
    print_rows(out, report, &none, page_rows_next_index);
}

static void print_utterances(FILE *out, const struct report *report) {
    print_rows(out, report, report->sounds, page_rows_next);
}

/* What stands in the page for {{name}}. 0, or an exit code. */
static int print_part(void *user, const char *name, size_t length, FILE *out) {
    const struct report *report = user;
#define IS(text) page_name_is(name, length, text)
    if (IS("policy")) return print_policy(out);
    if (IS("title") || IS("heading")) print_title(out, report->data);
    if (IS("style")) page_source_print(out, &report_style);
    if (IS("script")) page_source_print(out, &report_script);
    if (IS("data")) print_json(out, report->data);
    if (IS("index")) print_index(out, report);
    if (IS("utterances")) print_utterances(out, report);
#undef IS
    return 0;
}

/* Splits the results into all but the utterances, and these. 0, or an exit code. */
static int split(struct report *report, const char *results, size_t length) {
    static const char key[] = "\n  \"utterances\": ["; /* no string has a line end in it */
    const char *at = strstr(results, key);
    const size_t before = at ? (size_t)(at - results) : length;
    json_error_t error;
    char *head = at ? text_format("%.*s \"\": 0}", (int)before, results) : NULL;
    if (head) report->data = json_loads(head, 0, &error);
    free(head);
    if (!report->data) return fail(EXIT_INPUTS, "the results are not as results.json has them");
    json_object_del(report->data, "");
    report->utterances = at + sizeof key - 1;
    report->length = length - before - (sizeof key - 1);
    return 0;
}

int report_page_write(FILE *out, const char *results, size_t length, struct report_sounds *sounds) {
    struct report report = {.sounds = sounds};
    int code = split(&report, results, length);
    if (!code) code = page_template_print(out, &report_html, print_part, &report);
    json_decref(report.data);
    return code;
}
