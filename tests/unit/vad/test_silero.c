/* test_silero.c - the network against plain loops in double precision, over weights made by rule;
 * the wheel's own weights are in the oracle tests. */
#include "support/test.h"

#include <math.h>

#include "support/silero_file.h"
#include "vad/vad.h"

static pst_error err;

/* A convolution of PyTorch: x [in, length] to y [out, ..], 3 taps, padding 1; returns the length of
 * y. */
static int convolve(const double *x, int in, int length, const float *weight, const float *bias,
                    int out, int stride, double *y) {
    int height = (length - 1) / stride + 1;
    for (int o = 0; o < out; o++)
        for (int t = 0; t < height; t++) {
            double sum = bias[o];
            for (int i = 0; i < in; i++)
                for (int tap = 0; tap < 3; tap++) {
                    int at = t * stride + tap - 1;
                    if (at >= 0 && at < length)
                        sum += (double)weight[(o * in + i) * 3 + tap] * x[i * length + at];
                }
            y[o * height + t] = sum > 0 ? sum : 0;
        }
    return height;
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

struct plain {
    const float *w[SILERO_TENSORS];
    double context[64], hidden[128], cell[128];
};

static void transform(struct plain *plain, const float *frame, double *magnitudes) {
    double input[640];
    for (int i = 0; i < 64; i++) input[i] = plain->context[i];
    for (int i = 0; i < 512; i++) input[64 + i] = frame[i];
    for (int i = 0; i < 64; i++) input[576 + i] = frame[510 - i];
    for (int i = 0; i < 64; i++) plain->context[i] = frame[448 + i];
    for (int t = 0; t < 4; t++)
        for (int bin = 0; bin < 129; bin++) {
            double real = 0, imaginary = 0;
            for (int i = 0; i < 256; i++) {
                real += (double)plain->w[0][bin * 256 + i] * input[t * 128 + i];
                imaginary += (double)plain->w[0][(129 + bin) * 256 + i] * input[t * 128 + i];
            }
            magnitudes[bin * 4 + t] = sqrt(real * real + imaginary * imaginary);
        }
}

static double remember(struct plain *plain, const double *x) {
    double gates[512], sum = plain->w[14][0];
    for (int g = 0; g < 512; g++) {
        gates[g] = (double)plain->w[11][g] + (double)plain->w[12][g];
        for (int i = 0; i < 128; i++)
            gates[g] += (double)plain->w[9][g * 128 + i] * x[i] +
                        (double)plain->w[10][g * 128 + i] * plain->hidden[i];
    }
    for (int i = 0; i < 128; i++) {
        plain->cell[i] =
            logistic(gates[128 + i]) * plain->cell[i] + logistic(gates[i]) * tanh(gates[256 + i]);
        plain->hidden[i] = logistic(gates[384 + i]) * tanh(plain->cell[i]);
        sum += (double)plain->w[13][i] * fmax(plain->hidden[i], 0);
    }
    return logistic(sum);
}

static double plain_probability(struct plain *plain, const float *frame) {
    static double a[129 * 4], b[128 * 4];
    transform(plain, frame, a);
    int length = convolve(a, 129, 4, plain->w[1], plain->w[2], 128, 1, b);
    length = convolve(b, 128, length, plain->w[3], plain->w[4], 64, 2, a);
    length = convolve(a, 64, length, plain->w[5], plain->w[6], 64, 2, b);
    assert_int_equal(length, 1);
    convolve(b, 64, length, plain->w[7], plain->w[8], 128, 1, a);
    return remember(plain, a);
}

enum { FRAMES = 37 };

/* Any cutting of the frames, which must not change a bit, and again after a reset. */
static void is_the_network(void **state) {
    (void)state;
    static float samples[FRAMES * VAD_FRAME];
    struct tensor_source tensors[SILERO_TENSORS];
    struct plain plain = {0};
    struct vad_weights *weights = NULL;
    struct vad *vad = NULL;
    unsigned number = 3;
    double expected[FRAMES];
    float found[FRAMES], whole[FRAMES];
    for (int i = 0; i < FRAMES * VAD_FRAME; i++)
        samples[i] = silero_number(&number, (float)(1 + sin(i * 1e-3)) / 2);
    silero_tensors(tensors);
    const char *path = silero_write(scratch_folder("silero"), tensors, SILERO_TENSORS);
    for (int i = 0; i < SILERO_TENSORS; i++) plain.w[i] = tensors[i].data;
    for (int i = 0; i < FRAMES; i++)
        expected[i] = plain_probability(&plain, samples + (size_t)i * VAD_FRAME);
    assert_int_equal(vad_weights_open(&weights, path, &err), PST_OK);
    static const pst_cpu sets[] = {PST_CPU_AUTO, PST_CPU_REFERENCE};
    for (int set = 0; set < 2; set++) {
        assert_int_equal(vad_new(&vad, weights, sets[set], &err), PST_OK);
        assert_string_equal(vad_name(vad), "silero");
        static const size_t blocks[] = {1, 5, 16, FRAMES};
        for (int cut = 0; cut < 4; cut++) {
            vad_reset(vad);
            for (size_t at = 0; at < FRAMES; at += blocks[cut]) {
                size_t some = FRAMES - at < blocks[cut] ? FRAMES - at : blocks[cut];
                vad_probabilities(vad, samples + at * VAD_FRAME, some, found + at);
            }
            for (int i = 0; i < FRAMES; i++) assert_true(fabs(found[i] - expected[i]) < 1e-5);
            if (cut == 0) memcpy(whole, found, sizeof whole);
            assert_memory_equal(found, whole, sizeof whole);
        }
        vad_free(vad);
    }
    assert_true(fabs(expected[FRAMES - 1] - expected[3]) > 1e-3); /* they say something */
    vad_weights_free(weights);
    silero_tensors_free(tensors);
}

/* One sample that is not finite must not spoil all that follow. */
static void survives_what_is_no_number(void **state) {
    (void)state;
    float frame[VAD_FRAME] = {0};
    struct tensor_source tensors[SILERO_TENSORS];
    struct vad_weights *weights = NULL;
    struct vad *vad = NULL;
    silero_tensors(tensors);
    const char *path = silero_write(scratch_folder("silero"), tensors, SILERO_TENSORS);
    assert_int_equal(vad_weights_open(&weights, path, &err), PST_OK);
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(vad_new(&vad, kind ? weights : NULL, PST_CPU_AUTO, &err), PST_OK);
        vad_probability(vad, frame);
        frame[500] = NAN;
        assert_true(vad_probability(vad, frame) == 0);
        frame[500] = 0;
        vad_probability(vad, frame); /* has the bad sample before it */
        float later = vad_probability(vad, frame);
        assert_true(later >= 0 && later <= 1);
        vad_free(vad);
    }
    vad_weights_free(weights);
    silero_tensors_free(tensors);
}

static void refuse(const struct tensor_source *tensors, size_t count, const char *part) {
    struct vad_weights *weights = NULL;
    const char *path = silero_write(scratch_folder("silero"), tensors, count);
    assert_int_equal(vad_weights_open(&weights, path, &err), PST_ERR_MODEL);
    assert_null(weights);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void refuses_other_weights(void **state) {
    (void)state;
    struct tensor_source tensors[SILERO_TENSORS], changed[SILERO_TENSORS];
    silero_tensors(tensors);
    refuse(tensors, SILERO_TENSORS - 1,
           "tensor final_conv.bias is missing (expected the 16 kHz weights of Silero VAD v6)");
    for (int i = 0; i < SILERO_TENSORS; i++) {
        memcpy(changed, tensors, sizeof changed);
        changed[i].shape[0] = changed[i].shape[0] > 1 ? changed[i].shape[0] - 1 : 2;
        if (changed[i].shape[0] == 2) continue; /* there are no numbers for more */
        refuse(changed, SILERO_TENSORS, changed[i].name);
    }
    memcpy(changed, tensors, sizeof changed);
    changed[9].shape[0] = 128;
    changed[9].shape[1] = 512;
    refuse(changed, SILERO_TENSORS,
           "lstm_cell.weight_ih is [128, 512], Silero VAD v6 has [512, 128]");
    memcpy(changed, tensors, sizeof changed);
    changed[2].dtype = DTYPE_I32;
    refuse(changed, SILERO_TENSORS, "conv1.bias is I32, expected floating-point values");
    float *transform = (float *)tensors[0].data;
    transform[200 * 256 + 77] += 1e-4F;
    refuse(tensors, SILERO_TENSORS, "stft_conv.weight is not the Fourier transform of 256 samples");
    transform[200 * 256 + 77] -= 1e-4F;
    ((float *)tensors[5].data)[100] = INFINITY;
    refuse(tensors, SILERO_TENSORS, "conv3.weight has a value that is not finite");
    silero_tensors_free(tensors);
    struct vad_weights *weights = NULL;
    assert_int_equal(vad_weights_open(&weights, "no/such/file", &err), PST_ERR_MODEL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_network),
        cmocka_unit_test(survives_what_is_no_number),
        cmocka_unit_test(refuses_other_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
