/* few_modules.h - a model of nine modules, enough for adapters to be right or wrong about.
 *
 * One module of each kind, a linear one with as many inputs as outputs and one without, a bias, and
 * two layers whose numbers differ in digits. There is no network behind it. */
#ifndef TESTS_FEW_MODULES_H
#define TESTS_FEW_MODULES_H

#include <stdio.h>

#include "model/model.h"

enum { FEW_MODULES = 9, FEW_DIM = 4, FEW_FFN = 6, FEW_VOCAB = 8 };

struct few_modules {
    struct pst_model model;
    struct module modules[FEW_MODULES];
    float weight[FEW_DIM * FEW_VOCAB * 3]; /* shared by all; ones, so that norms are known */
};

static inline void few_modules_init(struct few_modules *few) {
    static char names[FEW_MODULES][48] = {
        "model.encoder.conv1",
        "model.encoder.layers.0.self_attn.q_proj",
        "model.encoder.layers.0.mlp.fc1",
        "model.encoder.layer_norm",
        "model.decoder.embed_tokens",
        "model.decoder.layers.0.encoder_attn.v_proj",
        "model.decoder.layers.10.encoder_attn.v_proj",
        "model.decoder.layers.10.mlp.fc2",
        "proj_out",
    };
    static const struct {
        enum module_kind kind;
        uint32_t out, in, kernel;
    } shapes[FEW_MODULES] = {
        {MODULE_CONV1D, FEW_DIM, 1, 3},
        {MODULE_LINEAR, FEW_DIM, FEW_DIM, 0},
        {MODULE_LINEAR, FEW_FFN, FEW_DIM, 0},
        {MODULE_NORM, FEW_DIM, 0, 0},
        {MODULE_EMBEDDING, FEW_VOCAB, FEW_DIM, 0},
        {MODULE_LINEAR, FEW_DIM, FEW_DIM, 0},
        {MODULE_LINEAR, FEW_DIM, FEW_DIM, 0},
        {MODULE_LINEAR, FEW_DIM, FEW_FFN, 0},
        {MODULE_LINEAR, FEW_VOCAB, FEW_DIM, 0},
    };
    *few = (struct few_modules){0};
    for (size_t i = 0; i < sizeof few->weight / sizeof *few->weight; i++) few->weight[i] = 1;
    for (int i = 0; i < FEW_MODULES; i++) {
        few->modules[i] = (struct module){.kind = shapes[i].kind,
                                          .weight = few->weight,
                                          .out = shapes[i].out,
                                          .in = shapes[i].in,
                                          .kernel = shapes[i].kernel,
                                          .part = "weight"};
        snprintf(few->modules[i].name, MODULE_NAME_MAX, "%.*s", MODULE_NAME_MAX - 1, names[i]);
    }
    few->model.weights.modules = few->modules;
    few->model.weights.module_count = FEW_MODULES;
    few->model.weights.embed_tokens.slot = 4;
    few->model.weights.proj_out.slot = FEW_MODULES - 1;
}

#endif
