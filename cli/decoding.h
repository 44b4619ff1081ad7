/* decoding.h - the options that decide the tokens: transformers' names, transformers' meaning.
 *
 * What the command line leaves open is what the model's own generation_config says. */
#ifndef POTSTILL_CLI_DECODING_H
#define POTSTILL_CLI_DECODING_H

#include <stdint.h>

#include "options.h"
#include "potstill.h"

/* The order of the choices of --decode. */
enum decode_method { DECODE_MODEL = -1, DECODE_GREEDY, DECODE_BEAM };

/* What the command line says; -1 and NAN where it says nothing. */
struct decoding_choice {
    int method; /* enum decode_method */
    int early_stopping;
    int64_t num_beams;
    int64_t max_new_tokens;
    int64_t min_length;
    int64_t min_new_tokens;
    int64_t no_repeat_ngram_size;
    int64_t forced_bos_token_id;
    int64_t forced_eos_token_id;
    double repetition_penalty;
    double length_penalty;
    struct option_ids suppress_tokens;
    struct option_ids begin_suppress_tokens;
    struct option_texts sequence_bias; /* "TEXT=BIAS" */
    const char *phrases;               /* a file of lines */
};

#define DECODING_NOTHING_CHOSEN                                                                    \
    .method = DECODE_MODEL, .early_stopping = -1, .num_beams = -1, .max_new_tokens = -1,           \
    .min_length = -1, .min_new_tokens = -1, .no_repeat_ngram_size = -1, .forced_bos_token_id = -1, \
    .forced_eos_token_id = -1, .repetition_penalty = NAN, .length_penalty = NAN

/* The table about struct decoding_choice, which starts as {DECODING_NOTHING_CHOSEN}. */
extern const struct option decoding_options[];

/* Texts as tokens. */
struct token_texts {
    pst_sequence_bias *items; /* [count] */
    int32_t **ids;            /* [count], from the library, with the start token in front */
    size_t count;
};

/* The settings for a transcription, and the memory behind them. */
struct decoding {
    pst_decode_options options;
    struct token_texts biases, phrases;
};

/* Fails with what contradicts itself in `choice`: 0, or EXIT_USAGE with the reason printed. */
int decoding_check(const struct command *command, const struct decoding_choice *choice);
/* The model's settings overridden by `choice`: 0, or an exit code with the reason printed. `choice`
 * must outlive `decoding`; decoding_free() in any case. */
int decoding_build(struct decoding *decoding, const struct decoding_choice *choice,
                   const pst_model *model);
void decoding_free(struct decoding *decoding);

#endif
