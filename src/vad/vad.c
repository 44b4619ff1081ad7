/* vad.c - see vad.h. */
#include "vad/vad.h"

#include <stdlib.h>

#include "base/error.h"
#include "vad/energy.h"
#include "vad/silero.h"

struct vad_weights {
    struct silero_weights silero;
};

struct vad {
    int is_silero;
    struct silero silero;
    struct energy energy;
};

pst_status vad_weights_open(struct vad_weights **weights, const char *path, pst_error *err) {
    struct vad_weights *made = malloc(sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    pst_status status = silero_weights_open(&made->silero, path, err);
    if (status) {
        free(made);
        return status;
    }
    *weights = made;
    return PST_OK;
}

void vad_weights_free(struct vad_weights *weights) {
    if (!weights) return;
    silero_weights_free(&weights->silero);
    free(weights);
}

pst_status vad_new(struct vad **vad, const struct vad_weights *weights, pst_cpu cpu,
                   pst_error *err) {
    const struct kernels *kernels;
    pst_status status = kernels_get(&kernels, cpu, err);
    if (status) return status;
    struct vad *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    made->is_silero = weights != NULL;
    if (weights)
        status = silero_init(&made->silero, &weights->silero, kernels, err);
    else
        energy_init(&made->energy);
    if (status) {
        vad_free(made);
        return status;
    }
    *vad = made;
    return PST_OK;
}

void vad_free(struct vad *vad) {
    if (!vad) return;
    silero_free(&vad->silero);
    free(vad);
}

const char *vad_name(const struct vad *vad) {
    return vad->is_silero ? "silero" : "energy";
}

void vad_reset(struct vad *vad) {
    if (vad->is_silero)
        silero_reset(&vad->silero);
    else
        energy_reset(&vad->energy);
}

void vad_probabilities(struct vad *vad, const float *samples, size_t count, float *out) {
    if (vad->is_silero) {
        silero_run(&vad->silero, samples, count, out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = energy_probability(&vad->energy, samples + i * VAD_FRAME);
}

float vad_probability(struct vad *vad, const float *samples) {
    float out;
    vad_probabilities(vad, samples, 1, &out);
    return out;
}
