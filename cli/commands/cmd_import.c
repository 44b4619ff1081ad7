/* cmd_import.c - official ONNX Runtime files to a model folder.
 *
 * This file finds the two folders: that of the official files and that of the new model. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command_table.h"
#include "console.h"
#include "environment.h"
#include "output.h"
#include "potstill_tools.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    const char *output;
    const char *licence;
    int force;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"output", 'o', OPTION_TEXT, "DIR", AT(output),
     "the folder to make ($XDG_DATA_HOME/potstill/models/moonshine-tiny, or -base)"},
    {"force", 0, OPTION_FLAG, NULL, AT(force), "replace the folder if it is there"},
    {"licence", 0, OPTION_TEXT, "FILE", AT(licence),
     "copied into the folder as LICENSE (one beside the source, if any)"},
    {0},
};

const struct command command_import = {
    .name = "import",
    .synopsis = "SOURCE_DIR|NAME",
    .summary = "make a model folder from the official .ort files",
    .details = "Turns encoder_model.ort, decoder_model_merged.ort and tokenizer.bin of an\n"
               "English Moonshine model, as the moonshine_voice package has them, into a Hugging\n"
               "Face folder for this program and for transformers. Prints the folder made.\n"
               "\n"
               "SOURCE_DIR is the folder of the three files; NAME (tiny-en, base-en) is one that\n"
               "moonshine_voice has downloaded into its cache.",
    .groups = {{"Options", options, 0}},
    .operands_min = 1,
    .operands_max = 1,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* The official files are named by size and language; the published checkpoints have other names. */
static const struct {
    const char *source, *model;
} model_names[] = {
    {"tiny-en", "moonshine-tiny"},
    {"base-en", "moonshine-base"},
};

static int is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folder of the .ort files: an existing one, or moonshine_voice's download of that name. */
static char *find_source(const struct environment *environment, const char *name) {
    if (!is_folder(name) && !strchr(name, '/')) {
        /* moonshine_voice keeps a file under its address. */
        char *download = text_format("%s/download.moonshine.ai/model/%s/quantized/%s",
                                     environment->places.moonshine_voice_cache, name, name);
        if (is_folder(download)) return download;
        free(download);
    }
    return text_format("%s", name);
}

/* Where the model goes when no folder was given; NULL: nothing is known about such a source. */
static char *find_target(const struct environment *environment, const char *source) {
    size_t length = strlen(source);
    while (length > 1 && source[length - 1] == '/') length--;
    for (size_t i = 0; i < sizeof model_names / sizeof *model_names; i++) {
        size_t width = strlen(model_names[i].source);
        if (length < width || memcmp(source + length - width, model_names[i].source, width) != 0)
            continue;
        if (length == width || source[length - width - 1] == '/')
            return text_format("%s/%s", environment->places.models_dir, model_names[i].model);
    }
    return NULL;
}

/* Imports and prints the folder made. 0, or an exit code with the reason printed. */
static int import(const struct values *values, const char *source, const char *target) {
    pst_error err;
    pst_import_options settings;
    pst_import_options_init(&settings);
    settings.licence_file = values->licence;
    settings.force = values->force;
    settings.cancelled = signals_cancelled;
    signals_hold();
    pst_status status = pst_import_ort(source, target, &settings, &err);
    return finish_folder(target, status, &err);
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operand_count;
    const struct values *values = chosen;
    struct environment environment;
    environment_read(&environment, 0);
    char *source = find_source(&environment, operands[0]);
    char *target =
        values->output ? text_format("%s", values->output) : find_target(&environment, source);
    int code;
    if (!is_folder(source))
        code = fail(EXIT_MODEL,
                    "%s: no such folder, and moonshine_voice has not downloaded a model "
                    "of that name",
                    source);
    else if (!target)
        code = usage_error(&command_import,
                           "%s: expected a folder tiny-en or base-en; for another "
                           "name say where the model goes with -o DIR",
                           source);
    else
        code = import(values, source, target);
    free(source);
    free(target);
    environment_free(&environment);
    return code;
}
