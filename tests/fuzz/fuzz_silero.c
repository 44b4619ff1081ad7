/* fuzz_silero.c - any bytes as the weights of the speech detector; taken only when they are. */
#include <stdlib.h>

#include "vad/silero_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct silero_weights weights;
    pst_error err;
    if (silero_weights_parse(&weights, data, size, "input", &err)) return 0;
    static volatile float sum; /* so that the reads are not optimised away */
    for (size_t i = 0; i < SILERO_WIDTH; i++) sum += weights.output[i] + weights.lstm_bias[i];
    silero_weights_free(&weights);
    return 0;
}
