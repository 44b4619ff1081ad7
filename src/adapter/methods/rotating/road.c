/* road.c - RoAd: the outputs are rotated and scaled in pairs, the bias included.
 *
 * Outputs are taken in groups; the first half of a group is paired with the second. For a pair
 * (p, q) of outputs, with c = alpha cos(theta) and s = alpha sin(theta) of each:
 *
 *     y'p = c[p] yp - s[p] yq      y'q = c[q] yq + s[q] yp
 *
 *     road_1   theta and alpha [out / 2]: one of each a pair
 *     road_2   [out]: one an output
 *     road_4   [2 out]: in each group first those of c, then those of s */
#include <math.h>
#include <string.h>

#include "adapter/adapter_change.h"
#include "adapter/methods/methods.h"
#include "base/error.h"
#include "model/model.h"

struct turn {
    size_t group, half;
    int variant; /* 1, 2 or 4 */
    const float *theta, *alpha;
};

static pst_status read_turn(const struct adapter_walk *walk, const struct module *module,
                            struct turn *turn, pst_error *err) {
    const struct json_file *file = &walk->config->file;
    const char *variant = "road_1"; /* PEFT's defaults */
    int64_t group = 64;
    pst_status status = json_get_text(file->root, file->path, "variant", &variant, err);
    if (!status)
        status = json_get_int(file->root, file->path, "group_size", 1, 1 << 20, &group, err);
    if (status) return status;
    *turn = (struct turn){.group = (size_t)group, .half = (size_t)group / 2};
    for (int i = 1; i <= 4; i *= 2) {
        const char digit[] = {(char)('0' + i), '\0'};
        if (strncmp(variant, "road_", 5) == 0 && strcmp(variant + 5, digit) == 0) turn->variant = i;
    }
    if (!turn->variant)
        return error_set(err, PST_ERR_MODEL,
                         "%s: variant is \"%s\", expected \"road_1\", \"road_2\" or \"road_4\"",
                         file->path, variant);
    if (group % 2 || module->out % turn->group)
        return error_set(err, PST_ERR_MODEL,
                         "%s: group_size is %zu, expected an even number that divides the %u "
                         "outputs of %s (PEFT refuses it too)",
                         file->path, turn->group, module->out, module->name);
    return PST_OK;
}

/* c and s of an output. */
static void factors(const struct turn *turn, size_t output, double *c, double *s) {
    size_t group = output / turn->group, in_group = output % turn->group;
    size_t at_c = output, at_s;
    if (turn->variant == 1) at_c = group * turn->half + in_group % turn->half;
    if (turn->variant == 4) at_c = 2 * group * turn->group + in_group;
    at_s = turn->variant == 4 ? at_c + turn->group : at_c;
    *c = turn->alpha[at_c] * cos((double)turn->theta[at_c]);
    *s = turn->alpha[at_s] * sin((double)turn->theta[at_s]);
}

/* The output that an output is paired with; *sign is that of s. */
static size_t partner(const struct turn *turn, size_t output, int *sign) {
    int first = output % turn->group < turn->half;
    *sign = first ? -1 : 1;
    return first ? output + turn->half : output - turn->half;
}

static pst_status turn_bias(struct adapter_walk *walk, uint32_t slot, const struct turn *turn,
                            pst_error *err) {
    struct effect *effect = &walk->build.adapter->effects[slot];
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    const float *bias = effect->bias ? effect->bias : module->bias;
    pst_status status = PST_OK;
    if (!bias) return PST_OK;
    float *turned = adapter_build_own(&walk->build, module->out, sizeof *turned, &status, err);
    for (size_t o = 0; turned && o < module->out; o++) {
        double c, s;
        int sign;
        size_t other = partner(turn, o, &sign);
        factors(turn, o, &c, &s);
        turned[o] = (float)(c * bias[o] + sign * s * bias[other]);
    }
    effect->bias = turned;
    return status;
}

static pst_status apply(struct adapter_walk *walk, uint32_t slot, pst_error *err) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    struct turn turn;
    int complete;
    pst_status status = read_turn(walk, module, &turn, err);
    if (status) return status;
    size_t size = (size_t)module->out * (size_t)turn.variant / 2;
    struct part parts[] = {{.name = "road_theta", .dims = 1, .shape = {size}},
                           {.name = "road_alpha", .dims = 1, .shape = {size}}};
    status = adapter_walk_take(walk, module, parts, 2, &complete, err);
    if (status || !complete) return status;
    turn.theta = parts[0].values;
    turn.alpha = parts[1].values;
    float *weight = change_new(walk, slot, &status, err);
    if (!weight) return status;
    for (size_t o = 0; o < module->out; o++) {
        double c, s;
        int sign;
        size_t other = partner(&turn, o, &sign);
        factors(&turn, o, &c, &s);
        for (size_t i = 0; i < module->in; i++)
            weight[o * module->in + i] = (float)(c * change_base(walk, slot, o, i) +
                                                 sign * s * change_base(walk, slot, other, i));
    }
    status = change_use_weight(walk, slot, weight, err);
    return status ? status : turn_bias(walk, slot, &turn, err);
}

const struct adapter_method ROAD_METHOD = {
    .kinds = 1u << MODULE_LINEAR, .apply = apply, .missing = "nothing"};
