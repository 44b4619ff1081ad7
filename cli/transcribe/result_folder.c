/* result_folder.c - see result_folder.h. */
#include "transcribe/result_folder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "make_folder.h"
#include "output.h"
#include "potstill_tools.h"

/* A file to be, and the input that it is of. */
struct file {
    char *path;
    const char *input;
};

static char *path_of(const char *folder, const char *input, const struct format *format) {
    char *stem = input_stem(strcmp(input, "-") == 0 ? "stdin" : input);
    const char *between = folder[strlen(folder) - 1] == '/' ? "" : "/";
    char *path = text_format("%s%s%s.%s", folder, between, stem, format->extension);
    free(stem);
    return path;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* Two files of one name, or one that is an input. */
static int check_names(struct file *files, size_t count, const struct inputs *inputs) {
    if (count) qsort(files, count, sizeof *files, by_path);
    for (size_t i = 1; i < count; i++) {
        const char *one = files[i - 1].input, *other = files[i].input, *path = files[i].path;
        if (strcmp(files[i - 1].path, path) != 0) continue;
        if (one == other)
            return fail(EXIT_USAGE, "%s: two formats of %s would be written to it", path, one);
        return fail(EXIT_USAGE, "%s: the results of %s and %s would both be written to it", path,
                    strcmp(one, other) < 0 ? one : other, strcmp(one, other) < 0 ? other : one);
    }
    for (size_t i = 0; i < count; i++) {
        const struct output output = {.path = files[i].path};
        struct stat st;
        for (size_t j = 0; stat(files[i].path, &st) == 0 && j < inputs->count; j++)
            if (output_spare(&output, inputs->list[j].path)) return EXIT_USAGE;
    }
    return 0;
}

int result_folder_open(const char *folder, unsigned formats, const struct inputs *inputs) {
    int code = make_folder(folder);
    if (code) return code;
    struct file *files = need(malloc((inputs->count * RESULT_FORMATS + 1) * sizeof *files));
    size_t count = 0;
    for (size_t i = 0; i < inputs->count; i++)
        for (enum result_format f = 0; f < RESULT_FORMATS; f++)
            if (formats_have(formats, f) && !inputs->list[i].error)
                files[count++] =
                    (struct file){path_of(folder, inputs->list[i].path, &result_formats[f]),
                                  inputs->list[i].path};
    code = check_names(files, count, inputs);
    for (size_t i = 0; i < count; i++) free(files[i].path);
    free(files);
    return code;
}

int result_folder_has(const char *folder, unsigned formats, const char *input,
                      const struct stat *state) {
    int has = 1;
    for (enum result_format f = 0; f < RESULT_FORMATS && has; f++) {
        if (!formats_have(formats, f)) continue;
        struct stat st;
        char *path = path_of(folder, input, &result_formats[f]);
        has = stat(path, &st) == 0 && st.st_mtime >= state->st_mtime;
        free(path);
    }
    return has;
}

int result_folder_add(const char *folder, unsigned formats, const struct result *result,
                      const struct result_style *style) {
    int code = 0;
    for (enum result_format f = 0; f < RESULT_FORMATS && !result->error && !code; f++) {
        if (!formats_have(formats, f)) continue;
        char *text = NULL, *path = path_of(folder, result->path, &result_formats[f]);
        size_t length = 0;
        FILE *stream = need(open_memstream(&text, &length));
        result_formats[f].print(stream, result, style);
        if (fclose(stream)) need(NULL); /* it is memory */
        signals_hold();
        pst_error err;
        pst_status status = pst_write_file(path, text, length, &err);
        signals_release();
        if (status) code = fail(exit_code_of(&err), "%s", err.message);
        free(text);
        free(path);
    }
    return code;
}
