/* op_recurrent.c - the LSTM: gates in the order input, forget, output, cell. */
#include <stdlib.h>

#include "coreml/ops/op.h"

enum activation { TANH, SIGMOID, RELU, LINEAR };

static float activate(int activation, float x) {
    switch (activation) {
    case TANH: return tanhf(x);
    case SIGMOID: return 1.0f / (1.0f + expf(-x));
    case RELU: return x > 0 ? x : 0;
    default: return x;
    }
}

/* The weights of one direction. */
struct cell {
    const float *ih, *hh, *bias, *peephole; /* [4, hidden, in], [4, hidden, hidden], [4, hidden] or
                                               NULL, [3, hidden] or NULL */
};

struct lstm {
    const struct mil_tensor *x; /* [steps, batch, in] */
    size_t steps, batch, in, hidden, directions;
    struct cell cells[2];
    int first_reversed;   /* the only direction is backward */
    int gates, cell, out; /* activations */
    float clip;
    int sequence;
};

/* A matrix of [4 * hidden, columns], or NULL. */
static pst_status read_weights(struct op_call *call, const struct lstm *lstm, const char *name,
                               const char *suffix, uint32_t rank, size_t rows, size_t columns,
                               const float **weights) {
    char full[32];
    size_t length = strlen(name), more = strlen(suffix);
    memcpy(full, name, length);
    memcpy(full + length, suffix, more + 1);
    const struct mil_tensor *tensor;
    pst_status status = op_optional(call, full, 1, &tensor);
    *weights = NULL;
    if (status || tensor == NULL) return status;
    if (tensor->type.rank != rank || (size_t)tensor->type.dims[0] != rows * lstm->hidden ||
        (rank == 2 && (size_t)tensor->type.dims[1] != columns))
        return op_error(call, PST_ERR_MODEL, "%s has not the shape of the states", full);
    *weights = tensor->f;
    return PST_OK;
}

static pst_status read_cell(struct op_call *call, const struct lstm *lstm, const char *suffix,
                            struct cell *cell) {
    pst_status status = read_weights(call, lstm, "weight_ih", suffix, 2, 4, lstm->in, &cell->ih);
    if (status == PST_OK)
        status = read_weights(call, lstm, "weight_hh", suffix, 2, 4, lstm->hidden, &cell->hh);
    if (status == PST_OK) status = read_weights(call, lstm, "bias", suffix, 1, 4, 0, &cell->bias);
    if (status == PST_OK)
        status = read_weights(call, lstm, "peephole", suffix, 1, 3, 0, &cell->peephole);
    if (status) return status;
    return cell->ih && cell->hh ? PST_OK : op_error(call, PST_ERR_MODEL, "needs weights");
}

static pst_status read_lstm(struct op_call *call, struct lstm *lstm, const struct mil_tensor *h,
                            const struct mil_tensor *c) {
    static const char activations[] = "tanh|sigmoid|relu|linear";
    const struct mil_type *x = &lstm->x->type, *state = &h->type;
    int direction = 0;
    int32_t sequence = 0;
    lstm->gates = SIGMOID;
    lstm->clip = INFINITY;
    pst_status status = op_choice(call, "direction", "forward|reverse|bidirectional", &direction);
    if (status == PST_OK)
        status = op_choice(call, "recurrent_activation", activations, &lstm->gates);
    if (status == PST_OK) status = op_choice(call, "cell_activation", activations, &lstm->cell);
    if (status == PST_OK) status = op_choice(call, "activation", activations, &lstm->out);
    if (status == PST_OK) status = op_float(call, "clip", &lstm->clip);
    if (status == PST_OK) status = op_int(call, "output_sequence", &sequence);
    if (status) return status;
    lstm->sequence = sequence != 0;
    lstm->first_reversed = direction == 1;
    lstm->directions = direction == 2 ? 2 : 1;
    if (x->rank != 3 || state->rank != 2 || x->dims[1] != state->dims[0] ||
        (size_t)state->dims[1] % lstm->directions || !mil_type_equal(state, &c->type) ||
        x->dims[0] == 0 || state->dims[1] == 0)
        return op_error(call, PST_ERR_MODEL, "the shapes of x and the states do not fit");
    lstm->steps = (size_t)x->dims[0];
    lstm->batch = (size_t)x->dims[1];
    lstm->in = (size_t)x->dims[2];
    lstm->hidden = (size_t)state->dims[1] / lstm->directions;
    status = read_cell(call, lstm, "", &lstm->cells[0]);
    if (status == PST_OK && lstm->directions == 2)
        status = read_cell(call, lstm, "_back", &lstm->cells[1]);
    return status;
}

static float dot(const float *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* One step of one row: h and c [hidden] become the next; gates [4, hidden] is scratch. */
static void step_cell(const struct lstm *lstm, const struct cell *cell, const float *x, float *h,
                      float *c, float *gates) {
    size_t hidden = lstm->hidden;
    const float *peephole = cell->peephole;
    for (size_t g = 0; g < 4 * hidden; g++)
        gates[g] = (cell->bias ? cell->bias[g] : 0) + dot(cell->ih + g * lstm->in, x, lstm->in) +
                   dot(cell->hh + g * hidden, h, hidden);
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

/* All steps of direction d; y [steps or 1, batch, directions * hidden], h and c the final states. */
static void run_direction(const struct lstm *lstm, size_t d, float *y, float *h, float *c,
                          float *gates) {
    size_t width = lstm->directions * lstm->hidden, row = lstm->batch * width;
    int reversed = d == 1 || lstm->first_reversed;
    for (size_t t = 0; t < lstm->steps; t++) {
        size_t at = reversed ? lstm->steps - 1 - t : t;
        for (size_t b = 0; b < lstm->batch; b++) {
            size_t place = b * width + d * lstm->hidden;
            const float *x = lstm->x->f + (at * lstm->batch + b) * lstm->in;
            step_cell(lstm, &lstm->cells[d], x, h + place, c + place, gates);
            memcpy(y + (lstm->sequence ? at * row : 0) + place, h + place,
                   lstm->hidden * sizeof *y);
        }
    }
}

static pst_status run_lstm(struct op_call *call) {
    const struct mil_tensor *h, *c;
    struct lstm lstm = {0};
    struct mil_tensor *y;
    float *gates;
    pst_status status = op_floats(call, "x", &lstm.x);
    if (status == PST_OK) status = op_floats(call, "initial_h", &h);
    if (status == PST_OK) status = op_floats(call, "initial_c", &c);
    if (status == PST_OK) status = read_lstm(call, &lstm, h, c);
    if (status) return status;
    struct mil_type type = lstm.x->type;
    type.dims[0] = lstm.sequence ? (int64_t)lstm.steps : 1;
    type.dims[2] = h->type.dims[1];
    status = op_output(call, 0, &type, &y);
    if (status == PST_OK) status = op_copy(call, 1, h, &h->type);
    if (status == PST_OK) status = op_copy(call, 2, c, &c->type);
    if (status == PST_OK)
        status = op_work(call, lstm.steps * lstm.batch * lstm.directions, 4 * lstm.hidden,
                         lstm.in + lstm.hidden);
    if (status == PST_OK) status = op_floats_new(call, 4 * lstm.hidden, &gates);
    if (status) return status;
    for (size_t d = 0; d < lstm.directions; d++)
        run_direction(&lstm, d, y->f, call->step->outputs[1]->tensor.f,
                      call->step->outputs[2]->tensor.f, gates);
    free(gates);
    return PST_OK;
}

const struct op_entry op_recurrent_entries[] = {
    {"lstm", run_lstm, 0, 0},
    {0},
};
