/* lora_blocks.c - see lora_blocks.h. */
#include "adapter/config/lora_blocks.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

pst_status lora_blocks_read(struct lora_blocks *blocks, const struct selection *selection,
                            pst_error *err) {
    const json_t *table = json_object_get(selection->root, "use_bdlora");
    const char *path = selection->path;
    if (selection_is_off(table)) return PST_OK;
    if (!json_is_object(table))
        return error_set(err, PST_ERR_MODEL, "%s: use_bdlora is %s, expected an object", path,
                         json_kind(table));
    blocks->count = 1; /* PEFT's defaults */
    blocks->strict = 1;
    pst_status status =
        json_get_int(table, path, "nblocks", 1, SELECTION_RANK_MAX, &blocks->count, err);
    if (!status) status = json_get_bool(table, path, "match_strict", &blocks->strict, err);
    if (!status) status = selection_read_rule(table, path, "target_modules_bd_a", &blocks->a, err);
    if (!status) status = selection_read_rule(table, path, "target_modules_bd_b", &blocks->b, err);
    if (!status && (blocks->a.pattern || blocks->b.pattern))
        return error_set(err, PST_ERR_MODEL,
                         "%s: target_modules_bd_%s is a string, expected a list of strings", path,
                         blocks->a.pattern ? "a" : "b");
    return status;
}

void lora_blocks_free(struct lora_blocks *blocks) {
    free(blocks->a.names.items);
    free(blocks->b.names.items);
}

static int holds_one(const char *name, const struct selection_names *parts) {
    for (size_t i = 0; i < parts->count; i++)
        if (strstr(name, parts->items[i])) return 1;
    return 0;
}

pst_status lora_blocks_find(const struct lora_blocks *blocks, const char *path, const char *name,
                            enum lora_blocked *blocked, pst_error *err) {
    *blocked = LORA_BLOCKED_NONE;
    if (!blocks->count) return PST_OK;
    int in_a = holds_one(name, &blocks->a.names), in_b = holds_one(name, &blocks->b.names);
    if (in_a && in_b)
        return error_set(err, PST_ERR_MODEL,
                         "%s: use_bdlora means both matrices of %s (PEFT refuses it too)", path,
                         name);
    if (blocks->strict && !in_a && !in_b)
        return error_set(err, PST_ERR_MODEL,
                         "%s: use_bdlora means no matrix of %s, and match_strict is true (PEFT "
                         "refuses it too)",
                         path, name);
    if (in_a) *blocked = LORA_BLOCKED_A;
    if (in_b) *blocked = LORA_BLOCKED_B;
    return PST_OK;
}
