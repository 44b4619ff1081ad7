/* engine.c - see engine.h. */
#include "engine.h"

#include <sys/stat.h>

#include "console.h"
#include "fetch.h"

#define AT(field) offsetof(struct engine_choice, field)
const struct option engine_model_options[] = {
    {"revision", 0, OPTION_TEXT, "R", AT(revision),
     "branch, tag or commit of a model on the Hugging Face hub (default: main)"},
    {"offline", 0, OPTION_FLAG, NULL, AT(offline),
     "download nothing: use what is here (also by HF_HUB_OFFLINE=1)"},
    {0},
};
const struct option engine_adapter_options[] = {
    {"adapter-scale", 0, OPTION_NUMBER, "X", AT(adapter_scale),
     "scale of an adapter that stores none, as those of Moonshine's own trainer (default: 1)"},
    {0},
};
const struct option engine_compute_options[] = {
    {"threads", 0, OPTION_COUNT, "N", AT(threads),
     "threads to compute with; the results are the same for any number (default: one a core, at "
     "most 8)"},
    {"cpu", 0, OPTION_CHOICE, "auto|reference|avx2|avx512|neon", AT(cpu),
     "instruction set (default: auto, the best there is)"},
    {0},
};

/* What is not found is a matter of the model; a network or a disk that fails, of the environment. */
static int find(const struct engine *engine, const char *name, const char *required,
                const char *revision, char **dir) {
    pst_error err;
    if (!fetch_find(&engine->environment, name, required, revision, dir, &err)) return 0;
    return fail(exit_code_of(&err), "%s", err.message);
}

/* A file that is not there is an error of the system for a file reader; for whoever named the model
 * it means that the model is not usable. Only memory is another matter. */
static int fail_model(const pst_error *err) {
    int code = exit_code_of(err);
    if (err->code == PST_ERR_IO || err->code == PST_ERR_INPUT) code = EXIT_MODEL;
    return fail(code, "%s", err->message);
}

/* Whether it is only the instruction set asked for that is missing: the model opens without it. */
static int only_cpu_is_missing(const char *dir, pst_model_options options) {
    pst_model *model;
    if (options.cpu == PST_CPU_AUTO) return 0;
    options.cpu = PST_CPU_AUTO;
    if (pst_model_open(dir, &options, &model, NULL)) return 0;
    pst_model_free(model);
    return 1;
}

static void warn(void *user, const char *message) {
    (void)user;
    say("%s", message);
}

static int open_model(struct engine *engine, const struct engine_choice *choice, const char *dir,
                      const char *processor_dir) {
    pst_error err;
    pst_model_options options;
    pst_model_options_init(&options);
    options.processor_dir = processor_dir;
    options.cpu = (pst_cpu)choice->cpu;
    pst_status status = pst_model_open(dir, &options, &engine->model, &err);
    if (status == PST_ERR_UNSUPPORTED && only_cpu_is_missing(dir, options))
        return fail(EXIT_ENVIRONMENT, "%s", err.message);
    return status ? fail_model(&err) : 0;
}

int engine_open_model(struct engine *engine, const struct engine_choice *choice) {
    char *dir = NULL, *processor_dir = NULL;
    *engine = (struct engine){0};
    environment_read(&engine->environment);
    if (choice->offline) environment_go_offline(&engine->environment);
    const char *name = choice->model ? choice->model : engine->environment.model;
    int code = find(engine, name, "config.json", choice->revision, &dir);
    if (!code && choice->processor)
        code = find(engine, choice->processor, "tokenizer.json", choice->revision, &processor_dir);
    if (!code) code = open_model(engine, choice, dir, processor_dir);
    pst_free(dir);
    pst_free(processor_dir);
    return code;
}

static int is_folder(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A folder may have its adapter in a folder of it; a name or hub id stands for the adapter itself. */
static int find_adapter(const struct engine *engine, const char *name, char **dir) {
    pst_error err;
    if (!is_folder(name)) return find(engine, name, "adapter_config.json", NULL, dir);
    return pst_adapter_find(name, dir, &err) ? fail_model(&err) : 0;
}

int engine_open_adapter(struct engine *engine, const char *name, double scale) {
    pst_error err;
    char *dir = NULL;
    int code = find_adapter(engine, name, &dir);
    if (code) return code;
    pst_adapter_options options;
    pst_adapter_options_init(&options);
    options.warn = warn;
    options.adapter_scale = scale;
    pst_status status = pst_adapter_open(engine->model, dir, &options, &engine->adapter, &err);
    pst_free(dir);
    return status ? fail_model(&err) : 0;
}

char *engine_find(const char *name, const struct engine_choice *choice, int *code) {
    pst_error err, miss;
    char *dir = NULL;
    struct environment environment;
    environment_read(&environment);
    if (choice->offline) environment_go_offline(&environment);
    pst_search search = environment_search(&environment, choice->revision);
    if (pst_find_model(name, "adapter_config.json", &search, &dir, &err) != PST_OK &&
        pst_find_model(name, "config.json", &search, &dir, &miss) != PST_OK &&
        (!is_folder(name) || pst_adapter_find(name, &dir, &miss) != PST_OK)) {
        pst_status status = environment.hub.offline
                                ? PST_ERR_ARGUMENT
                                : fetch_pull(&environment, name, choice->revision, &dir, &err);
        if (status == PST_ERR_ARGUMENT) err = miss; /* it is no hub id, or must not be one */
        if (status) *code = fail(exit_code_of(&err), "%s", err.message);
    }
    environment_free(&environment);
    return dir;
}

static int open_session(struct engine *engine, const struct engine_choice *choice) {
    pst_error err;
    pst_session_options options;
    pst_session_options_init(&options);
    options.threads = (uint32_t)choice->threads;
    pst_status status = pst_session_new(engine->model, &options, &engine->session, &err);
    if (!status && engine->adapter)
        status = pst_session_use_adapter(engine->session, engine->adapter, &err);
    return status ? fail(exit_code_of(&err), "%s", err.message) : 0;
}

/* A model without a tokenizer gives tokens, but no text; that is found out before the first clip. */
static int check_tokenizer(const struct engine *engine) {
    pst_error err;
    int32_t none = 0;
    char *text = NULL;
    if (pst_model_decode(engine->model, &none, 0, 0, &text, &err)) return fail_model(&err);
    pst_free(text);
    return 0;
}

int engine_open(struct engine *engine, const struct engine_choice *choice) {
    int code = engine_open_model(engine, choice);
    if (!code) code = check_tokenizer(engine);
    if (!code && choice->adapter)
        code = engine_open_adapter(engine, choice->adapter, choice->adapter_scale);
    return code ? code : open_session(engine, choice);
}

void engine_close(struct engine *engine) {
    pst_session_free(engine->session);
    pst_adapter_free(engine->adapter);
    pst_model_free(engine->model);
    environment_free(&engine->environment);
    *engine = (struct engine){0};
}
