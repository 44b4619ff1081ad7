/* vera.c - VeRA and PVeRA: two vectors a module around matrices that all modules share.
 *
 *     delta = (lambda_b . B) (lambda_d . A)       by row: A [rank, in], B [out, rank]
 *
 * PVeRA learns a mean and a variance: A and lambda_d have twice the rank, of which the first half
 * is the mean. The rest is for sampling, which inference does not do. */
#include "adapter/adapter_change.h"
#include "adapter/methods/adding/shared_projection.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

static int is_pvera(const struct adapter_walk *walk) {
    return walk->config->method == PEFT_PVERA;
}

static size_t rows_of_a(const struct adapter_walk *walk) {
    size_t rank = walk->config->selection.r;
    return is_pvera(walk) ? 2 * rank : rank;
}

static pst_status start(struct adapter_walk *walk, pst_error *err) {
    const struct json_file *file = &walk->config->file;
    size_t rank = walk->config->selection.r, out, in;
    int samples = 0;
    shared_projection_sizes(walk, &out, &in);
    const struct part parts[2] = {
        {.name = is_pvera(walk) ? "base_model.pvera_A" : "base_model.vera_A",
         .dims = 2,
         .shape = {rows_of_a(walk), in}},
        {.name = is_pvera(walk) ? "base_model.pvera_B" : "base_model.vera_B",
         .dims = 2,
         .shape = {out, rank}}};
    pst_status status = json_get_bool(file->root, file->path, "sample_at_inference", &samples, err);
    if (!status && samples && is_pvera(walk))
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: sample_at_inference is true: every answer would be another; set it "
                         "to false, which uses the mean",
                         file->path);
    return status ? status : shared_projection_take(walk, parts, err);
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t rank = walk->config->selection.r, out = module->out, in = module->in;
    struct part parts[] = {
        {.name = is_pvera(walk) ? "pvera_lambda_b" : "vera_lambda_b", .dims = 1, .shape = {out}},
        {.name = is_pvera(walk) ? "pvera_lambda_d" : "vera_lambda_d",
         .dims = 1,
         .shape = {rows_of_a(walk)}}};
    int complete;
    pst_status status = adapter_walk_take(walk, module, parts, 2, &complete, err);
    if (status || !complete) return status;
    float *a = adapter_build_own(&walk->build, rank * in, sizeof *a, &status, err);
    float *b = a ? adapter_build_own(&walk->build, rank * out, sizeof *b, &status, err) : NULL;
    if (!b) return status;
    for (size_t i = 0; i < rank * in; i++)
        a[i] =
            parts[1].values[i / in] * walk->shared[0][i / in * walk->shared_shapes[0][1] + i % in];
    for (size_t i = 0; i < rank * out; i++) b[i] = parts[0].values[i / rank] * walk->shared[1][i];
    return change_use_product(walk, slot, rank, a, b, 1, err);
}

const struct adapter_method VERA_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .start = start, .apply = apply, .missing = "nothing"};
