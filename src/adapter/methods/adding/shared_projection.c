/* shared_projection.c - see shared_projection.h. */
#include "adapter/methods/adding/shared_projection.h"

#include <string.h>

#include "base/error.h"
#include "model/model.h"

void shared_projection_sizes(const struct adapter_walk *walk, size_t *out, size_t *in) {
    const struct weights *weights = &walk->build.adapter->model->weights;
    *out = *in = 0;
    for (uint32_t i = 0; i < weights->module_count; i++) {
        const struct module *module = &weights->modules[i];
        if (!walk->targets[i].rank || module->kind != MODULE_LINEAR) continue;
        if (module->out > *out) *out = module->out;
        if (module->in > *in) *in = module->in;
    }
}

static pst_status take(struct adapter_walk *walk, const struct part *part, int which,
                       pst_error *err) {
    const char *path = walk->build.adapter->file.path;
    const struct tensor *tensor = adapter_build_find_shared(&walk->build, part->name);
    char is[128], needed[128];
    if (!tensor)
        return error_set(err, PST_ERR_MODEL, "%s: has no %s (PEFT does not load it either)", path,
                         part->name);
    if (!tensor_has_shape(tensor, part->dims, part->shape))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is %s, the base model and adapter_config.json need %s", path,
                         part->name, tensor_shape_text(tensor, is),
                         shape_text(part->dims, part->shape, needed));
    walk->shared_tensors[which] = tensor;
    memcpy(walk->shared_shapes[which], part->shape, sizeof walk->shared_shapes[which]);
    return adapter_build_floats(&walk->build, tensor, &walk->shared[which], err);
}

pst_status shared_projection_take(struct adapter_walk *walk, const struct part parts[2],
                                  pst_error *err) {
    const struct json_file *file = &walk->config->file;
    int saved = 1; /* PEFT's default */
    pst_status status = json_get_bool(file->root, file->path, "save_projection", &saved, err);
    if (!status && !saved)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: save_projection is false: the file lacks matrices that PEFT draws "
                         "anew from torch's random numbers; in Python, "
                         "model.merge_and_unload().save_pretrained(DIR) makes a model that can be "
                         "used",
                         file->path);
    for (int i = 0; i < 2 && !status; i++) status = take(walk, &parts[i], i, err);
    return status;
}
