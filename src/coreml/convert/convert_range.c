/* convert_range.c - see convert_range.h.
 *
 * The residual stream of the published models reaches thousands, and the squares that a norm sums
 * pass the largest float16. Halved a few times throughout, they do not; a power of two costs no
 * precision, and the weights of what is added to the stream take it in. How often depends on the
 * model: it is run here, as it is stored, on a sound made for that, without rounding.
 *
 * What decides are the longest and the flattest position that any norm has met. Speech goes not
 * much further than the sound does, for what is long in these networks is long for any sound. */
#include "coreml/convert/convert_range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "coreml/interpret/interpret.h"

enum { SECONDS = 2, STEPS = 12, NORMS_MAX = 4 * CONFIG_LAYERS_MAX, TENSORS_MAX = 8 };

/* The sum of the squares of a position is held by float16 up to a length of 256: a fourth is left
 * for what other sounds do. */
static const double LENGTH_MAX = 64;
/* The variance of a position stays a normal number of float16. */
static const double VARIANCE_MIN = 0x1p-14;
/* Beyond that, weights of ordinary size are no longer normal numbers of float16. */
enum { HALVINGS_MAX = 7 };

/* ------------------------------------------------------------------------------------- watching */

/* What the norms of a function have met. */
struct watch {
    const char *names[NORMS_MAX]; /* of the tensors that they take */
    size_t count;
    double length, variance; /* the largest, the smallest of a position */
};

static void watch_norms(struct watch *watch, const struct mil_block *block) {
    *watch = (struct watch){.variance = INFINITY};
    for (size_t i = 0; i < block->item_count && watch->count < NORMS_MAX; i++) {
        const struct mil_op *op = block->items[i].op;
        if (op && strcmp(op->type, "layer_norm") == 0)
            watch->names[watch->count++] = mil_op_value(op, "x")->name;
    }
}

/* x [1, channels, 1, positions] */
static void measure(struct watch *watch, const struct mil_tensor *x) {
    size_t channels = (size_t)x->type.dims[1], positions = (size_t)x->type.dims[3];
    for (size_t p = 0; p < positions; p++) {
        double sum = 0, squares = 0;
        for (size_t c = 0; c < channels; c++) {
            double value = (double)x->f[c * positions + p];
            sum += value;
            squares += value * value;
        }
        double mean = sum / (double)channels, variance = squares / (double)channels - mean * mean;
        if (!(sqrt(squares) <= watch->length)) watch->length = sqrt(squares); /* NaN too */
        if (!(variance >= watch->variance)) watch->variance = variance;
    }
}

static void look(void *user, const char *type, const struct mil_tensor *result) {
    struct watch *watch = user;
    (void)type;
    for (size_t i = 0; i < watch->count; i++)
        if (strcmp(watch->names[i], result->name) == 0) {
            measure(watch, result);
            return;
        }
}

/* -------------------------------------------------------------------------------------- running */

/* A function of the conversion, loaded, with its inputs and outputs by name. */
struct trial {
    struct mil_model *model;
    const struct mil_function *function;
    struct mil_machine *machine;
    struct mil_tensor inputs[TENSORS_MAX], outputs[TENSORS_MAX];
    float *memory; /* of the inputs */
    struct watch watch;
    const struct cancel *cancel;
};

static void trial_close(struct trial *trial) {
    mil_machine_free(trial->machine);
    mil_model_free(trial->model);
    free(trial->memory);
}

/* Inputs are 0. trial_close() in any case. */
static pst_status trial_open(struct trial *trial, const struct conversion *conversion,
                             const struct graph_shape *shape, int is_decoder, pst_error *err) {
    size_t count = 0;
    *trial = (struct trial){.model = mil_model_new(), .cancel = &conversion->merge.cancel};
    if (!trial->model) return error_memory(err, 0);
    struct graph g = convert_graph(conversion, trial->model);
    g.encoder_residual = g.decoder_residual = 1; /* nothing is limited, nothing scaled */
    (is_decoder ? graph_decoder : graph_encoder)(&g, "main", shape, 0);
    pst_status status = cancel_check(trial->cancel, err);
    if (!status) status = mil_model_check(trial->model, err);
    if (!status)
        status = mil_machine_new(&trial->machine, trial->model, "main", MIL_ROUND_NONE,
                                 convert_threads(conversion), err);
    if (status) return status;
    trial->function = trial->model->functions[0];
    for (size_t i = 0; i < trial->function->input_count; i++)
        count += mil_elements(&trial->function->inputs[i]->type);
    trial->memory = calloc(count ? count : 1, sizeof *trial->memory);
    if (!trial->memory) return error_memory(err, count * sizeof *trial->memory);
    float *at = trial->memory;
    for (size_t i = 0; i < trial->function->input_count; i++) {
        const struct mil_value *value = trial->function->inputs[i];
        trial->inputs[i] = (struct mil_tensor){.name = value->name, .type = value->type};
        if (mil_is_float(value->type.dtype))
            trial->inputs[i].f = at;
        else
            trial->inputs[i].i = (int32_t *)(void *)at;
        at += mil_elements(&value->type);
    }
    watch_norms(&trial->watch, trial->function->block);
    mil_machine_trace(trial->machine, look, &trial->watch);
    return PST_OK;
}

static struct mil_tensor *input_of(struct trial *trial, const char *name) {
    size_t i = 0;
    while (strcmp(trial->inputs[i].name, name) != 0) i++;
    return &trial->inputs[i];
}

static const struct mil_tensor *output_of(const struct trial *trial, const char *name) {
    size_t i = 0;
    while (strcmp(trial->function->block->outputs[i]->name, name) != 0) i++;
    return &trial->outputs[i];
}

static pst_status trial_run(struct trial *trial, pst_error *err) {
    pst_status status = cancel_check(trial->cancel, err);
    if (status) return status;
    return mil_machine_run(trial->machine, trial->inputs, trial->function->input_count,
                           trial->outputs, trial->function->block->output_count, err);
}

/* ------------------------------------------------------------------------------------ the sound */

/* A voice of 80 to 160 Hz with its overtones, cut into syllables, in some noise. */
static void make_sound(float *samples, size_t count) {
    const double turn = 6.283185307179586 / PST_SAMPLE_RATE_HZ;
    uint32_t noise = 1;
    double phase = 0;
    for (size_t i = 0; i < count; i++) {
        double voice = 0;
        phase += turn * (120 + 40 * sin(5 * turn * (double)i));
        for (int k = 1; k < 20; k++) voice += sin(phase * k) / k;
        noise = noise * 1664525u + 1013904223u; /* Knuth's and Lewis' */
        int spoken = sin(2 * turn * (double)i) > 0;
        samples[i] = (float)(0.1 * voice * spoken + 0.005 * ((double)noise / UINT32_MAX - 0.5));
    }
}

static pst_status hear(struct trial *encoder, const struct graph_shape *shape, pst_error *err) {
    struct mil_tensor *weights = input_of(encoder, "frame_weights");
    make_sound(input_of(encoder, "input_values")->f, shape->extent.samples);
    for (size_t i = 0; i < shape->extent.frames1; i++) weights->f[i] = 1;
    return trial_run(encoder, err);
}

/* Keeps the new column of a cache. */
static void keep(struct trial *decoder, const char *cache, const char *column, size_t position,
                 size_t slots) {
    const struct mil_tensor *fresh = output_of(decoder, column);
    struct mil_tensor *all = input_of(decoder, cache);
    for (size_t i = 0; i < mil_elements(&fresh->type); i++)
        all->f[i * slots + position] = fresh->f[i];
}

/* What the model says first to what it has heard. */
static pst_status say(struct trial *decoder, const struct trial *encoder,
                      const struct graph_shape *shape, pst_error *err) {
    struct mil_tensor *mask = input_of(decoder, "cross_mask");
    int32_t token = shape->start;
    pst_status status = PST_OK;
    input_of(decoder, "cross_k")->f = output_of(encoder, "cross_k")->f;
    input_of(decoder, "cross_v")->f = output_of(encoder, "cross_v")->f;
    for (size_t i = shape->extent.frames; i < (size_t)shape->memory; i++) mask->f[i] = GRAPH_MASKED;
    for (int32_t position = 0; position < STEPS && position < shape->slots && !status; position++) {
        *input_of(decoder, "input_ids")->i = token;
        *input_of(decoder, "position")->i = position;
        status = trial_run(decoder, err);
        if (status) break;
        const struct mil_tensor *logits = output_of(decoder, "logits");
        token = 0;
        for (size_t i = 0; i < mil_elements(&logits->type); i++)
            if (logits->f[i] > logits->f[token]) token = (int32_t)i;
        keep(decoder, "self_k", "new_k", (size_t)position, (size_t)shape->slots);
        keep(decoder, "self_v", "new_v", (size_t)position, (size_t)shape->slots);
    }
    return status;
}

/* ------------------------------------------------------------------------------------ the scale */

/* As few halvings as will do; 0: none will. */
static float scale_for(const struct watch *watch) {
    float scale = 1;
    for (int i = 0; i <= HALVINGS_MAX; i++, scale /= 2)
        if (watch->length * (double)scale <= LENGTH_MAX)
            return watch->variance * (double)(scale * scale) >= VARIANCE_MIN ? scale : 0;
    return 0;
}

static void scale_linear(const struct conversion *conversion, const struct linear *linear,
                         float scale) {
    if (scale > 0 && scale < 1)
        stored_module_scale(&conversion->weights.modules[linear->slot], scale);
}

static void scale_weights(const struct conversion *conversion) {
    const struct config *config = &conversion->merge.model->config;
    const struct weights *weights = &conversion->merge.model->weights;
    for (uint32_t i = 0; i < config->encoder_layers; i++) {
        const struct encoder_layer *layer = &weights->encoder_layers[i];
        scale_linear(conversion, &layer->self_attn.o_proj, conversion->encoder_residual);
        scale_linear(conversion, &layer->fc2, conversion->encoder_residual);
    }
    for (uint32_t i = 0; i < config->decoder_layers; i++) {
        const struct decoder_layer *layer = &weights->decoder_layers[i];
        scale_linear(conversion, &layer->self_attn.o_proj, conversion->decoder_residual);
        scale_linear(conversion, &layer->encoder_attn.o_proj, conversion->decoder_residual);
        scale_linear(conversion, &layer->fc2, conversion->decoder_residual);
    }
}

pst_status convert_scale_residual(struct conversion *conversion, pst_error *err) {
    struct graph_shape shape = convert_shape_of(conversion, SECONDS);
    struct trial encoder = {0}, decoder = {0};
    /* Scales of int8 are small already. The streaming family begins its stream elsewhere. */
    if (conversion->options->precision == PST_CONVERT_FLOAT32 ||
        conversion->precision->weights == WEIGHTS_INT8 ||
        conversion->merge.model->config.family != FAMILY_MOONSHINE)
        return PST_OK;
    shape.state = shape.token = shape.blocks = 0;
    pst_status status = trial_open(&encoder, conversion, &shape, 0, err);
    if (!status) status = hear(&encoder, &shape, err);
    if (!status) status = trial_open(&decoder, conversion, &shape, 1, err);
    if (!status) status = say(&decoder, &encoder, &shape, err);
    if (!status) status = cancel_check(&conversion->merge.cancel, err);
    if (!status) {
        conversion->encoder_residual = scale_for(&encoder.watch);
        conversion->decoder_residual = scale_for(&decoder.watch);
        scale_weights(conversion);
    }
    trial_close(&encoder);
    trial_close(&decoder);
    return status;
}
