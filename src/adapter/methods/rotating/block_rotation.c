/* block_rotation.c - see block_rotation.h. */
#include "adapter/methods/rotating/block_rotation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/adapter_change.h"
#include "base/error.h"
#include "model/model.h"

pst_status block_rotation_new(struct block_rotation *rotation, size_t size, size_t count,
                              pst_error *err) {
    *rotation = (struct block_rotation){.size = size, .count = count};
    rotation->blocks = calloc(count * size * size, sizeof *rotation->blocks);
    return rotation->blocks ? PST_OK
                            : error_memory(err, count * size * size * sizeof *rotation->blocks);
}

void block_rotation_free(struct block_rotation *rotation) {
    free(rotation->blocks);
    *rotation = (struct block_rotation){0};
}

/* out = x y, all [n, n]. */
static void multiply(const double *x, const double *y, size_t n, double *out) {
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; j < n; j++) out[i * n + j] += x[i * n + k] * y[k * n + j];
}

/* The series as PEFT sums it. Five terms are I + 2 S + 2 S^2 + 2 S^3 + S^4: the last counts once.
 * Three are the same as four. */
static void series(double *block, size_t n, size_t terms, double *work) {
    double *power = work, *next = work + n * n, *sum = work + 2 * n * n;
    memset(sum, 0, n * n * sizeof *sum);
    if (terms == 3) terms = 4;
    for (size_t i = 0; i < n; i++) sum[i * n + i] = 1;
    if (terms > 1)
        for (size_t i = 0; i < n * n; i++) sum[i] += 2 * block[i];
    if (terms > 2) {
        multiply(block, block, n, power);
        for (size_t i = 0; i < n * n; i++) sum[i] += 2 * power[i];
        for (size_t term = 3; term < terms; term++) {
            int last = term + 1 >= terms;
            multiply(power, block, n, next);
            memcpy(power, next, n * n * sizeof *power);
            for (size_t i = 0; i < n * n; i++) sum[i] += (last ? 1 : 2) * power[i];
        }
    }
    memcpy(block, sum, n * n * sizeof *block);
}

/* x (I + S) = I - S, by elimination with columns: I + S of a skew-symmetric S is never singular. */
static void solve(double *block, size_t n, double *work) {
    double *left = work, *right = work + n * n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            /* Transposed, so that rows are eliminated: (I + S)T xT = (I - S)T. */
            left[i * n + j] = (i == j) + block[j * n + i];
            right[i * n + j] = (i == j) - block[j * n + i];
        }
    for (size_t c = 0; c < n; c++) {
        size_t pivot = c;
        for (size_t r = c + 1; r < n; r++)
            if (fabs(left[r * n + c]) > fabs(left[pivot * n + c])) pivot = r;
        for (size_t j = 0; pivot != c && j < n; j++) {
            double a = left[c * n + j], b = right[c * n + j];
            left[c * n + j] = left[pivot * n + j];
            right[c * n + j] = right[pivot * n + j];
            left[pivot * n + j] = a;
            right[pivot * n + j] = b;
        }
        for (size_t r = 0; r < n; r++) {
            if (r == c) continue;
            double factor = left[r * n + c] / left[c * n + c];
            for (size_t j = c; j < n; j++) left[r * n + j] -= factor * left[c * n + j];
            for (size_t j = 0; j < n; j++) right[r * n + j] -= factor * right[c * n + j];
        }
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) block[j * n + i] = right[i * n + j] / left[i * n + i];
}

pst_status block_rotation_cayley(struct block_rotation *rotation, size_t terms, pst_error *err) {
    size_t n = rotation->size;
    double *work = malloc(3 * n * n * sizeof *work);
    if (!work) return error_memory(err, 3 * n * n * sizeof *work);
    for (size_t b = 0; b < rotation->count; b++) {
        if (terms)
            series(rotation->blocks + b * n * n, n, terms, work);
        else
            solve(rotation->blocks + b * n * n, n, work);
    }
    free(work);
    return PST_OK;
}

void block_rotation_turn(const struct adapter_walk *walk, uint32_t slot,
                         const struct block_rotation *rotation, float *weight) {
    const struct module *module = &walk->build.adapter->model->weights.modules[slot];
    size_t n = rotation->size, in = module->in;
    size_t along_row = rotation->transposed ? 1 : n, along_column = rotation->transposed ? n : 1;
    for (size_t o = 0; o < module->out; o++)
        for (size_t i = 0; i < in; i++) {
            size_t block = rotation->count == 1 ? 0 : i / n;
            const double *q = rotation->blocks + block * n * n + i % n * along_row;
            double sum = 0;
            for (size_t c = 0; c < n; c++)
                sum += q[c * along_column] * change_base(walk, slot, o, i - i % n + c);
            weight[o * in + i] = (float)sum;
        }
}
