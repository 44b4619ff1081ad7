/* lora_config.h - adapter_config.json, as PEFT reads it.
 *
 * Reading and judging are two steps. lora_config_parse() says what the file asks for, whatever that is;
 * lora_config_check() refuses, by name, what this engine cannot apply exactly. Which modules the
 * settings mean is left to lora_targets.h. */
#ifndef PST_ADAPTER_CONFIG_LORA_CONFIG_H
#define PST_ADAPTER_CONFIG_LORA_CONFIG_H

#include <stdint.h>

#include "formats/json_file.h"
#include "potstill.h"

enum {
    /* A rank above the widest layer a config may have (CONFIG_DIM_MAX) adds nothing. */
    LORA_RANK_MAX = 8192,
    /* Entries of any list or table in the file: a model of the most layers has fewer modules. */
    LORA_LIST_MAX = 4096,
    /* PEFT's own files are a few kilobytes; a list of every module of a large model reaches hundreds. */
    LORA_CONFIG_BYTES_MAX = 4 << 20
};

/* Keeps lora_alpha / r finite and exact in double, and nonzero scales far from float's ends. */
#define LORA_ALPHA_MAX 1e9

struct lora_names {
    const char **items; /* [count] in file order */
    size_t count;
};

/* Modules chosen by one regular expression, or by full names and name endings. */
struct lora_choice {
    const char *pattern; /* NULL: `names` count */
    struct lora_names names;
    int given; /* neither missing nor null */
};

/* "modules that match `pattern` have this value instead". */
struct lora_override {
    const char *pattern;
    double value;
};

struct lora_overrides {
    struct lora_override *items; /* [count] in file order */
    size_t count;
};

/* Single rows of one embedding or output matrix. */
struct lora_tokens {
    const char *module; /* the end of its name */
    uint32_t *ids;      /* [count] in file order */
    size_t count;
};

/* What training did to the base weights before it began, and loading has to repeat. */
enum lora_correction { LORA_CORRECTION_NONE, LORA_CORRECTION_PISSA, LORA_CORRECTION_OLORA };

struct lora_config {
    struct json_file file;  /* owns every text below */
    const char *base_model; /* "" when absent */
    uint32_t r;
    double lora_alpha;
    int use_rslora;
    int use_dora, lora_bias;
    int ensure_weight_tying;
    int init_zeroes_b; /* a lora_B that the tensor file lacks is zero, so its module is unchanged */
    enum lora_correction correction;
    const char *init; /* init_lora_weights when it is a text, else NULL */
    int init_is_gaussian;
    struct lora_choice target_modules, exclude_modules;
    struct lora_names modules_to_save;
    int64_t *layers_to_transform; /* [layer_count] */
    size_t layer_count;
    struct lora_names layers_pattern;
    struct lora_overrides rank_pattern, alpha_pattern;
    struct lora_tokens *tokens; /* [token_lists]: trainable_token_indices */
    size_t token_lists;
};

/* Reads `path`. `options` (NULL: silent) hears of keys nobody knows. */
pst_status lora_config_open(struct lora_config *config, const char *path,
                            const pst_adapter_options *options, pst_error *err);
/* The same from parsed JSON, which it takes over, also when it fails. */
pst_status lora_config_parse(struct lora_config *config, struct json_file *file,
                             const pst_adapter_options *options, pst_error *err);
void lora_config_close(struct lora_config *config);

/* PST_ERR_UNSUPPORTED with name and reason when the file asks for what is not applied. */
pst_status lora_config_check(const struct lora_config *config, pst_error *err);

/* What other methods share with LoRA (peft_config.h). Is a setting off by its value, as PEFT writes
 * those that were not touched? */
int lora_config_is_off(const json_t *value);
/* A regular expression, a list of names, or nothing. */
pst_status lora_config_read_choice(struct lora_config *config, const char *key,
                                   struct lora_choice *choice, pst_error *err);
/* The settings that pick modules, by layer numbers too if asked, with the combinations that PEFT itself
 * rejects. */
pst_status lora_config_read_selection(struct lora_config *config, int by_layers, pst_error *err);
/* Rank and alpha, under its name in the method, with their patterns. */
pst_status lora_config_read_numbers(struct lora_config *config, const char *alpha, pst_error *err);

#endif
