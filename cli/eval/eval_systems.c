/* eval_systems.c - see eval_systems.h. */
#include "eval/eval_systems.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"
#include "locate.h"

/* A new system of that name, which is copied; NULL with the reason printed: there is one. */
static struct eval_system *add(struct eval_systems *systems, const char *name) {
    if (strcmp(name, "ref") == 0) { /* ref.trn holds the references */
        say("eval: no system can be called ref: that is what was said");
        return NULL;
    }
    for (size_t i = 0; i < systems->count; i++)
        if (strcmp(systems->list[i].name, name) == 0) {
            say("eval: two systems are called %s", name);
            return NULL;
        }
    systems->list = need(realloc(systems->list, (systems->count + 1) * sizeof *systems->list));
    struct eval_system *system = &systems->list[systems->count++];
    *system = (struct eval_system){.name = need(strdup(name))};
    return system;
}

/* The last part of a path, which may end with slashes. */
static char *last_part(const char *path, size_t length) {
    while (length > 1 && path[length - 1] == '/') length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/') start--;
    return text_format("%.*s", (int)(length - start), path + start);
}

/* Up to the "+" that ends a name; a folder with that sign in its name is one. */
static size_t first_length(const char *text) {
    struct stat st;
    double weight;
    char *whole = locate_split_weight(text, &weight);
    int is_one = stat(whole, &st) == 0;
    free(whole);
    return is_one ? strlen(text) : strcspn(text, "+");
}

static void add_adapter(struct eval_system *system, const char *text) {
    system->adapters =
        need(realloc(system->adapters, (system->adapter_count + 1) * sizeof *system->adapters));
    struct eval_adapter *adapter = &system->adapters[system->adapter_count++];
    *adapter = (struct eval_adapter){.weight = 1};
    adapter->path = locate_split_weight(text, &adapter->weight);
}

/* "a+b:0.7": the last parts of the paths. */
static char *name_of(const struct eval_system *system) {
    char *name = text_format("%s", "");
    for (size_t i = 0; i < system->adapter_count; i++) {
        const struct eval_adapter *adapter = &system->adapters[i];
        char *part = last_part(adapter->path, strlen(adapter->path));
        char *longer = adapter->weight == 1
                           ? text_format("%s%s%s", name, i ? "+" : "", part)
                           : text_format("%s%s%s:%g", name, i ? "+" : "", part, adapter->weight);
        free(part);
        free(name);
        name = longer;
    }
    return name;
}

static void free_system(struct eval_system *system) {
    for (size_t i = 0; i < system->adapter_count; i++) free(system->adapters[i].path);
    free(system->adapters);
    free(system->name);
    free(system->hypotheses);
    free(system->model);
}

int eval_systems_add_adapters(struct eval_systems *systems, const char *text, const char *model) {
    struct eval_system parsed = {0};
    for (const char *at = strcmp(text, "none") == 0 ? "" : text; *at;) {
        size_t length = first_length(at);
        char *one = text_format("%.*s", (int)length, at);
        if (*one) add_adapter(&parsed, one);
        free(one);
        at += length + (at[length] == '+');
    }
    char *name = parsed.adapter_count ? name_of(&parsed) : text_format("base");
    struct eval_system *system = add(systems, name);
    free(name);
    if (!system) {
        free_system(&parsed);
        return EXIT_USAGE;
    }
    system->adapters = parsed.adapters;
    system->adapter_count = parsed.adapter_count;
    system->model = text_format("%s", model ? model : "");
    return 0;
}

int eval_systems_add(struct eval_systems *systems, const char *name, const char *hypotheses) {
    struct eval_system *system = add(systems, name);
    if (!system) return EXIT_USAGE;
    system->hypotheses = need(strdup(hypotheses));
    return 0;
}

int eval_systems_add_file(struct eval_systems *systems, const char *text, const char **path) {
    const char *equals = strchr(text, '=');
    *path = equals && equals > text ? equals + 1 : text;
    char *name = *path > text ? text_format("%.*s", (int)(equals - text), text)
                              : last_part(text, strlen(text));
    if (*path == text && strrchr(name, '.') > name) *strrchr(name, '.') = '\0';
    int code = eval_systems_add(systems, name, *path);
    free(name);
    return code;
}

void eval_systems_free(struct eval_systems *systems) {
    for (size_t i = 0; i < systems->count; i++) free_system(&systems->list[i]);
    free(systems->list);
    *systems = (struct eval_systems){0};
}
