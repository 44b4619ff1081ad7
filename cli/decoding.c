/* decoding.c - see decoding.h. */
#include "decoding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "text_lines.h"
#include "whole_file.h"

#define AT(field) offsetof(struct decoding_choice, field)
const struct option decoding_options[] = {
    {"decode", 0, OPTION_CHOICE, "greedy|beam", AT(method),
     "how tokens are chosen (default: as the model's generation_config says; greedy for the "
     "published models)"},
    {"max-new-tokens", 0, OPTION_COUNT, "N", AT(max_new_tokens),
     "longest transcript in tokens (default: the model's own limit)"},
    {"num-beams", 0, OPTION_COUNT, "N", AT(num_beams),
     "width of the beam search (default: 5 with --decode beam)"},
    {"early-stopping", 0, OPTION_CHOICE, "false|true|never", AT(early_stopping),
     "when a beam search ends: once a better result is unlikely, once there are enough results, "
     "or once a better one is impossible"},
    {"length-penalty", 0, OPTION_NUMBER, "X", AT(length_penalty),
     "beam search: above 0 favours long results, below 0 short ones"},
    {"repetition-penalty", 0, OPTION_NUMBER, "X", AT(repetition_penalty),
     "above 1 makes tokens that have occurred less likely"},
    {"no-repeat-ngram-size", 0, OPTION_COUNT, "N", AT(no_repeat_ngram_size),
     "no run of N tokens occurs twice (0: no such rule)"},
    {"min-length", 0, OPTION_COUNT, "N", AT(min_length),
     "shortest result in tokens, the start token counted"},
    {"min-new-tokens", 0, OPTION_COUNT, "N", AT(min_new_tokens),
     "shortest result in tokens, the start token not counted"},
    {"suppress-tokens", 0, OPTION_IDS, "IDS", AT(suppress_tokens),
     "tokens that never occur: ids with commas between them"},
    {"begin-suppress-tokens", 0, OPTION_IDS, "IDS", AT(begin_suppress_tokens),
     "tokens that do not come first"},
    {"forced-bos-token-id", 0, OPTION_COUNT, "ID", AT(forced_bos_token_id),
     "the first token after the start token"},
    {"forced-eos-token-id", 0, OPTION_COUNT, "ID", AT(forced_eos_token_id),
     "the last token when the length limit is reached"},
    {"sequence-bias", 0, OPTION_TEXTS, "TEXT=BIAS", AT(sequence_bias),
     "makes a word or phrase more likely (BIAS above 0) or less (below 0); may be given again"},
    {"phrases", 0, OPTION_TEXT, "FILE", AT(phrases),
     "phrases that are often said, one a line: tried several tokens at a time, which is faster "
     "where they are said and never changes the result (greedy)"},
    {0},
};

/* transformers' examples and the script that run-stt replaces all use five. */
enum { DEFAULT_BEAMS = 5 };

/* Splits "TEXT=BIAS" at its last "=". Returns the length of TEXT; 0: malformed. */
static size_t split_bias(const char *text, double *bias) {
    const char *equals = strrchr(text, '=');
    if (!equals || !parse_number(equals + 1, bias)) return 0;
    return (size_t)(equals - text);
}

int decoding_check(const struct command *command, const struct decoding_choice *choice) {
    if (choice->num_beams == 0) return usage_error(command, "--num-beams 0: expected at least 1");
    if (choice->method == DECODE_GREEDY && choice->num_beams > 1)
        return usage_error(command, "--decode greedy has no use for --num-beams %d",
                           (int)choice->num_beams);
    if (choice->method == DECODE_BEAM && choice->num_beams == 1)
        return usage_error(command, "--decode beam needs --num-beams of at least 2");
    if (choice->max_new_tokens == 0)
        return usage_error(command, "--max-new-tokens 0: expected at least 1");
    if (choice->repetition_penalty <= 0) /* false for NAN */
        return usage_error(command, "--repetition-penalty: expected a number above 0");
    for (size_t i = 0; i < choice->sequence_bias.count; i++) {
        double bias;
        if (!split_bias(choice->sequence_bias.items[i], &bias))
            return usage_error(command, "--sequence-bias '%s': expected TEXT=BIAS, BIAS a number",
                               choice->sequence_bias.items[i]);
    }
    return 0;
}

/* More than a list of phrases is. */
static const size_t PHRASES_BYTES_MAX = 16 << 20;

/* Adds text [length] as the ids it has within a sentence: encoded without the start token. `name`
 * is told before what is wrong. */
static int add_text(struct token_texts *texts, const char *text, size_t length, float bias,
                    const pst_model *model, const char *name) {
    pst_error err;
    size_t count, i = texts->count;
    texts->items = need(realloc(texts->items, (i + 1) * sizeof *texts->items));
    texts->ids = need(realloc(texts->ids, (i + 1) * sizeof *texts->ids));
    if (pst_model_encode(model, text, length, &texts->ids[i], &count, &err))
        return fail(exit_code_of(&err), "%s: %s", name, err.message);
    texts->count = i + 1;
    if (count < 2) return fail(EXIT_USAGE, "%s: the text has no tokens", name);
    texts->items[i] =
        (pst_sequence_bias){.tokens = texts->ids[i] + 1, .count = count - 1, .bias = bias};
    return 0;
}

static void free_texts(const struct token_texts *texts) {
    for (size_t i = 0; i < texts->count; i++) pst_free(texts->ids[i]);
    free(texts->ids);
    free(texts->items);
}

static int build_biases(struct decoding *decoding, const struct option_texts *texts,
                        const pst_model *model) {
    int code = 0;
    if (!texts->count) return 0; /* the model's own stay */
    for (size_t i = 0; i < texts->count && !code; i++) {
        char *name = text_format("--sequence-bias '%s'", texts->items[i]);
        double bias = 0;
        size_t length = split_bias(texts->items[i], &bias);
        code = add_text(&decoding->biases, texts->items[i], length, (float)bias, model, name);
        free(name);
    }
    decoding->options.sequence_bias = decoding->biases.items;
    decoding->options.sequence_bias_count = decoding->biases.count;
    return code;
}

/* Each line of the file is a phrase. */
static int build_phrases(struct decoding *decoding, const char *path, const pst_model *model) {
    char *text = NULL, *reason;
    size_t size = 0;
    if (!path) return 0;
    reason = whole_file_read(path, PHRASES_BYTES_MAX, &text, &size);
    int code = reason ? fail(EXIT_USAGE, "--phrases %s", reason) : 0;
    size_t mark = reason ? 0 : text_mark(text, size);
    struct text_lines lines = {.text = text + mark, .left = reason ? 0 : size - mark};
    while (!code && text_lines_next(&lines)) {
        char *name = text_format("%s:%u", path, (unsigned)lines.number);
        size_t length = lines.length;
        while (length && strchr(" \t\r", lines.line[length - 1])) length--;
        code = add_text(&decoding->phrases, lines.line, length, 0, model, name);
        free(name);
    }
    free(text);
    free(reason);
    decoding->options.drafts = decoding->phrases.items;
    decoding->options.drafts_count = decoding->phrases.count;
    return code;
}

static void override_count(uint32_t *setting, int64_t choice) {
    if (choice >= 0) *setting = (uint32_t)choice;
}

static void override_number(float *setting, double choice) {
    if (!isnan(choice)) *setting = (float)choice;
}

static void override_ids(const int32_t **ids, size_t *count, const struct option_ids *choice) {
    if (!choice->given) return;
    *ids = choice->items;
    *count = choice->count;
}

static void override_beams(pst_decode_options *options, const struct decoding_choice *choice) {
    override_count(&options->num_beams, choice->num_beams);
    if (choice->method == DECODE_GREEDY) options->num_beams = 1;
    if (choice->method == DECODE_BEAM && options->num_beams < 2) options->num_beams = DEFAULT_BEAMS;
}

int decoding_build(struct decoding *decoding, const struct decoding_choice *choice,
                   const pst_model *model) {
    *decoding = (struct decoding){0};
    pst_decode_options *options = &decoding->options;
    pst_decode_options_init(options);
    pst_model_decode_options(model, options);
    override_beams(options, choice);
    override_count(&options->max_new_tokens, choice->max_new_tokens);
    override_count(&options->min_length, choice->min_length);
    override_count(&options->min_new_tokens, choice->min_new_tokens);
    override_count(&options->no_repeat_ngram_size, choice->no_repeat_ngram_size);
    override_number(&options->repetition_penalty, choice->repetition_penalty);
    override_number(&options->length_penalty, choice->length_penalty);
    override_ids(&options->suppress_tokens, &options->suppress_tokens_count,
                 &choice->suppress_tokens);
    override_ids(&options->begin_suppress_tokens, &options->begin_suppress_tokens_count,
                 &choice->begin_suppress_tokens);
    if (choice->early_stopping >= 0)
        options->early_stopping = (pst_early_stopping)choice->early_stopping;
    if (choice->forced_bos_token_id >= 0)
        options->forced_bos_token_id = (int32_t)choice->forced_bos_token_id;
    if (choice->forced_eos_token_id >= 0)
        options->forced_eos_token_id = (int32_t)choice->forced_eos_token_id;
    int code = build_biases(decoding, &choice->sequence_bias, model);
    return code ? code : build_phrases(decoding, choice->phrases, model);
}

void decoding_free(struct decoding *decoding) {
    free_texts(&decoding->biases);
    free_texts(&decoding->phrases);
    *decoding = (struct decoding){0};
}
