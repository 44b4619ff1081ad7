/* word_confidence.c - see word_confidence.h. */
#include "pipeline/word_confidence.h"

#include <math.h>
#include <string.h>

/* Does the token have more than punctuation? Of what is not ASCII all counts but the mark that
 * stands for a space. */
static int has_letters(const struct tokenizer *tokenizer, int32_t id) {
    static const char SPACE[] = "\xe2\x96\x81";
    size_t length = 0;
    const char *text = tokenizer_token(tokenizer, id, &length);
    for (size_t i = 0; text && i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (length - i >= 3 && memcmp(text + i, SPACE, 3) == 0)
            i += 2;
        else if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
            return 1;
    }
    return 0;
}

double word_confidence(const struct tokenizer *tokenizer, const int32_t *tokens,
                       const float *logprobs, size_t count) {
    double least = INFINITY, least_of_all = INFINITY;
    for (size_t i = 0; i < count; i++) {
        double logprob = logprobs[i];
        if (isnan(logprob)) return NAN;
        least_of_all = fmin(least_of_all, logprob);
        if (has_letters(tokenizer, tokens[i])) least = fmin(least, logprob);
    }
    return exp(isinf(least) ? least_of_all : least);
}

double text_confidence(const pst_word *words, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += words[i].confidence;
    return count ? sum / (double)count : NAN;
}
