/* cmd_verify.c - everything that is wrong with a model or adapter folder, one line a finding. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <jansson.h>

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "json_text.h"
#include "output.h"
#include "potstill_tools.h"

static int run(const void *values, char **operands, int operand_count);

enum format { FORMAT_TEXT, FORMAT_JSON };

struct values {
    struct engine_choice engine;
    int format, fix_keys;
    const char *output;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "the base of an adapter: check that it fits (default: check the adapter by itself)"},
    {"format", 0, OPTION_CHOICE, "text|json", AT(format), "how it is written (default: text)"},
    {"fix-keys", 0, OPTION_FLAG, NULL, AT(fix_keys),
     "instead, write a copy of an adapter with the names of tensors that PEFT looks for"},
    {"output", 'o', OPTION_TEXT, "DIR", AT(output), "the folder that --fix-keys makes"},
    {0},
};

const struct command command_verify = {
    .name = "verify",
    .synopsis = "DIR",
    .summary = "check a model, an adapter or a Core ML package",
    .details = "Checks every file of a model or adapter, given as a folder or hub id: that JSON\n"
               "is JSON, settings are known, each tensor is there with its shape, type and\n"
               "finite values and none is too many, the tokenizer knows the model's ids,\n"
               "shards belong together.\n"
               "\n"
               "Of a Core ML package (X.mlpackage), or each in a converted folder: that its\n"
               "files are whole, names and order are right, every operation has its parameters\n"
               "and gives the types and shapes declared, and inputs and outputs are as\n"
               "described.\n"
               "\n"
               "Prints each finding as\n"
               "\n"
               "  problem|warning: FILE: what is there and what was expected\n"
               "\n"
               "and a summary. The exit code is 3 when there is a problem; warnings are about\n"
               "what works, but perhaps not as meant.\n"
               "\n"
               "An adapter whose tensors have other names than PEFT looks for (_orig_mod. or\n"
               "module. in them, no base_model.model. before them) does nothing in PEFT, which\n"
               "only warns. --fix-keys -o DIR writes a copy that works.",
    .groups = {{"Options", options, 0}, {NULL, engine_model_options, AT(engine)}},
    .operands_min = 1,
    .operands_max = 1,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

struct listing {
    int format;
    FILE *stream;
    json_t *findings;
};

static void list(void *user, const pst_finding *finding) {
    struct listing *listing = user;
    const char *severity = finding->severity == PST_PROBLEM ? "problem" : "warning";
    if (listing->format == FORMAT_TEXT) {
        fprintf(listing->stream, "%s: %s%s%s\n", severity, finding->file,
                finding->file[0] ? ": " : "", finding->message);
        return;
    }
    json_t *object = need(json_object());
    json_object_set_new(object, "severity", json_text(severity));
    json_object_set_new(object, "file", json_text(finding->file));
    json_object_set_new(object, "message", json_text(finding->message));
    json_array_append_new(listing->findings, object);
}

static const char *plural(uint32_t count) {
    return count == 1 ? "" : "s";
}

static void summarise(struct listing *listing, const char *name, const pst_verify_summary *found) {
    if (listing->format == FORMAT_TEXT) {
        fprintf(listing->stream,
                "%s: %s of %u file%s and %u tensor%s: %u problem%s, %u warning%s\n", name,
                found->kind, found->files, plural(found->files), found->tensors,
                plural(found->tensors), found->problems, plural(found->problems), found->warnings,
                plural(found->warnings));
        return;
    }
    json_t *object = need(json_object());
    json_object_set_new(object, "path", json_text(name));
    json_object_set_new(object, "kind", json_text(found->kind));
    json_object_set_new(object, "files", json_integer(found->files));
    json_object_set_new(object, "tensors", json_integer(found->tensors));
    json_object_set_new(object, "problems", json_integer(found->problems));
    json_object_set_new(object, "warnings", json_integer(found->warnings));
    json_object_set(object, "findings", listing->findings);
    json_print(listing->stream, object, JSON_INDENT(2));
    json_decref(object);
}

static int verify(const struct values *values, const char *name, const char *dir,
                  const pst_model *model) {
    pst_error err;
    pst_verify_summary summary;
    pst_verify_options settings;
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    struct listing listing = {values->format, output.stream, need(json_array())};
    pst_verify_options_init(&settings);
    settings.model = model;
    settings.finding = list;
    settings.user = &listing;
    if (pst_verify(dir, &settings, &summary, &err))
        code = fail(exit_code_of(&err), "%s", err.message);
    else
        summarise(&listing, name, &summary);
    json_decref(listing.findings);
    int closed = output_close(&output, 1);
    if (code || closed) return code ? code : closed;
    return summary.problems ? EXIT_MODEL : EXIT_DONE;
}

/* --fix-keys */
static int fix_keys(const struct values *values, const char *dir) {
    pst_error err;
    uint32_t fixed;
    if (pst_adapter_fix_keys(dir, values->output, &fixed, &err))
        return fail(exit_code_of(&err), "%s", err.message);
    if (fixed)
        say("%u names of tensors mended: %s", fixed, values->output);
    else
        say("all names are as PEFT looks for them: nothing was written");
    return EXIT_DONE;
}

static int is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operand_count;
    const struct values *values = chosen;
    struct engine engine = {0};
    char *found = NULL;
    int code = 0;
    if (values->fix_keys != (values->output != NULL))
        return usage_error(&command_verify, "--fix-keys and --output go together");
    if (values->engine.model && !values->fix_keys)
        code = engine_open_model(&engine, &values->engine);
    /* A folder is checked as it is, also one that lacks what makes it a model. */
    if (!code && !is_folder(operands[0]))
        code = engine_locate(&values->engine, operands[0], PST_FIND_ANY, &found);
    if (!code && values->fix_keys)
        code = fix_keys(values, found ? found : operands[0]);
    else if (!code)
        code = verify(values, operands[0], found ? found : operands[0], engine.model);
    pst_free(found);
    engine_close(&engine);
    return code;
}
