/* selection.c - see selection.h. */
#include "adapter/config/selection.h"

#include <stdlib.h>

#include "base/error.h"

int selection_is_off(const json_t *value) {
    if (!value) return 1;
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE: return 1;
    case JSON_ARRAY: return json_array_size(value) == 0;
    case JSON_OBJECT: return json_object_size(value) == 0;
    case JSON_STRING: return json_string_length(value) == 0;
    case JSON_INTEGER: return json_integer_value(value) == 0;
    default: return 0;
    }
}

/* Zeroed memory for the `count` entries of the list or table under `key`; NULL with *status set. */
static void *new_items(size_t count, size_t size, const char *path, const char *key,
                       pst_status *status, pst_error *err) {
    void *items = NULL;
    *status = PST_OK;
    if (count > SELECTION_LIST_MAX)
        *status = error_set(err, PST_ERR_MODEL, "%s: %s has %zu entries, expected at most %d", path,
                            key, count, SELECTION_LIST_MAX);
    else if (!(items = calloc(count + 1, size)))
        *status = error_memory(err, (count + 1) * size);
    return items;
}

/* --------------------------------------------------------------------------------------- names */

static pst_status read_names(const json_t *list, const char *path, const char *key,
                             struct selection_names *names, pst_error *err) {
    size_t count = json_array_size(list);
    pst_status status;
    names->items = new_items(count, sizeof *names->items, path, key, &status, err);
    if (status) return status;
    for (; names->count < count; names->count++) {
        const json_t *entry = json_array_get(list, names->count);
        if (!json_is_string(entry))
            return error_set(err, PST_ERR_MODEL, "%s: %s[%zu] is %s, expected a string", path, key,
                             names->count, json_kind(entry));
        names->items[names->count] = json_string_value(entry);
    }
    return PST_OK;
}

pst_status selection_read_rule(const json_t *root, const char *path, const char *key,
                               struct selection_rule *rule, pst_error *err) {
    const json_t *value = json_object_get(root, key);
    if (!value || json_is_null(value)) return PST_OK;
    rule->given = 1;
    rule->pattern = json_string_value(value);
    if (rule->pattern) return PST_OK;
    if (!json_is_array(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a string or a list of strings",
                         path, key, json_kind(value));
    return read_names(value, path, key, &rule->names, err);
}

static pst_status read_saved(struct selection *selection, pst_error *err) {
    static const char key[] = "modules_to_save";
    const json_t *value = json_object_get(selection->root, key);
    if (!value || json_is_null(value)) return PST_OK;
    if (!json_is_array(value))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected a list of strings",
                         selection->path, key, json_kind(value));
    return read_names(value, selection->path, key, &selection->modules_to_save, err);
}

/* -------------------------------------------------------------------------------------- layers */

/* One layer number or a list of them. */
static pst_status read_layers(struct selection *selection, pst_error *err) {
    static const char key[] = "layers_to_transform";
    const json_t *value = json_object_get(selection->root, key);
    if (!value || json_is_null(value)) return PST_OK;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    pst_status status;
    int64_t *layers = new_items(count, sizeof *layers, selection->path, key, &status, err);
    if (status) return status;
    selection->layers_to_transform = layers;
    for (; selection->layer_count < count; selection->layer_count++) {
        const json_t *layer =
            json_is_array(value) ? json_array_get(value, selection->layer_count) : value;
        if (!json_is_integer(layer))
            return error_set(err, PST_ERR_MODEL,
                             "%s: %s holds %s, expected an integer or a list of integers",
                             selection->path, key, json_kind(layer));
        layers[selection->layer_count] = json_integer_value(layer);
    }
    return PST_OK;
}

static pst_status read_layers_pattern(struct selection *selection, pst_error *err) {
    static const char key[] = "layers_pattern";
    const char *path = selection->path;
    const json_t *value = json_object_get(selection->root, key);
    struct selection_rule rule = {0};
    pst_status status = selection_read_rule(selection->root, path, key, &rule, err);
    selection->layers_pattern = rule.names;
    if (!status && rule.pattern && *rule.pattern) {
        struct selection_names *names = &selection->layers_pattern;
        names->items = new_items(1, sizeof *names->items, path, key, &status, err);
        if (!status) names->items[names->count++] = rule.pattern;
    }
    if (status) return status;
    if (selection->target_modules.pattern && (selection->layers_to_transform || rule.given))
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s is given, but target_modules is a string: PEFT combines it with a "
                         "list only",
                         path, rule.given ? key : "layers_to_transform");
    if (!selection_is_off(value) && selection->layer_count == 0)
        return error_set(err, PST_ERR_MODEL,
                         "%s: layers_pattern is given without layers_to_transform", path);
    return PST_OK;
}

pst_status selection_read_modules(struct selection *selection, int by_layers, pst_error *err) {
    const json_t *root = selection->root;
    const char *path = selection->path;
    pst_status status =
        selection_read_rule(root, path, "target_modules", &selection->target_modules, err);
    if (!status)
        status =
            selection_read_rule(root, path, "exclude_modules", &selection->exclude_modules, err);
    if (!status) status = read_saved(selection, err);
    if (!status && by_layers) status = read_layers(selection, err);
    if (!status && by_layers) status = read_layers_pattern(selection, err);
    return status;
}

/* ------------------------------------------------------------------------------------- numbers */

/* A table from pattern to number; ranks are whole. */
static pst_status read_overrides(const struct selection *selection, const char *key, int whole,
                                 double low, double high, struct selection_overrides *overrides,
                                 pst_error *err) {
    const char *path = selection->path, *pattern;
    json_t *table = json_object_get(selection->root, key), *value;
    if (!table || json_is_null(table)) return PST_OK;
    if (!json_is_object(table))
        return error_set(err, PST_ERR_MODEL, "%s: %s is %s, expected an object", path, key,
                         json_kind(table));
    pst_status status;
    overrides->items =
        new_items(json_object_size(table), sizeof *overrides->items, path, key, &status, err);
    if (status) return status;
    json_object_foreach(table, pattern, value) {
        if (whole ? !json_is_integer(value) : !json_is_number(value))
            return error_set(err, PST_ERR_MODEL, "%s: %s: \"%s\" is %s, expected %s", path, key,
                             pattern, json_kind(value), whole ? "an integer" : "a number");
        double number = json_number_value(value);
        if (!(number >= low && number <= high))
            return error_set(err, PST_ERR_MODEL, "%s: %s: \"%s\" is %g, expected %g to %g", path,
                             key, pattern, number, low, high);
        overrides->items[overrides->count++] = (struct selection_override){pattern, number};
    }
    return PST_OK;
}

pst_status selection_read_rank(struct selection *selection, const struct selection_keys *keys,
                               pst_error *err) {
    const json_t *root = selection->root;
    const char *path = selection->path;
    const char *const numbers[] = {keys->rank, keys->alpha};
    for (int i = 0; i < 2; i++)
        if (numbers[i] && json_is_null(json_object_get(root, numbers[i])))
            return error_set(err, PST_ERR_MODEL, "%s: %s is null, expected a number", path,
                             numbers[i]);
    int64_t r = selection->r;
    pst_status status = PST_OK;
    if (keys->rank) status = json_get_int(root, path, keys->rank, 1, SELECTION_RANK_MAX, &r, err);
    selection->r = (uint32_t)r;
    if (!status && keys->alpha)
        status = json_get_double(root, path, keys->alpha, -SELECTION_ALPHA_MAX, SELECTION_ALPHA_MAX,
                                 &selection->alpha, err);
    if (!status && keys->rank_pattern)
        status = read_overrides(selection, keys->rank_pattern, 1, 1, SELECTION_RANK_MAX,
                                &selection->rank_pattern, err);
    return status;
}

pst_status selection_read_numbers(struct selection *selection, const char *alpha, pst_error *err) {
    selection->r = 8; /* PEFT's default, as that of alpha */
    selection->alpha = 8;
    pst_status status =
        selection_read_rank(selection, &(struct selection_keys){"r", "rank_pattern", alpha}, err);
    if (!status)
        status = read_overrides(selection, "alpha_pattern", 0, -SELECTION_ALPHA_MAX,
                                SELECTION_ALPHA_MAX, &selection->alpha_pattern, err);
    return status;
}

void selection_free(struct selection *selection) {
    free(selection->target_modules.names.items);
    free(selection->exclude_modules.names.items);
    free(selection->modules_to_save.items);
    free(selection->layers_to_transform);
    free(selection->layers_pattern.items);
    free(selection->rank_pattern.items);
    free(selection->alpha_pattern.items);
}
