/* convert.c - pst_convert(): a checkpoint, its adapters merged in memory, as Core ML packages.
 *
 * Weights are stored once and lent to every package; a package lives only while it is written. */
#include "coreml/convert/convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file_view.h"
#include "base/file_writer.h"
#include "coreml/package/package.h"
#include "model/model_folder.h"

/* The host's rows are easiest for the Neural Engine when they are multiples of 64 bytes. */
enum { ROUND_POSITIONS = 32 };
/* Of the cache. No published model says more than 194 tokens in 30 seconds. */
enum { SLOTS_MAX = 512 };
enum { THREADS_MAX = 8 };

static const size_t TOKENIZER_BYTES_MAX = 256 << 20;
static const uint32_t SPLIT_SECONDS[] = {10, 30}, SINGLE_SECONDS[] = {10};

static const struct {
    const char *name;
    enum convert_form form;
    unsigned bits;
} PRECISIONS[] = {
    [PST_CONVERT_FLOAT16] = {"float16", CONVERT_FLOAT16, 16},
    [PST_CONVERT_FLOAT32] = {"float32", CONVERT_FLOAT32, 32},
    [PST_CONVERT_INT8] = {"int8", CONVERT_INT8, 8},
    [PST_CONVERT_PALETTE8] = {"palette8", CONVERT_PALETTE, 8},
    [PST_CONVERT_PALETTE6] = {"palette6", CONVERT_PALETTE, 6},
    [PST_CONVERT_PALETTE4] = {"palette4", CONVERT_PALETTE, 4},
};

static const struct {
    const char *name;
    int32_t specification;
} TARGETS[] = {
    [PST_CONVERT_IOS16] = {"ios16", GRAPH_IOS16},
    [PST_CONVERT_IOS15] = {"ios15", GRAPH_IOS15},
    [PST_CONVERT_IOS18] = {"ios18", GRAPH_IOS18},
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

const char *convert_precision_name(const struct converting *converting) {
    return PRECISIONS[converting->options->precision].name;
}

const char *convert_target_name(const struct converting *converting) {
    return TARGETS[converting->options->target].name;
}

void pst_convert_options_init(pst_convert_options *options) {
    *options = (pst_convert_options){.struct_size = sizeof *options};
}

/* ------------------------------------------------------------------------------------- arguments */

static pst_status check_options(const pst_convert_options *options, pst_error *err) {
    pst_convert_precision precision = options->precision;
    if (options->struct_size != sizeof *options)
        return error_set(err, PST_ERR_ARGUMENT,
                         "pst_convert: options are not set up by pst_convert_options_init()");
    if ((size_t)precision >= COUNT(PRECISIONS) || (size_t)options->target >= COUNT(TARGETS) ||
        (unsigned)options->layout > PST_CONVERT_SINGLE)
        return error_set(err, PST_ERR_ARGUMENT, "pst_convert: no such precision, target or layout");
    if (options->target == PST_CONVERT_IOS15 && PRECISIONS[precision].form >= CONVERT_INT8)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s weights need iOS 16 or later, the target is ios15",
                         PRECISIONS[precision].name);
    if (!options->state) return PST_OK;
    if (options->target != PST_CONVERT_IOS18)
        return error_set(err, PST_ERR_UNSUPPORTED, "a state needs iOS 18, the target is %s",
                         TARGETS[options->target].name);
    if (precision == PST_CONVERT_FLOAT32)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "a state is float16, the precision asked for float32");
    if (options->layout == PST_CONVERT_SINGLE)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "a state is for the layout split; single keeps its cache to itself");
    return PST_OK;
}

/* Ascending, each once. */
static pst_status take_seconds(struct converting *converting, pst_error *err) {
    const pst_convert_options *options = converting->options;
    int single = options->layout == PST_CONVERT_SINGLE;
    const uint32_t *seconds = options->seconds;
    size_t count = options->seconds_count;
    if (!seconds) {
        seconds = single ? SINGLE_SECONDS : SPLIT_SECONDS;
        count = single ? COUNT(SINGLE_SECONDS) : COUNT(SPLIT_SECONDS);
    }
    if (count == 0 || (single && count > 1))
        return error_set(err, PST_ERR_ARGUMENT, "%zu lengths, expected %s", count,
                         single ? "one for the layout single" : "at least one");
    unsigned char wanted[CONVERT_SECONDS_MAX + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        if (seconds[i] < CONVERT_SECONDS_MIN || seconds[i] > CONVERT_SECONDS_MAX)
            return error_set(err, PST_ERR_ARGUMENT, "a length of %u seconds, expected %d to %d",
                             seconds[i], CONVERT_SECONDS_MIN, CONVERT_SECONDS_MAX);
        wanted[seconds[i]] = 1;
    }
    for (uint32_t s = CONVERT_SECONDS_MIN; s <= CONVERT_SECONDS_MAX; s++)
        if (wanted[s]) converting->seconds[converting->count++] = s;
    return PST_OK;
}

/* What stands at `target` is replaced only when it was converted before. */
static pst_status check_target(const struct converting *converting, const char *target,
                               pst_error *err) {
    int single = converting->options->layout == PST_CONVERT_SINGLE;
    size_t length = strlen(target);
    static const char SUFFIX[] = ".mlpackage";
    if (single && (length < sizeof SUFFIX || strcmp(target + length - strlen(SUFFIX), SUFFIX) != 0))
        return error_set(err, PST_ERR_ARGUMENT, "%s: expected a name that ends in %s", target,
                         SUFFIX);
    if (!path_is_folder(target)) return PST_OK;
    if (!converting->options->force)
        return error_set(err, PST_ERR_IO, "%s: exists already (use --force to replace it)", target);
    const char *sign = single ? "Manifest.json" : "potstill.json";
    char *path = path_join(target, sign);
    if (!path) return error_memory(err, 0);
    int ours = path_is_file(path);
    free(path);
    if (ours) return PST_OK;
    return error_set(err, PST_ERR_IO, "%s: exists already and is no conversion (no %s)", target,
                     sign);
}

/* ---------------------------------------------------------------------------------------- shapes */

static int32_t round_up(uint32_t positions) {
    return (int32_t)((positions + ROUND_POSITIONS - 1) / ROUND_POSITIONS * ROUND_POSITIONS);
}

/* One decoder serves all lengths, so it takes the longest; where lengths are functions each has its own. */
struct graph_shape convert_shape(const struct converting *converting, size_t index) {
    const struct config *config = &converting->merging.model->config;
    size_t longest =
        converting->options->target == PST_CONVERT_IOS18 ? index : converting->count - 1;
    struct graph_shape shape = {
        .extent = graph_extent_of(converting->seconds[index] * PST_SAMPLE_RATE_HZ),
        .slots = converting->slots,
        .tokens = converting->tokens,
        .start = config->decoder_start_token_id,
        .end = config->eos_token_id,
        .state = converting->options->state,
    };
    shape.memory =
        round_up(graph_extent_of(converting->seconds[longest] * PST_SAMPLE_RATE_HZ).frames);
    return shape;
}

static void measure(struct converting *converting) {
    const pst_model *model = converting->merging.model;
    const pst_decode_options *decode = &model->decode;
    uint32_t tokens = decode->max_new_tokens ? decode->max_new_tokens + 1 : decode->max_length;
    if (tokens < 2) tokens = 2;
    uint32_t slots = tokens > model->config.max_position_embeddings
                         ? tokens
                         : model->config.max_position_embeddings;
    if (slots > SLOTS_MAX) slots = SLOTS_MAX;
    converting->slots = round_up(slots);
    converting->tokens = tokens < slots ? (int32_t)tokens : (int32_t)slots;
}

/* --------------------------------------------------------------------------------------- graphs */

static struct graph graph_of(const struct converting *converting, struct mil_model *model) {
    const pst_convert_options *options = converting->options;
    int wide = options->precision == PST_CONVERT_FLOAT32;
    return (struct graph){
        .model = model,
        .dtype = wide ? MIL_F32 : MIL_F16,
        .io = wide || options->target == PST_CONVERT_IOS15 ? MIL_F32 : MIL_F16,
        .specification = TARGETS[options->target].specification,
        .config = &converting->merging.model->config,
        .places = &converting->merging.model->weights,
        .stored = &converting->weights,
        .tied = converting->merging.tied,
    };
}

static pst_status write_package(struct converting *converting, struct mil_model *model,
                                const char *dir, const char *name, pst_error *err) {
    char *path = path_join(dir, name);
    pst_status status = path ? mil_model_check(model, err) : error_memory(err, 0);
    if (!status) status = package_write(model, path, 0, err);
    free(path);
    return status ? status : convert_note_file(converting, dir, name, err);
}

static pst_status new_model(struct mil_model **model, pst_error *err) {
    *model = mil_model_new();
    return *model ? PST_OK : error_memory(err, 0);
}

/* A decoder for all lengths and an encoder for each: all that iOS 17 knows, and what one length needs. */
static pst_status write_separate(struct converting *converting, const char *dir, pst_error *err) {
    static const char DECODER[] = "decoder.mlpackage";
    struct mil_model *decoder = NULL, *encoder = NULL;
    pst_status status = new_model(&decoder, err);
    if (status) return status;
    struct graph_shape shape = convert_shape(converting, 0);
    struct graph g = graph_of(converting, decoder);
    graph_decoder(&g, "main", &shape, 0);
    convert_describe(converting, decoder, "Moonshine speech decoder, one token a call");
    status = write_package(converting, decoder, dir, DECODER, err);
    for (size_t i = 0; i < converting->count && !status; i++) {
        char name[64], what[80];
        snprintf(name, sizeof name, "encoder-%us.mlpackage", converting->seconds[i]);
        snprintf(what, sizeof what, "Moonshine speech encoder for clips of up to %u seconds",
                 converting->seconds[i]);
        status = new_model(&encoder, err);
        if (status) break;
        shape = convert_shape(converting, i);
        g = graph_of(converting, encoder);
        graph_encoder(&g, "main", &shape, 0);
        convert_describe(converting, encoder, what);
        status = write_package(converting, encoder, dir, name, err);
        if (!status)
            status = convert_note_length(converting, i, encoder, name, decoder, DECODER, err);
        mil_model_free(encoder);
    }
    mil_model_free(decoder);
    return status;
}

/* From iOS 18 on, two packages with a function for each length, which share their weights. */
static pst_status write_functions(struct converting *converting, const char *dir, pst_error *err) {
    static const char ENCODER[] = "encoder.mlpackage", DECODER[] = "decoder.mlpackage";
    struct mil_model *encoder = NULL, *decoder = NULL;
    pst_status status = new_model(&encoder, err);
    if (!status) status = new_model(&decoder, err);
    for (size_t i = 0; i < converting->count && !status; i++) {
        char name[32];
        struct graph_shape shape = convert_shape(converting, i);
        struct graph g = graph_of(converting, encoder);
        snprintf(name, sizeof name, "encode_%us", converting->seconds[i]);
        graph_encoder(&g, name, &shape, 1);
        g = graph_of(converting, decoder);
        snprintf(name, sizeof name, "decode_%us", converting->seconds[i]);
        graph_decoder(&g, name, &shape, 1);
    }
    if (!status) {
        convert_describe(converting, encoder,
                         "Moonshine speech encoder, a function for each length");
        convert_describe(converting, decoder,
                         "Moonshine speech decoder, a function for each length");
        status = write_package(converting, encoder, dir, ENCODER, err);
    }
    if (!status) status = write_package(converting, decoder, dir, DECODER, err);
    for (size_t i = 0; i < converting->count && !status; i++)
        status = convert_note_length(converting, i, encoder, ENCODER, decoder, DECODER, err);
    mil_model_free(encoder);
    mil_model_free(decoder);
    return status;
}

/* --------------------------------------------------------------------------------------- layouts */

static pst_status copy_tokenizer(struct converting *converting, const char *dir, pst_error *err) {
    static const char NAME[] = "tokenizer.json";
    char *path = path_join(converting->merging.processor_dir, NAME);
    if (!path) return error_memory(err, 0);
    struct file_view view;
    pst_status status = file_view_open(&view, path, TOKENIZER_BYTES_MAX, err);
    free(path);
    if (status) return status;
    status = model_folder_put(dir, NAME, (const char *)view.data, view.size, err);
    file_view_close(&view);
    return status ? status : convert_note_file(converting, dir, NAME, err);
}

static pst_status write_split(struct converting *converting, const char *target, pst_error *err) {
    struct folder_writer writer;
    pst_status status = folder_writer_open(&writer, target, converting->options->force, err);
    if (status) return status;
    const char *dir = writer.temporary_path;
    status = copy_tokenizer(converting, dir, err);
    if (!status)
        status = converting->options->target == PST_CONVERT_IOS18 && converting->count > 1
                     ? write_functions(converting, dir, err)
                     : write_separate(converting, dir, err);
    if (!status) status = convert_write_index(converting, dir, err);
    if (!status) return folder_writer_commit(&writer, err);
    folder_writer_abort(&writer);
    return status;
}

static pst_status write_single(struct converting *converting, const char *target, pst_error *err) {
    struct mil_model *model;
    pst_status status = new_model(&model, err);
    if (status) return status;
    struct graph_shape shape = convert_shape(converting, 0);
    struct graph g = graph_of(converting, model);
    graph_single(&g, &shape);
    char what[80];
    snprintf(what, sizeof what, "Moonshine speech recognition of clips of exactly %u seconds",
             converting->seconds[0]);
    convert_describe(converting, model, what);
    status = mil_model_check(model, err);
    if (!status) status = package_write(model, target, converting->options->force, err);
    mil_model_free(model);
    return status;
}

/* ------------------------------------------------------------------------------------------- run */

/* Greedy decoding knows no rule; what would follow some is told. */
static void warn_of_rules(const struct converting *converting) {
    const pst_decode_options *decode = &converting->merging.model->decode;
    int plain = decode->num_beams <= 1 && decode->min_length == 0 && decode->min_new_tokens == 0 &&
                decode->repetition_penalty == 1 && decode->no_repeat_ngram_size == 0 &&
                decode->suppress_tokens_count == 0 && decode->begin_suppress_tokens_count == 0 &&
                decode->sequence_bias_count == 0 && decode->forced_bos_token_id < 0 &&
                decode->forced_eos_token_id < 0;
    if (plain || !converting->options->warn) return;
    converting->options->warn(converting->options->user,
                              "generation_config.json has rules that a package does not follow: "
                              "it decodes greedily");
}

static pst_status store_weights(struct converting *converting, pst_error *err) {
    const pst_convert_options *options = converting->options;
    unsigned threads = options->threads ? options->threads : cpu_count();
    struct thread_pool *pool;
    if (!options->threads && threads > THREADS_MAX) threads = THREADS_MAX;
    if (threads > THREAD_POOL_MAX) threads = THREAD_POOL_MAX;
    pst_status status = thread_pool_new(&pool, threads, err);
    if (status) return status;
    status = convert_weights_make(&converting->weights, &converting->merging,
                                  PRECISIONS[options->precision].form,
                                  PRECISIONS[options->precision].bits, pool, err);
    thread_pool_free(pool);
    return status;
}

static pst_status convert(struct converting *converting, const char *target, pst_error *err) {
    pst_status status = merge_open(&converting->merging, err);
    if (!status) status = merge_settle(&converting->merging, err);
    if (status) return status;
    warn_of_rules(converting);
    measure(converting);
    converting->sources = json_object();
    converting->lengths = json_array();
    converting->files = json_object();
    if (!converting->sources || !converting->lengths || !converting->files)
        return error_memory(err, 0);
    status = merge_record_sources(&converting->merging, converting->sources, err);
    if (!status) status = store_weights(converting, err);
    if (status) return status;
    return converting->options->layout == PST_CONVERT_SINGLE ? write_single(converting, target, err)
                                                             : write_split(converting, target, err);
}

static pst_status check_arguments(const struct converting *converting, const char *target,
                                  pst_error *err) {
    const struct merging *merging = &converting->merging;
    for (size_t i = 0; i < merging->count; i++)
        if (!merging->chosen[i].dir || !isfinite(merging->chosen[i].weight))
            return error_set(
                err, PST_ERR_ARGUMENT,
                "pst_convert: adapter %zu has no folder, or a weight that is not finite", i);
    return check_target(converting, target, err);
}

pst_status pst_convert(const char *model_dir, const pst_merge_adapter *adapters, size_t count,
                       const char *target, const pst_convert_options *options, pst_error *err) {
    pst_convert_options defaults;
    pst_convert_options_init(&defaults);
    if (!options) options = &defaults;
    if (!model_dir || (count && !adapters) || !target || !*target)
        return error_set(err, PST_ERR_ARGUMENT, "pst_convert needs a model and a target");
    pst_status status = check_options(options, err);
    if (status) return status;
    pst_merge_options merge_options;
    pst_merge_options_init(&merge_options);
    merge_options.processor_dir = options->processor_dir;
    merge_options.warn = options->warn;
    merge_options.user = options->user;
    struct converting converting = {
        .options = options,
        .merging = {.model_dir = model_dir,
                    .processor_dir = options->processor_dir ? options->processor_dir : model_dir,
                    .chosen = adapters,
                    .count = count,
                    .options = &merge_options,
                    .dtype = options->precision == PST_CONVERT_FLOAT32 ? DTYPE_F32 : DTYPE_F16},
    };
    status = take_seconds(&converting, err);
    if (!status) status = check_arguments(&converting, target, err);
    if (status) return status;
    status = convert(&converting, target, err);
    convert_weights_free(&converting.weights);
    merge_close(&converting.merging);
    json_decref(converting.sources);
    json_decref(converting.lengths);
    json_decref(converting.files);
    return status;
}
