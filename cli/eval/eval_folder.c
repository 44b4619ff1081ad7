/* eval_folder.c - see eval_folder.h. */
#include "eval/eval_folder.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "eval/eval_files.h"
#include "eval/report_page.h"
#include "make_folder.h"
#include "output.h"

int eval_folder_make(const char *folder) {
    return make_folder(folder);
}

/* A file while it is printed, in memory. */
struct file {
    char *path, *text;
    size_t length;
    FILE *stream;
};

static void begin(struct file *file, const char *folder, const char *name, const char *ending) {
    *file = (struct file){.path = text_format("%s/%s%s", folder, name, ending)};
    /* A system may be called as nothing that a file is. */
    for (char *at = file->path + strlen(folder) + 1; *at; at++)
        if (strchr("/\\:*?\"<>|", *at) || (unsigned char)*at < 0x20) *at = '_';
    file->stream = need(open_memstream(&file->text, &file->length));
}

static int end(struct file *file, int code) {
    pst_error err;
    if (fclose(file->stream)) need(NULL); /* it is memory */
    signals_hold();
    if (!code && pst_write_file(file->path, file->text, file->length, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    signals_release();
    free(file->path);
    free(file->text);
    return code;
}

static int write_trn(const char *folder, const struct evaluation *evaluation, int code) {
    struct file file;
    begin(&file, folder, "ref", ".trn");
    eval_print_references(file.stream, evaluation);
    code = end(&file, code);
    for (size_t s = 0; s < evaluation->count; s++) {
        begin(&file, folder, evaluation->systems[s].name, ".trn");
        eval_print_hypotheses(file.stream, evaluation, s);
        code = end(&file, code);
    }
    return code;
}

/* Beside the trn files, where there are times. */
static int write_ctm(const char *folder, const struct evaluation *evaluation, int code) {
    struct file file;
    int any = 0;
    for (size_t s = 0; s < evaluation->count; s++) {
        if (!eval_has_times(evaluation, s)) continue;
        begin(&file, folder, evaluation->systems[s].name, ".ctm");
        eval_print_times(file.stream, evaluation, s);
        code = end(&file, code);
        any = 1;
    }
    if (!any) return code;
    begin(&file, folder, "ref", ".stm");
    eval_print_segments(file.stream, evaluation);
    return end(&file, code);
}

/* The page that shows `results`, the text of results.json. */
static int write_page(const char *folder, const struct file *results, const struct eval_set *set,
                      size_t embed_bytes, int code) {
    struct report_sounds sounds = {
        .from = set->folder, .folder = folder, .embed_bytes = embed_bytes};
    struct file file;
    begin(&file, folder, "report", ".html");
    if (!code) code = report_page_write(file.stream, results->text, results->length, &sounds);
    return end(&file, code);
}

int eval_folder_write(const char *folder, const struct evaluation *evaluation,
                      const struct evaluation *canary, const struct eval_terms *terms,
                      const struct results_about *about) {
    struct file file;
    begin(&file, folder, "utterances", ".jsonl");
    eval_print_lines(file.stream, evaluation);
    int code = end(&file, 0);
    begin(&file, folder, "utterances", ".csv");
    eval_print_table(file.stream, evaluation);
    code = end(&file, code);
    code = write_trn(folder, evaluation, code);
    code = write_ctm(folder, evaluation, code);
    begin(&file, folder, "results", ".json");
    results_print(file.stream, evaluation, canary, terms, about);
    fflush(file.stream);
    code = write_page(folder, &file, &evaluation->set, about->embed_bytes, code);
    return end(&file, code);
}
