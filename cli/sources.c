/* sources.c - see sources.h. */
#include "sources.h"

#include <stdlib.h>

#include "console.h"
#include "locate.h"

static int find_adapters(struct sources *sources, const struct environment *environment,
                         const struct option_texts *texts) {
    sources->adapters = need(calloc(texts->count + 1, sizeof *sources->adapters));
    sources->adapter_count = texts->count;
    for (size_t i = 0; i < texts->count; i++) {
        char *dir = NULL;
        char *name = locate_split_weight(texts->items[i], &sources->adapters[i].weight);
        int code = locate_adapter(environment, name, &dir);
        sources->adapters[i].dir = dir;
        free(name);
        if (code) return code;
    }
    return 0;
}

int sources_find(struct sources *sources, const struct engine_choice *choice,
                 const struct option_texts *adapters) {
    struct environment environment;
    *sources = (struct sources){0};
    environment_read(&environment, choice->offline);
    const char *name = choice->model ? choice->model : environment.model;
    int code = find_adapters(sources, &environment, adapters);
    if (!code)
        code = locate(&environment, name, "config.json", choice->revision, &sources->model_dir);
    if (!code && choice->processor)
        code = locate(&environment, choice->processor, "tokenizer.json", choice->revision,
                      &sources->processor_dir);
    environment_free(&environment);
    return code;
}

void sources_free(struct sources *sources) {
    for (size_t i = 0; i < sources->adapter_count; i++) pst_free((char *)sources->adapters[i].dir);
    free(sources->adapters);
    pst_free(sources->model_dir);
    pst_free(sources->processor_dir);
    *sources = (struct sources){0};
}
