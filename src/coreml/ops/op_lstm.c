/* op_lstm.c - the LSTM in one direction: gates in the order input, forget, output, cell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coreml/ops/op.h"
#include "coreml/ops/tensor_walk.h"

enum activation { TANH, SIGMOID, RELU, LINEAR };

static const char activations[] = "tanh|sigmoid|relu|linear";

static int infer_lstm(struct op_call *call) {
    const struct mil_type *x = op_type(call, "x"), *hidden = op_type(call, "weight_hh");
    const struct mil_type *input = op_type(call, "weight_ih");
    int64_t size = hidden->dims[1];
    struct mil_type state = {.dtype = x->dtype, .rank = 2, .dims = {x->dims[1], size}};
    struct mil_type sequence = {.dtype = x->dtype, .rank = 3, .dims = {1, x->dims[1], size}};
    if (strcmp(op_text(call, "direction"), "bidirectional") == 0)
        return op_refuse(call, "two directions are not checked by this version");
    if (op_choice(call, "direction", "forward|reverse") < 0 ||
        op_choice(call, "recurrent_activation", activations) < 0 ||
        op_choice(call, "cell_activation", activations) < 0 ||
        op_choice(call, "activation", activations) < 0)
        return 0;
    if (hidden->dims[0] != 4 * size || input->dims[0] != 4 * size ||
        (x->dims[2] >= 0 && input->dims[1] != x->dims[2]))
        return op_refuse(call, "weight_ih and weight_hh are not [4H, %lld] and [4H, H]",
                         (long long)x->dims[2]);
    if (x->dims[0] == 0) return op_refuse(call, "x has no step");
    if (!op_has_length(call, "bias", 4 * size) || !op_has_length(call, "peephole", 3 * size))
        return 0;
    if (!mil_types_agree(&state, op_type(call, "initial_h")) ||
        !mil_types_agree(&state, op_type(call, "initial_c")))
        return op_refuse(call, "initial_h or initial_c is not [batch, %lld]", (long long)size);
    if (op_int(call, "output_sequence", 0) != 0) sequence.dims[0] = x->dims[0];
    return op_give(call, sequence) && op_give(call, state) && op_give(call, state);
}

struct lstm {
    size_t in, hidden;
    const struct mil_tensor *ih, *hh;         /* [4, hidden, in], [4, hidden, hidden] */
    const struct mil_tensor *bias, *peephole; /* [4, hidden] or NULL, [3, hidden] or NULL */
    int gates, cell, out;                     /* activations */
    float clip;
};

static float activate(int activation, float x) {
    switch (activation) {
    case TANH: return tanhf(x);
    case SIGMOID: return 1.0f / (1.0f + expf(-x));
    case RELU: return x > 0 ? x : 0;
    default: return x;
    }
}

static float dot(const float *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* One step of one row: h and c [hidden] become the next; gates [4, hidden] is scratch. */
static void step_cell(const struct lstm *lstm, const float *x, float *h, float *c, float *gates) {
    size_t hidden = lstm->hidden;
    const float *peephole = lstm->peephole ? lstm->peephole->f : NULL;
    for (size_t g = 0; g < 4 * hidden; g++)
        gates[g] = (lstm->bias ? lstm->bias->f[g] : 0) +
                   dot(lstm->ih->f + g * lstm->in, x, lstm->in) +
                   dot(lstm->hh->f + g * hidden, h, hidden);
    for (size_t i = 0; i < hidden; i++) {
        float input = gates[i], forget = gates[hidden + i], output = gates[2 * hidden + i];
        if (peephole) {
            input += peephole[i] * c[i];
            forget += peephole[hidden + i] * c[i];
        }
        float next = activate(lstm->gates, forget) * c[i] +
                     activate(lstm->gates, input) * activate(lstm->cell, gates[3 * hidden + i]);
        next = fminf(fmaxf(next, -lstm->clip), lstm->clip);
        if (peephole) output += peephole[2 * hidden + i] * next;
        c[i] = next;
        h[i] = activate(lstm->gates, output) * activate(lstm->out, next);
    }
}

/* x [steps, batch, in], y [steps or 1, batch, hidden], the final states h and c [batch, hidden] */
static pst_status run_lstm(struct op_call *call) {
    const struct mil_tensor *x = op_tensor(call, "x");
    struct mil_tensor *y = op_result(call, 0), *h = op_result(call, 1), *c = op_result(call, 2);
    struct lstm lstm = {.in = (size_t)x->type.dims[2],
                        .hidden = (size_t)h->type.dims[1],
                        .ih = op_tensor(call, "weight_ih"),
                        .hh = op_tensor(call, "weight_hh"),
                        .bias = op_tensor(call, "bias"),
                        .peephole = op_tensor(call, "peephole"),
                        .gates = op_choice(call, "recurrent_activation", activations),
                        .cell = op_choice(call, "cell_activation", activations),
                        .out = op_choice(call, "activation", activations),
                        .clip = op_float(call, "clip", INFINITY)};
    size_t steps = (size_t)x->type.dims[0], batch = (size_t)x->type.dims[1];
    int reverse = strcmp(op_text(call, "direction"), "reverse") == 0;
    int sequence = op_int(call, "output_sequence", 0) != 0;
    float *gates;
    pst_status status = op_work(call, steps * batch, 4 * lstm.hidden, lstm.in + lstm.hidden);
    if (status == PST_OK) status = op_floats_new(call, 4 * lstm.hidden, &gates);
    if (status) return status;
    tensor_copy(h, op_tensor(call, "initial_h"));
    tensor_copy(c, op_tensor(call, "initial_c"));
    for (size_t t = 0; t < steps; t++) {
        size_t at = reverse ? steps - 1 - t : t;
        for (size_t b = 0; b < batch; b++)
            step_cell(&lstm, x->f + (at * batch + b) * lstm.in, h->f + b * lstm.hidden,
                      c->f + b * lstm.hidden, gates);
        tensor_move(y, sequence ? at * batch * lstm.hidden : 0, h, 0, batch * lstm.hidden);
    }
    free(gates);
    return PST_OK;
}

const struct op_row op_lstm_rows[] = {
    {"lstm", 6,
     "x F3, initial_h F2, initial_c F2, weight_ih! F2, weight_hh! F2, bias?! F1, peephole?! F1, "
     "direction! s0, output_sequence! b0, recurrent_activation! s0, cell_activation! s0, "
     "activation! s0, clip?! F0",
     infer_lstm, run_lstm, 0, 0},
    {0},
};
