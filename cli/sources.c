/* sources.c - see sources.h. */
#include "sources.h"

#include <stdlib.h>

#include "console.h"
#include "locate.h"

static int find_adapter(struct sources *sources, const struct environment *environment,
                        const char *name, double weight) {
    char *dir = NULL;
    int code = locate(environment, name, PST_FIND_ADAPTER, NULL, &dir);
    if (!code) sources->adapters[sources->adapter_count++] = (pst_merge_adapter){dir, weight};
    return code;
}

static int find_adapters(struct sources *sources, const struct environment *environment,
                         const struct engine_choice *choice) {
    size_t count = choice->adapters.count + 1;
    sources->adapters = need(calloc(count, sizeof *sources->adapters));
    int code = 0;
    if (choice->adapter) code = find_adapter(sources, environment, choice->adapter, 1);
    for (size_t i = 0; i < choice->adapters.count && !code; i++) {
        double weight;
        char *name = locate_split_weight(choice->adapters.items[i], &weight);
        code = find_adapter(sources, environment, name, weight);
        free(name);
    }
    return code;
}

/* The model for the adapters. */
static int find_base(struct sources *sources, const struct environment *environment,
                     const struct engine_choice *choice) {
    const char **dirs = need(calloc(sources->adapter_count + 1, sizeof *dirs));
    for (size_t i = 0; i < sources->adapter_count; i++) dirs[i] = sources->adapters[i].dir;
    int code = locate_base(environment, dirs, sources->adapter_count, choice->revision,
                           &sources->model_name, &sources->model_dir);
    free(dirs);
    return code;
}

static int find_processor(struct sources *sources, const struct environment *environment) {
    pst_error err;
    if (sources->processor_dir) return 0;
    return pst_finder_processor(environment->finder, sources->model_dir, &sources->processor_dir,
                                &err)
               ? fail_model(&err)
               : 0;
}

static int compare_bases(const struct sources *sources, const struct environment *environment,
                         int chosen) {
    pst_error err;
    for (size_t i = 0; i < sources->adapter_count; i++)
        if (pst_finder_check_base(environment->finder, sources->adapters[i].dir,
                                  sources->model_name, sources->model_dir, chosen, &err))
            return fail_model(&err);
    return 0;
}

int sources_find(struct sources *sources, const struct environment *environment,
                 const struct engine_choice *choice) {
    int code = 0;
    *sources = (struct sources){0};
    if (choice->model) {
        sources->model_name = text_format("%s", choice->model);
        code = locate(environment, choice->model, PST_FIND_MODEL, choice->revision,
                      &sources->model_dir);
    }
    if (!code && choice->processor)
        code = locate(environment, choice->processor, PST_FIND_PROCESSOR, choice->revision,
                      &sources->processor_dir);
    if (!code) code = find_adapters(sources, environment, choice);
    if (!code && !sources->model_dir) code = find_base(sources, environment, choice);
    if (!code) code = find_processor(sources, environment);
    return code ? code : compare_bases(sources, environment, choice->model != NULL);
}

/* What packages lack is said as for any folder that is no checkpoint. */
static int check_checkpoint(const struct environment *environment, const char *name) {
    char *dir = NULL;
    if (!locate_is_converted(name)) return 0;
    int code = locate(environment, name, PST_FIND_CHECKPOINT, NULL, &dir);
    pst_free(dir);
    return code;
}

int sources_find_checkpoint(struct sources *sources, const struct environment *environment,
                            const struct engine_choice *choice) {
    *sources = (struct sources){0};
    int code = choice->model ? check_checkpoint(environment, choice->model) : 0;
    if (!code) code = sources_find(sources, environment, choice);
    return code ? code : check_checkpoint(environment, sources->model_dir);
}

void sources_free(struct sources *sources) {
    for (size_t i = 0; i < sources->adapter_count; i++) pst_free((char *)sources->adapters[i].dir);
    free(sources->adapters);
    pst_free(sources->model_name);
    pst_free(sources->model_dir);
    pst_free(sources->processor_dir);
    *sources = (struct sources){0};
}
