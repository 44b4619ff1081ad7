/* cmd_score.c - the word error rate between two text files.
 *
 * Line n of one file is compared with line n of the other; the counts of all lines together make
 * the rate. The comparison itself is the library's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "command_table.h"
#include "console.h"
#include "json_text.h"
#include "output.h"
#include "potstill_tools.h"

static int run(const void *values, char **operands, int operand_count);

enum format { FORMAT_TEXT, FORMAT_JSON };

struct values {
    const char *ref;
    const char *hyp;
    int format;
    int no_normalize;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"ref", 0, OPTION_REQUIRED, "F", AT(ref), "text file of what was said, one utterance a line"},
    {"hyp", 0, OPTION_REQUIRED, "F", AT(hyp), "text file of what was recognised, line by line"},
    {"format", 0, OPTION_CHOICE, "text|json", AT(format),
     "how the score is written (default: text)"},
    {"no-normalize", 0, OPTION_FLAG, NULL, AT(no_normalize), "compare words as they are"},
    {0},
};

const struct command command_score = {
    .name = "score",
    .synopsis = "--ref F --hyp F",
    .summary = "word error rate between two text files",
    .details = "Compares two text files line by line and prints the word error rate of all\n"
               "lines together, with the number of words substituted, deleted, inserted and\n"
               "hit. Punctuation and case are dropped first, as run-stt does.",
    .groups = {{"Options", options, 0}},
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* A day of speech has 1 MB. */
enum { LINE_BYTES_MAX = 16 << 20 };

struct lines {
    FILE *file;
    const char *path;
    char *line;
    size_t capacity;
    size_t number; /* of the line read last, from 1 */
};

static int complain(const struct lines *lines, const char *what) {
    say("%s: line %zu: %s", lines->path, lines->number, what);
    return -1;
}

/* The next line without its end. 1: there is one; 0: the file is done; -1: failed, and reported. */
static int next_line(struct lines *lines) {
    size_t length = 0;
    int byte = getc(lines->file);
    if (byte != EOF) lines->number++;
    for (; byte != EOF && byte != '\n'; byte = getc(lines->file)) {
        if (byte == '\0') return complain(lines, "holds a NUL byte, expected text");
        if (length == LINE_BYTES_MAX)
            return complain(lines, "is longer than 16 MB, expected an utterance a line");
        if (length + 1 >= lines->capacity) {
            lines->capacity = lines->capacity ? 2 * lines->capacity : 256;
            lines->line = need(realloc(lines->line, lines->capacity));
        }
        lines->line[length++] = (char)byte;
    }
    if (ferror(lines->file)) {
        say("%s: %s", lines->path, strerror(errno));
        return -1;
    }
    if (byte == EOF && length == 0) return 0;
    if (!lines->line) lines->line = need(malloc(lines->capacity = 256));
    lines->line[length] = '\0';
    return 1;
}

/* Adds all pairs of lines to `counts`. 0, or an exit code with the reason printed. */
static int compare(struct lines *ref, struct lines *hyp, int normalize, pst_word_counts *counts) {
    for (;;) {
        pst_error err;
        int more_ref = next_line(ref), more_hyp = next_line(hyp);
        if (more_ref < 0 || more_hyp < 0) return EXIT_INPUTS;
        if (more_ref != more_hyp)
            return fail(EXIT_INPUTS,
                        "%s: ends after line %zu, but %s goes on: expected a line for "
                        "each line",
                        more_ref ? hyp->path : ref->path, more_ref ? hyp->number : ref->number,
                        more_ref ? ref->path : hyp->path);
        if (!more_ref) return 0;
        if (pst_score_words(ref->line, hyp->line, normalize, counts, &err))
            return fail(err.code == PST_ERR_MEMORY ? EXIT_ENVIRONMENT : EXIT_INPUTS,
                        "%s and %s: line %zu: %s", ref->path, hyp->path, ref->number, err.message);
    }
}

static void print_text(const pst_word_counts *counts, size_t lines) {
    uint64_t words = counts->substitutions + counts->deletions + counts->hits;
    uint64_t wrong = counts->substitutions + counts->deletions + counts->insertions;
    if (words || !wrong)
        printf("wer            %.4f\n", pst_word_error_rate(counts));
    else
        printf("wer            undefined (no word in the reference)\n");
    printf("substitutions  %llu\n", (unsigned long long)counts->substitutions);
    printf("deletions      %llu\n", (unsigned long long)counts->deletions);
    printf("insertions     %llu\n", (unsigned long long)counts->insertions);
    printf("hits           %llu\n", (unsigned long long)counts->hits);
    printf("words          %llu\n", (unsigned long long)words);
    printf("lines          %zu\n", lines);
}

static void print_json(const pst_word_counts *counts, size_t lines) {
    uint64_t words = counts->substitutions + counts->deletions + counts->hits;
    int defined = words || !counts->insertions;
    json_t *rate = defined ? json_real(pst_word_error_rate(counts)) : json_null();
    json_t *score = need(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "wer", rate,
                                   "substitutions", (json_int_t)counts->substitutions, "deletions",
                                   (json_int_t)counts->deletions, "insertions",
                                   (json_int_t)counts->insertions, "hits", (json_int_t)counts->hits,
                                   "words", (json_int_t)words, "lines", (json_int_t)lines));
    json_print(stdout, score, JSON_REAL_PRECISION(15));
    json_decref(score);
}

static int open_lines(struct lines *lines, const char *path) {
    *lines = (struct lines){.path = path, .file = fopen(path, "rb")};
    return lines->file ? 0 : fail(EXIT_INPUTS, "%s: %s", path, strerror(errno));
}

static void close_lines(struct lines *lines) {
    if (lines->file) fclose(lines->file);
    free(lines->line);
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operands, (void)operand_count;
    const struct values *values = chosen;
    struct lines ref = {0}, hyp = {0};
    struct output output;
    pst_word_counts counts = {0};
    int code = output_open(&output, NULL);
    if (!code) code = open_lines(&ref, values->ref);
    if (!code) code = open_lines(&hyp, values->hyp);
    if (!code) code = compare(&ref, &hyp, !values->no_normalize, &counts);
    if (!code) {
        if (values->format == FORMAT_JSON)
            print_json(&counts, ref.number);
        else
            print_text(&counts, ref.number);
        code = output_close(&output, 1);
    }
    close_lines(&ref);
    close_lines(&hyp);
    return code;
}
