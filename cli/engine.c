/* engine.c - see engine.h. */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "locate.h"
#include "sources.h"

#define AT(field) offsetof(struct engine_choice, field)
const struct option engine_source_options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(model),
     "model: folder, imported name or hub id (default: the base that the adapter names, else "
     "$POTSTILL_MODEL, else moonshine-tiny)"},
    {"adapter", 0, OPTION_TEXTS, "DIR[:WEIGHT]", AT(adapters),
     "PEFT adapter on the model: folder or hub id; again for more, which act together, each with "
     "its scale times WEIGHT (default: 1)"},
    {0},
};
const struct option engine_processor_options[] = {
    {"processor-dir", 0, OPTION_TEXT, "DIR", AT(processor),
     "folder or hub id whose tokenizer and processor files are used (default: the model's)"},
    {0},
};
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
const struct option engine_device_options[] = {
    {"device", 0, OPTION_CHOICE, "auto|cpu|mil|coreml|mps|cuda", AT(device),
     "where to compute: the cpu, or the packages of a model that convert has made, by an "
     "interpreter (mil), Core ML (coreml) or Core ML without the Neural Engine (mps), the last two "
     "on macOS; what mps and cuda, of which there is none, cannot do the cpu does, with a note "
     "(default: auto, what the model is for)"},
    {"strict-device", 0, OPTION_FLAG, NULL, AT(strict_device), "an error in place of that note"},
    {"compute-units", 0, OPTION_CHOICE, "all|ane|gpu|cpu", AT(units),
     "what --device coreml may use: everything, or the CPU with the Neural Engine (ane), with the "
     "GPU, or alone (default: all)"},
    {"decoder", 0, OPTION_TEXT, "M", AT(decoder),
     "with a converted model: the model it was made from, whose decoder continues from what the "
     "packages encode (default: the folder's own, where it has one)"},
    {0},
};
const struct option engine_compute_options[] = {
    {"threads", 0, OPTION_COUNT, "N", AT(threads),
     "threads to compute with; the results are the same for any number (default: one a core, at "
     "most 8)"},
    {"cpu", 0, OPTION_CHOICE,
     "auto|reference|avx2|avx_vnni|avx512|avx512_vnni|avx512_bf16|amx|neon|neon_dotprod|neon_i8mm",
     AT(cpu), "instruction set (default: auto, the best there is)"},
    {"precision", 0, OPTION_CHOICE, "f32|bf16|int8|auto", AT(precision),
     "of the matrix products; f32 gives what transformers gives token for token, auto is bf16 "
     "where there are kernels for it, else f32 (default: auto for transcribe, else f32); also "
     "float32, bfloat16"},
    {"window-bounds", 0, OPTION_CHOICE, "exclusive|inclusive", AT(window_bounds),
     "of a streaming model: does its encoder see the frames at both ends of its windows; inclusive "
     "is what the vendor's own export does (default: exclusive, as transformers)"},
    {"no-cache", 0, OPTION_FLAG, NULL, AT(no_cache),
     "neither read nor write packed weights in $XDG_CACHE_HOME/potstill"},
    {0},
};

static int open_adapters(struct engine *engine, const struct sources *sources, double scale) {
    pst_error err;
    pst_adapter_options options;
    pst_adapter_options_init(&options);
    options.warn = say_warning;
    options.adapter_scale = scale;
    size_t count = sources->adapter_count;
    engine->adapters = need(calloc(count + 1, sizeof *engine->adapters)); /* 0 may give NULL */
    engine->weights = need(calloc(count + 1, sizeof *engine->weights));
    for (size_t i = 0; i < count; i++) {
        engine->weights[i] = sources->adapters[i].weight;
        if (pst_adapter_open(engine->model, sources->adapters[i].dir, &options,
                             &engine->adapters[i], &err))
            return fail_model(&err);
        engine->adapter_count++;
    }
    return 0;
}

/* mps without Core ML is the interpreter of packages. */
static pst_status open_on_device(struct engine *engine, const struct engine_choice *choice,
                                 const char *dir, pst_model_options *options, pst_error *err) {
    pst_status status = pst_model_open(dir, options, &engine->model, err);
    if (status != PST_ERR_DEVICE || choice->device != DEVICE_MPS || choice->strict_device)
        return status;
    options->device = PST_DEVICE_AUTO;
    options->units = PST_UNITS_ALL;
    return pst_model_open(dir, options, &engine->model, err);
}

static int open_model(struct engine *engine, const struct engine_choice *choice,
                      const struct sources *sources, pst_model_options *options) {
    pst_error err;
    char *decoder_dir = NULL;
    int code = 0;
    if (choice->decoder)
        code = locate(&engine->environment, choice->decoder, PST_FIND_CHECKPOINT, choice->revision,
                      &decoder_dir);
    options->processor_dir = sources->processor_dir;
    options->decoder_dir = decoder_dir;
    options->cpu = (pst_cpu)choice->cpu;
    options->precision = (pst_precision)choice->precision;
    options->warn = say_warning;
    engine->model_name = text_format("%s", sources->model_name);
    engine->model_dir = text_format("%s", sources->model_dir);
    if (!code && open_on_device(engine, choice, sources->model_dir, options, &err))
        code = fail_model(&err);
    if (!code) pst_model_describe(engine->model, &engine->info);
    pst_free(decoder_dir);
    return code;
}

int engine_open_model(struct engine *engine, const struct engine_choice *choice) {
    pst_model_options options;
    struct sources sources;
    *engine = (struct engine){0};
    environment_read(&engine->environment, choice->offline);
    pst_model_options_init(&options);
    options.device = PST_DEVICE_CPU;
    int code = sources_find(&sources, &engine->environment, choice);
    if (!code) code = open_model(engine, choice, &sources, &options);
    if (!code) code = open_adapters(engine, &sources, choice->adapter_scale);
    sources_free(&sources);
    return code;
}

int engine_locate(const struct engine_choice *choice, const char *name, pst_find_kind kind,
                  char **dir) {
    struct environment environment;
    environment_read(&environment, choice->offline);
    int code = locate(&environment, name, kind, choice->revision, dir);
    environment_free(&environment);
    return code;
}

/* A model without a tokenizer gives tokens, but no text: this is checked before the first clip. */
static int check_tokenizer(const struct engine *engine) {
    pst_error err;
    int32_t none = 0;
    char *text = NULL;
    if (pst_model_decode(engine->model, &none, 0, 0, &text, &err))
        return fail(EXIT_MODEL, "%s (--processor-dir)", err.message);
    pst_free(text);
    return 0;
}

/* mps is Core ML on CPU and GPU, for a model that was converted. */
static int set_device(pst_model_options *options, const struct engine_choice *choice,
                      const char *command, int converted) {
    static const pst_device devices[] = {PST_DEVICE_AUTO, PST_DEVICE_CPU, PST_DEVICE_MIL,
                                         PST_DEVICE_COREML, PST_DEVICE_COREML};
    int mps = choice->device == DEVICE_MPS, cuda = choice->device == DEVICE_CUDA;
    if (cuda && choice->strict_device)
        return fail(
            EXIT_ENVIRONMENT,
            "%s: --device cuda: this program computes on the cpu, with the vector "
            "instructions it finds there, and on Apple's devices; use --device cpu or leave "
            "the option out",
            command);
    if (mps && choice->units != PST_UNITS_ALL)
        return fail(EXIT_USAGE, "%s: --compute-units is for --device coreml", command);
    if (cuda || (mps && !converted && !choice->strict_device)) return 0; /* auto */
    options->device = devices[choice->device];
    options->units = mps ? PST_UNITS_GPU : (pst_compute_units)choice->units;
    return 0;
}

/* Names the device, and says where it is not the one that was chosen. */
static void name_device(struct engine *engine, const struct engine_choice *choice,
                        const char *command) {
    int mps = choice->device == DEVICE_MPS;
    int core_ml = mps && strcmp(engine->info.device, "coreml") == 0;
    engine->device = core_ml ? "mps" : engine->info.device;
    if (core_ml || (!mps && choice->device != DEVICE_CUDA)) return;
    say("%s: --device %s: %s; computing %s (--strict-device makes this an error)", command,
        mps ? "mps" : "cuda",
        mps ? "that is Core ML, on a Mac, for a model that potstill convert has made"
            : "this program has none",
        strcmp(engine->device, "mil") == 0 ? "with the interpreter of packages (mil)"
                                           : "on the CPU");
}

static int refuse_adapters(const char *command) {
    return fail(EXIT_USAGE,
                "%s: an adapter cannot be put on a converted model: merge it in with potstill "
                "convert --adapter",
                command);
}

int engine_open(struct engine *engine, const struct engine_choice *choice, const char *command) {
    pst_model_options options;
    *engine = (struct engine){0};
    pst_model_options_init(&options);
    environment_read(&engine->environment, choice->offline);
    options.inclusive_windows = choice->window_bounds;
    options.read_files = choice->read_files;
    options.cache_dir = choice->no_cache ? NULL : engine->environment.places.weights_cache;
    /* Said before an adapter is looked for. */
    int adapted = choice->adapter || choice->adapters.count;
    if (adapted && choice->model && locate_is_converted(choice->model))
        return refuse_adapters(command);
    struct sources sources;
    int code = sources_find(&sources, &engine->environment, choice);
    if (!code) code = set_device(&options, choice, command, locate_is_converted(sources.model_dir));
    if (!code) code = open_model(engine, choice, &sources, &options);
    if (!code && adapted && engine->info.layout) code = refuse_adapters(command);
    if (!code) code = check_tokenizer(engine);
    if (!code) code = open_adapters(engine, &sources, choice->adapter_scale);
    sources_free(&sources);
    if (!code) name_device(engine, choice, command);
    return code;
}

int engine_open_session(struct engine *engine, const struct engine_choice *choice) {
    pst_error err;
    pst_session_options options;
    pst_session_options_init(&options);
    options.threads = (uint32_t)choice->threads;
    pst_status status = pst_session_new(engine->model, &options, &engine->session, &err);
    if (status) return fail(exit_code_of(&err), "%s", err.message);
    status = pst_session_use_adapters(engine->session, (const pst_adapter *const *)engine->adapters,
                                      engine->weights, engine->adapter_count, &err);
    return status ? fail(EXIT_MODEL, "%s", err.message) : 0;
}

pst_batch_options engine_batch(const struct engine *engine, const struct engine_choice *choice) {
    pst_batch_options batch;
    pst_batch_options_init(&batch);
    batch.threads = (uint32_t)choice->threads;
    batch.adapters = (const pst_adapter *const *)engine->adapters;
    batch.weights = engine->weights;
    batch.adapter_count = engine->adapter_count;
    return batch;
}

void engine_close(struct engine *engine) {
    pst_session_free(engine->session);
    for (size_t i = 0; i < engine->adapter_count; i++) pst_adapter_free(engine->adapters[i]);
    free(engine->adapters);
    free(engine->weights);
    pst_model_free(engine->model);
    free(engine->model_name);
    free(engine->model_dir);
    environment_free(&engine->environment);
    *engine = (struct engine){0};
}
