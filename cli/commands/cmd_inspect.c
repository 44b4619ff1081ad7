/* cmd_inspect.c - what a model or adapter folder holds.
 *
 * A folder with adapter_config.json is an adapter; it is opened with its model, so that what cannot
 * be applied is found here and not at the first transcript. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "command_table.h"
#include "console.h"
#include "engine.h"
#include "inspect_converted.h"
#include "inspect_package.h"
#include "json_text.h"
#include "output.h"
#include "potstill_tools.h"

static int run(const void *values, char **operands, int operand_count);

enum format { FORMAT_TEXT, FORMAT_JSON };

struct values {
    struct engine_choice engine;
    int format;
};

static const struct values defaults = {0};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "the model of an adapter (default: the adapter's base; else as for transcribe)"},
    {"format", 0, OPTION_CHOICE, "text|json", AT(format), "how it is written (default: text)"},
    {0},
};

const struct command command_inspect = {
    .name = "inspect",
    .synopsis = "PATH",
    .summary = "show what a model, adapter or Core ML package holds",
    .details = "Shows what a model or an adapter holds, given as a folder or hub id; of an\n"
               "adapter, each module it changes and by how much: the Frobenius norm of the\n"
               "change relative to that of the weight. A model's fingerprint tells its weights\n"
               "from others of the same shape.\n"
               "\n"
               "Of a Core ML package (X.mlpackage), the program as text, an operation a line,\n"
               "its inputs and outputs, the sizes of its constants by type, and what is known to\n"
               "keep the Neural Engine from running it, each with its source. Of a folder of\n"
               "packages, what its potstill.json says.",
    .groups = {{"Options", options, 0},
               {NULL, engine_adapter_options, AT(engine)},
               {NULL, engine_model_options, AT(engine)}},
    .operands_min = 1,
    .operands_max = 1,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* ------------------------------------------------------------------------------------- model */

/* Of a windowed encoder, whose sizes are others than the decoder's. */
static void add_encoder(json_t *object, const pst_model *model) {
    pst_encoder_info info;
    pst_encoder_info_init(&info);
    if (pst_model_describe_encoder(model, &info, NULL) || !info.windowed) return;
    const struct {
        const char *name;
        uint32_t number;
    } numbers[] = {
        {"encoder_dim", info.dim},
        {"encoder_heads", info.heads},
        {"encoder_kv_heads", info.kv_heads},
        {"encoder_head_dim", info.head_dim},
        {"encoder_frames_back", info.frames_back},
        {"encoder_frames_ahead", info.frames_ahead},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(object, numbers[i].name, json_integer((json_int_t)numbers[i].number));
}

static json_t *model_object(const char *path, const pst_model *model, pst_error *err) {
    pst_model_info info;
    pst_fingerprint fingerprint;
    if (pst_model_fingerprint(model, &fingerprint, err)) return NULL;
    pst_model_describe(model, &info);
    json_t *object = need(json_object());
    json_object_set_new(object, "kind", json_text("model"));
    json_object_set_new(object, "path", json_text(path));
    json_object_set_new(object, "model_type", json_text(info.model_type));
    json_object_set_new(object, "dtype", json_text(info.dtype));
    const struct {
        const char *name;
        uint64_t number;
    } numbers[] = {
        {"parameters", info.parameters},
        {"file_bytes", info.file_bytes},
        {"tensors", info.tensors},
        {"dim", info.dim},
        {"heads", info.heads},
        {"head_dim", info.head_dim},
        {"rotary_dim", info.rotary_dim},
        {"encoder_layers", info.encoder_layers},
        {"decoder_layers", info.decoder_layers},
        {"encoder_ffn", info.encoder_ffn},
        {"decoder_ffn", info.decoder_ffn},
        {"vocab", info.vocab},
        {"max_position_embeddings", info.max_position_embeddings},
        {"max_length", info.max_length},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        json_object_set_new(object, numbers[i].name, json_integer((json_int_t)numbers[i].number));
    add_encoder(object, model);
    json_object_set_new(object, "tied_embeddings", json_boolean(info.tied_embeddings));
    json_object_set_new(object, "norm", json_real(fingerprint.norm));
    json_object_set_new(object, "fingerprint", json_text(fingerprint.sha256));
    return object;
}

/* ----------------------------------------------------------------------------------- adapter */

/* ||change|| / ||weight||; a weight of zeros has no measure. */
static double relative(double delta_norm, double weight_norm) {
    return weight_norm > 0 ? delta_norm / weight_norm : 0;
}

static json_t *module_object(const pst_adapter_module *module) {
    return need(json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "name", module->name, "out",
                          (json_int_t)module->out, "in", (json_int_t)module->in, "rank",
                          (json_int_t)module->rank, "scale", module->scale, "delta_norm",
                          module->delta_norm, "weight_norm", module->weight_norm, "relative",
                          relative(module->delta_norm, module->weight_norm)));
}

/* The modules and, in `*total`, the norms of them all as if they were one matrix. */
static json_t *modules_array(const pst_adapter *adapter, size_t count, double *total,
                             pst_error *err) {
    double delta = 0, weight = 0;
    json_t *array = need(json_array());
    for (size_t i = 0; i < count; i++) {
        pst_adapter_module module;
        if (pst_adapter_module_at(adapter, i, &module, err)) {
            json_decref(array);
            return NULL;
        }
        delta += module.delta_norm * module.delta_norm;
        weight += module.weight_norm * module.weight_norm;
        json_array_append_new(array, module_object(&module));
    }
    *total = relative(sqrt(delta), sqrt(weight));
    return array;
}

static json_t *adapter_object(const char *path, const pst_adapter *adapter, pst_error *err) {
    pst_adapter_info info;
    double total;
    pst_adapter_describe(adapter, &info);
    json_t *modules = modules_array(adapter, info.modules, &total, err);
    if (!modules) return NULL;
    json_t *object = need(json_object());
    json_object_set_new(object, "kind", json_text("adapter"));
    json_object_set_new(object, "path", json_text(path));
    json_object_set_new(object, "peft_type", json_text(info.peft_type));
    json_object_set_new(object, "base_model", json_text(info.base_model));
    json_object_set_new(object, "parameters", json_integer((json_int_t)info.parameters));
    json_object_set_new(object, "file_bytes", json_integer((json_int_t)info.file_bytes));
    json_object_set_new(object, "rank_min", json_integer(info.rank_min));
    json_object_set_new(object, "rank_max", json_integer(info.rank_max));
    json_object_set_new(object, "rslora", json_boolean(info.rslora));
    json_object_set_new(object, "relative", json_real(total));
    json_object_set_new(object, "module_count", json_integer(info.modules));
    json_object_set_new(object, "modules", modules);
    return object;
}

/* ------------------------------------------------------------------------------------- print */

static void print_value(FILE *stream, const char *key, const json_t *value) {
    if (json_is_string(value))
        fprintf(stream, "%-24s %s\n", key, json_string_value(value));
    else if (json_is_real(value))
        fprintf(stream, "%-24s %.4f\n", key, json_real_value(value));
    else if (json_is_integer(value))
        fprintf(stream, "%-24s %lld\n", key, (long long)json_integer_value(value));
    else
        fprintf(stream, "%-24s %s\n", key, json_is_true(value) ? "yes" : "no");
}

static void print_modules(FILE *stream, const json_t *modules) {
    fprintf(stream, "\n%-52s %5s %5s %5s %8s %10s\n", "module", "out", "in", "rank", "scale",
            "relative");
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const char *name;
        json_int_t out, in, rank;
        double scale, change;
        if (json_unpack(json_array_get(modules, i), "{s:s, s:I, s:I, s:I, s:f, s:f}", "name", &name,
                        "out", &out, "in", &in, "rank", &rank, "scale", &scale, "relative",
                        &change) == 0)
            fprintf(stream, "%-52s %5lld %5lld %5lld %8.4f %10.4f\n", name, (long long)out,
                    (long long)in, (long long)rank, scale, change);
    }
}

/* Both formats are one object: as JSON, or as lines of key and value with a table at the end. */
static int print(json_t *object, int format) {
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    if (format == FORMAT_JSON) {
        json_print(output.stream, object, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    } else {
        const char *key;
        json_t *value;
        json_object_foreach(object, key, value) {
            if (json_is_array(value))
                print_modules(output.stream, value);
            else
                print_value(output.stream, key, value);
        }
    }
    return output_close(&output, 1);
}

static int holds(const char *dir, const char *file) {
    char *path = text_format("%s/%s", dir, file);
    int there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static int inspect_index(const char *path, int format) {
    json_t *object = inspect_converted(path);
    if (!object) return EXIT_MODEL;
    int code = print(object, format);
    json_decref(object);
    return code;
}

static int inspect(const struct values *values, const char *name, const char *dir) {
    struct engine engine = {0};
    struct engine_choice choice = values->engine;
    json_t *object = NULL;
    pst_error err;
    int code;
    if (holds(dir, "adapter_config.json") || holds(dir, "adapter.safetensors")) {
        choice.adapter = dir;
        code = engine_open_model(&engine, &choice);
        if (!code && !(object = adapter_object(name, engine.adapters[0], &err)))
            code = fail(exit_code_of(&err), "%s", err.message);
    } else {
        choice.model = dir;
        code = engine_open_model(&engine, &choice);
        if (!code && !(object = model_object(name, engine.model, &err)))
            code = fail(exit_code_of(&err), "%s", err.message);
    }
    if (object) code = print(object, values->format);
    json_decref(object);
    engine_close(&engine);
    return code;
}

static int run(const void *chosen, char **operands, int operand_count) {
    (void)operand_count;
    const struct values *values = chosen;
    char *dir = NULL;
    if (holds(operands[0], "Manifest.json"))
        return inspect_package(operands[0], operands[0], values->format == FORMAT_JSON);
    if (holds(operands[0], "potstill.json")) return inspect_index(operands[0], values->format);
    int code = engine_locate(&values->engine, operands[0], PST_FIND_ANY, &dir);
    if (code) return code;
    code = inspect(values, operands[0], dir);
    pst_free(dir);
    return code;
}
