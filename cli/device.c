/* device.c - see device.h. */
#include "device.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "console.h"

const char *device_name(enum device device) {
    static const char *const names[] = {"auto", "cpu", "mil", "coreml", "mps", "cuda"};
    return names[device];
}

static int has(const char *folder, const char *name) {
    struct stat st;
    char *path = text_format("%s/%s", folder, name);
    int found = stat(path, &st) == 0;
    free(path);
    return found;
}

/* A folder of packages, or a package. */
static int is_converted(const char *model) {
    return model && (has(model, "potstill.json") || has(model, "Manifest.json"));
}

int device_is_package(enum device device) {
    return device == DEVICE_MIL || device == DEVICE_COREML || device == DEVICE_MPS;
}

int device_settle(const char *command, enum device chosen, const char *model, enum device *device) {
    int converted = is_converted(model);
    *device = chosen;
    if (chosen == DEVICE_CUDA)
        return fail(
            EXIT_ENVIRONMENT,
            "%s: --device cuda: this program computes on the cpu, with the vector "
            "instructions it finds there, and on Apple's devices; use --device cpu or leave "
            "the option out",
            command);
    if ((chosen == DEVICE_COREML || chosen == DEVICE_MPS) &&
        pst_device_check(PST_DEVICE_COREML, NULL))
        return fail(EXIT_ENVIRONMENT,
                    "%s: --device %s needs macOS; --device mil runs the same packages here, "
                    "--device cpu the model they were made from",
                    command, device_name(chosen));
    if (chosen == DEVICE_AUTO) *device = converted ? DEVICE_MIL : DEVICE_CPU;
    if (device_is_package(*device) && !converted)
        return fail(EXIT_MODEL,
                    "%s: --device %s runs what potstill convert makes: name its folder or package "
                    "as the model%s%s",
                    command, device_name(*device), model ? ", not " : "", model ? model : "");
    if (*device == DEVICE_CPU && converted)
        return fail(
            EXIT_MODEL,
            "%s: %s is a converted model: the cpu needs the model it was made from, --device "
            "mil runs its packages",
            command, model);
    return 0;
}

int device_units(const char *command, enum device device, int chosen, pst_compute_units *units) {
    *units = device == DEVICE_MPS ? PST_UNITS_GPU : (pst_compute_units)chosen;
    if (chosen == PST_UNITS_ALL || device == DEVICE_COREML) return 0;
    return fail(EXIT_USAGE, "%s: --compute-units is for --device coreml", command);
}

int device_has_checkpoint(const char *model) {
    return has(model, "config.json") && has(model, "model.safetensors");
}
