/* selection.h - what adapter_config.json says about which modules, at which rank and alpha
 * (target_modules, layers_to_transform, rank_pattern, alpha_pattern ...).
 *
 * All methods of PEFT share these settings (peft_config.h). What they mean for the modules of a
 * model is left to targets.h. */
#ifndef PST_ADAPTER_CONFIG_SELECTION_H
#define PST_ADAPTER_CONFIG_SELECTION_H

#include <stdint.h>

#include "formats/json_file.h"
#include "potstill.h"

enum {
    /* A rank above the widest layer a config may have (CONFIG_DIM_MAX) adds nothing. */
    SELECTION_RANK_MAX = 8192,
    /* Entries of any list or table in the file: a model of the most layers has fewer modules. */
    SELECTION_LIST_MAX = 4096
};

/* Keeps alpha / r finite and exact in double, and nonzero scales far from float's ends. */
#define SELECTION_ALPHA_MAX 1e9

struct selection_names {
    const char **items; /* [count] in file order */
    size_t count;
};

/* Modules chosen by one regular expression, or by full names and name endings. */
struct selection_rule {
    const char *pattern; /* NULL: `names` count */
    struct selection_names names;
    int given; /* neither missing nor null */
};

/* "modules that match `pattern` have this value instead". */
struct selection_override {
    const char *pattern;
    double value;
};

struct selection_overrides {
    struct selection_override *items; /* [count] in file order */
    size_t count;
};

struct selection {
    const json_t *root; /* of the file; owns every text below */
    const char *path;   /* for messages */
    struct selection_rule target_modules, exclude_modules;
    struct selection_names modules_to_save;
    int64_t *layers_to_transform; /* [layer_count] */
    size_t layer_count;
    struct selection_names layers_pattern;
    uint32_t r;
    double alpha;
    int use_rslora; /* the scale is alpha / sqrt(r) */
    int any_module; /* norms too, which other methods cannot adapt */
    struct selection_overrides rank_pattern, alpha_pattern;
};

/* Is a setting off by its value? PEFT writes every option it knows, most of them null or empty. */
int selection_is_off(const json_t *value);
/* A regular expression, a list of names, or nothing. */
pst_status selection_read_rule(const json_t *root, const char *path, const char *key,
                               struct selection_rule *rule, pst_error *err);
/* The settings that pick modules, by layer numbers too if asked, with the combinations
 * that PEFT itself rejects. */
pst_status selection_read_modules(struct selection *selection, int by_layers, pst_error *err);
/* Rank and alpha, under its name in the method, with their patterns. */
pst_status selection_read_numbers(struct selection *selection, const char *alpha, pst_error *err);
/* The same for a method whose defaults are in `selection`, under its own names of options; NULL: it
 * has no such option. */
struct selection_keys {
    const char *rank, *rank_pattern, *alpha;
};
pst_status selection_read_rank(struct selection *selection, const struct selection_keys *keys,
                               pst_error *err);
void selection_free(struct selection *selection);

#endif
