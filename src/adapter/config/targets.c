/* targets.c - see targets.h. All patterns are compiled before the first is matched, so that a bad
 * one is reported even when no module would reach it. */
#include "adapter/config/targets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/config/config_regex.h"
#include "base/error.h"
#include "base/text.h"

/* From this many distinct target_modules on, PEFT replaces full names by shorter endings. */
enum { PEFT_CONDENSES_FROM = 20 };

struct regex_list {
    struct config_regex **items; /* [count] */
    size_t count;
};

struct matcher {
    const struct selection *selection;
    int all_linear;
    struct regex_list target, exclude; /* one or none */
    struct regex_list saved, layers, rank, alpha;
};

/* ----------------------------------------------------------------------------------- compiling */

static pst_status add_regex(struct regex_list *list, struct config_regex_place place,
                            const char *before, const char *pattern, const char *after,
                            enum config_regex_span span, pst_error *err) {
    pst_status status =
        config_regex_new(&list->items[list->count], place, before, pattern, after, span, err);
    if (!status) list->count++;
    return status;
}

static pst_status reserve(struct regex_list *list, size_t count, pst_error *err) {
    list->items = calloc(count + 1, sizeof *list->items);
    return list->items ? PST_OK : error_memory(err, (count + 1) * sizeof *list->items);
}

/* A pattern that must cover the whole name; an empty or missing one is no pattern. */
static pst_status compile_choice(struct regex_list *list, const struct selection_rule *choice,
                                 struct config_regex_place place, pst_error *err) {
    pst_status status = reserve(list, 1, err);
    if (status || !choice->pattern || !*choice->pattern) return status;
    return add_regex(list, place, "", choice->pattern, "", CONFIG_REGEX_WHOLE, err);
}

static pst_status compile_names(struct regex_list *list, const struct selection_names *names,
                                struct config_regex_place place, const char *before,
                                const char *after, pst_error *err) {
    pst_status status = reserve(list, names->count, err);
    for (size_t i = 0; i < names->count && !status; i++)
        status = add_regex(list, place, before, names->items[i], after, CONFIG_REGEX_START, err);
    return status;
}

static pst_status compile_overrides(struct regex_list *list,
                                    const struct selection_overrides *overrides,
                                    struct config_regex_place place, pst_error *err) {
    pst_status status = reserve(list, overrides->count, err);
    for (size_t i = 0; i < overrides->count && !status; i++)
        status = add_regex(list, place, "(.*\\.)?(", overrides->items[i].pattern, ")$",
                           CONFIG_REGEX_START, err);
    return status;
}

/* Where the layer number is in a name. The default rule is greedy, as in PEFT 0.18.1: it takes the
 * last number between dots that something follows. */
static pst_status compile_layers(struct matcher *matcher, struct config_regex_place place,
                                 pst_error *err) {
    const struct selection *selection = matcher->selection;
    if (selection->layer_count == 0) return PST_OK;
    if (selection->layers_pattern.count > 0)
        return compile_names(&matcher->layers, &selection->layers_pattern, place, ".*\\.",
                             "\\.(\\d+)\\.", err);
    pst_status status = reserve(&matcher->layers, 1, err);
    if (status) return status;
    return add_regex(&matcher->layers, place, ".*\\.", "[^.]*", "\\.(\\d+)\\.", CONFIG_REGEX_START,
                     err);
}

static pst_status compile(struct matcher *matcher, pst_error *err) {
    const struct selection *selection = matcher->selection;
    const char *path = selection->path, *pattern = selection->target_modules.pattern;
    matcher->all_linear = pattern && text_equals_any_case(pattern, "all-linear");
    pst_status status = PST_OK;
    if (!matcher->all_linear)
        status = compile_choice(&matcher->target, &selection->target_modules,
                                (struct config_regex_place){path, "target_modules"}, err);
    if (!status)
        status = compile_choice(&matcher->exclude, &selection->exclude_modules,
                                (struct config_regex_place){path, "exclude_modules"}, err);
    if (!status)
        status = compile_names(&matcher->saved, &selection->modules_to_save,
                               (struct config_regex_place){path, "modules_to_save"}, "(^|.*\\.)",
                               "($|\\..*)", err);
    if (!status)
        status = compile_layers(matcher, (struct config_regex_place){path, "layers_pattern"}, err);
    if (!status)
        status = compile_overrides(&matcher->rank, &selection->rank_pattern,
                                   (struct config_regex_place){path, "rank_pattern"}, err);
    if (!status)
        status = compile_overrides(&matcher->alpha, &selection->alpha_pattern,
                                   (struct config_regex_place){path, "alpha_pattern"}, err);
    return status;
}

static void free_list(struct regex_list *list) {
    for (size_t i = 0; i < list->count; i++) config_regex_free(list->items[i]);
    free(list->items);
}

static void free_matcher(struct matcher *matcher) {
    free_list(&matcher->target);
    free_list(&matcher->exclude);
    free_list(&matcher->saved);
    free_list(&matcher->layers);
    free_list(&matcher->rank);
    free_list(&matcher->alpha);
}

/* ------------------------------------------------------------------------------------ matching */

static int is_listed(const struct selection_names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0) return 1;
    return 0;
}

/* Does `name` end with "." and one of `names`? */
static int has_listed_ending(const struct selection_names *names, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < names->count; i++) {
        size_t ending = strlen(names->items[i]);
        if (ending < length && name[length - ending - 1] == '.' &&
            text_ends_with(name, length, names->items[i]))
            return 1;
    }
    return 0;
}

/* The first expression that matches; list->count when none does. */
static pst_status first_match(const struct regex_list *list, const char *name, size_t *index,
                              pst_error *err) {
    for (*index = 0; *index < list->count; ++*index) {
        int matched = 0;
        pst_status status = config_regex_match(list->items[*index], name, &matched, err);
        if (status || matched) return status;
    }
    return PST_OK;
}

static pst_status is_excluded(const struct matcher *matcher, const char *name, int *excluded,
                              pst_error *err) {
    const struct selection_names *names = &matcher->selection->exclude_modules.names;
    size_t index;
    *excluded = is_listed(names, name) || has_listed_ending(names, name);
    if (*excluded) return PST_OK;
    pst_status status = first_match(&matcher->exclude, name, &index, err);
    *excluded = index < matcher->exclude.count;
    if (status || *excluded) return status;
    status = first_match(&matcher->saved, name, &index, err);
    *excluded = index < matcher->saved.count;
    return status;
}

/* Is the layer of `name` one of layers_to_transform? A name without a layer number is not. */
static pst_status is_in_layers(const struct matcher *matcher, const char *name, int *in,
                               pst_error *err) {
    const struct selection *selection = matcher->selection;
    size_t index;
    int64_t layer;
    *in = selection->layer_count == 0;
    if (*in) return PST_OK;
    pst_status status = first_match(&matcher->layers, name, &index, err);
    if (status || index == matcher->layers.count) return status;
    status = config_regex_group_number(matcher->layers.items[index], name, &layer, err);
    for (size_t i = 0; i < selection->layer_count && !status && !*in; i++)
        *in = selection->layers_to_transform[i] == layer;
    return status;
}

static size_t count_distinct(const struct selection_names *names) {
    size_t distinct = 0;
    for (size_t i = 0; i < names->count && distinct < PEFT_CONDENSES_FROM; i++) {
        size_t before = 0;
        while (before < i && strcmp(names->items[before], names->items[i]) != 0) before++;
        distinct += before == i;
    }
    return distinct;
}

/* A full name in the list counts whatever its layer; an ending obeys layers_to_transform. PEFT may
 * turn one into the other in long lists: where the answers differ then, the config is refused. */
static pst_status is_in_list(const struct matcher *matcher, const char *name, int *in,
                             pst_error *err) {
    const struct selection_names *names = &matcher->selection->target_modules.names;
    int full = is_listed(names, name);
    *in = 0;
    if (!full && !has_listed_ending(names, name)) return PST_OK;
    pst_status status = is_in_layers(matcher, name, in, err);
    if (status || *in || !full) return status;
    *in = 1;
    if (count_distinct(names) < PEFT_CONDENSES_FROM) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED,
                     "%s: target_modules lists %s, which layers_to_transform leaves out: which of "
                     "them counts in a list of %d or more depends on PEFT",
                     matcher->selection->path, name, PEFT_CONDENSES_FROM);
}

static pst_status is_target(const struct matcher *matcher, const char *name, int linear, int *in,
                            pst_error *err) {
    size_t index;
    int excluded = 0;
    *in = 0;
    pst_status status = is_excluded(matcher, name, &excluded, err);
    if (status || excluded) return status;
    if (matcher->all_linear) {
        *in = linear && strcmp(name, "proj_out") != 0; /* all but the output layer */
        return PST_OK;
    }
    if (!matcher->selection->target_modules.pattern) return is_in_list(matcher, name, in, err);
    status = first_match(&matcher->target, name, &index, err);
    *in = index < matcher->target.count;
    return status;
}

/* ----------------------------------------------------------------------------------- resolving */

static pst_status refuse(const struct matcher *matcher, const char *name, pst_error *err) {
    const char *path = matcher->selection->path;
    if (matcher->selection->any_module)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: target_modules matches %s, which holds other modules: name those, or "
                         "merge the adapter in Python with merge_and_unload()",
                         path, name);
    return error_set(err, PST_ERR_MODEL,
                     "%s: target_modules matches %s, which is not a linear module, convolution or "
                     "embedding (PEFT refuses it too)",
                     path, name);
}

/* Refuses `name`, a module without weights, when it is a target. */
static pst_status check_plain(const struct matcher *matcher, const char *name, pst_error *err) {
    int in = 0;
    pst_status status = is_target(matcher, name, 0, &in, err);
    return status || !in ? status : refuse(matcher, name, err);
}

static pst_status check_child(const struct matcher *matcher, char *name, size_t size,
                              const char *parent_ending, const char *child, pst_error *err) {
    size_t length = strlen(name);
    if (!text_ends_with(name, length, parent_ending) || length + strlen(child) >= size)
        return PST_OK;
    strcpy(name + length, child);
    pst_status status = check_plain(matcher, name, err);
    name[length] = '\0';
    return status;
}

/* The modules that hold `name` ("model", "model.encoder", ...) and that did not hold
 * `previous`, with the children that have no weights. named_modules() lists them as well, so a
 * pattern may match them. */
static pst_status check_parents(const struct matcher *matcher, const char *name,
                                const char *previous, pst_error *err) {
    char parent[256];
    size_t length = strlen(name);
    if (length >= sizeof parent) return PST_OK;
    for (size_t i = 0; i < length; i++) {
        if (name[i] != '.' || strncmp(name, previous, i + 1) == 0) continue;
        memcpy(parent, name, i);
        parent[i] = '\0';
        pst_status status = check_plain(matcher, parent, err);
        if (!status)
            status = check_child(matcher, parent, sizeof parent, ".mlp", ".activation_fn", err);
        if (!status)
            status =
                check_child(matcher, parent, sizeof parent, "model.encoder", ".rotary_emb", err);
        if (!status)
            status =
                check_child(matcher, parent, sizeof parent, "model.decoder", ".rotary_emb", err);
        if (status) return status;
    }
    return PST_OK;
}

/* Rank and alpha of a target: the first pattern that matches, else the general value. */
static pst_status measure(const struct matcher *matcher, const char *name, struct target *target,
                          pst_error *err) {
    const struct selection *selection = matcher->selection;
    size_t index;
    pst_status status = first_match(&matcher->rank, name, &index, err);
    if (status) return status;
    target->rank = index < matcher->rank.count
                       ? (uint32_t)selection->rank_pattern.items[index].value
                       : selection->r;
    status = first_match(&matcher->alpha, name, &index, err);
    if (status) return status;
    target->alpha = index < matcher->alpha.count ? selection->alpha_pattern.items[index].value
                                                 : selection->alpha;
    double rank = target->rank;
    target->scale = target->alpha / (selection->use_rslora ? sqrt(rank) : rank);
    return PST_OK;
}

static pst_status find(const struct matcher *matcher, const struct module *modules, uint32_t count,
                       struct target *targets, uint32_t *adapted, pst_error *err) {
    *adapted = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct module *module = &modules[i];
        int linear = module->kind == MODULE_LINEAR, in = 0;
        targets[i] = (struct target){0};
        pst_status status = check_parents(matcher, module->name, i ? modules[i - 1].name : "", err);
        if (!status) status = is_target(matcher, module->name, linear, &in, err);
        if (!status && in && module->kind == MODULE_NORM && !matcher->selection->any_module)
            status = refuse(matcher, module->name, err);
        if (!status && in) status = measure(matcher, module->name, &targets[i], err);
        if (status) return status;
        *adapted += in != 0;
    }
    if (*adapted > 0) return PST_OK;
    return error_set(err, PST_ERR_MODEL,
                     "%s: target_modules matches no module of the model, as exclude_modules and "
                     "layers_to_transform restrict it (is this adapter for another model?)",
                     matcher->selection->path);
}

pst_status targets_find(const struct selection *selection, const struct module *modules,
                        uint32_t count, struct target *targets, uint32_t *adapted, pst_error *err) {
    if (!selection->target_modules.given)
        return error_set(err, PST_ERR_MODEL,
                         "%s: target_modules is missing, and PEFT has no default for this model",
                         selection->path);
    struct matcher matcher = {.selection = selection};
    pst_status status = compile(&matcher, err);
    if (!status) status = find(&matcher, modules, count, targets, adapted, err);
    free_matcher(&matcher);
    return status;
}
