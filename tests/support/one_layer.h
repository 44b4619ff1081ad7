/* one_layer.h - a model of one decoder layer's self-attention, as far as adapters of Moonshine's
 * own trainer touch it. There is no network behind it. */
#ifndef TESTS_ONE_LAYER_H
#define TESTS_ONE_LAYER_H

#include <stdio.h>

#include "model/model.h"

enum { ONE_DIM = 3, ONE_WIDTH = 4 };

struct one_layer {
    struct pst_model model;
    struct module modules[4];
    float weight[ONE_WIDTH * ONE_DIM];
};

static inline void one_layer_init(struct one_layer *one) {
    static const char *const roles[] = {"q_proj", "k_proj", "v_proj", "o_proj"};
    *one = (struct one_layer){0};
    for (int i = 0; i < 4; i++) {
        one->modules[i] = (struct module){
            .kind = MODULE_LINEAR, .weight = one->weight, .out = ONE_WIDTH, .in = ONE_DIM};
        snprintf(one->modules[i].name, MODULE_NAME_MAX, "model.decoder.layers.0.self_attn.%s",
                 roles[i]);
    }
    one->model.config.decoder_layers = 1;
    one->model.weights.modules = one->modules;
    one->model.weights.module_count = 4;
}

#endif
