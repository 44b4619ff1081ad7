/* adapter_shelf.c - see adapter_shelf.h. */
#include "serve/adapter_shelf.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "console.h"
#include "json_text.h"
#include "options.h"

struct shelf_item {
    char *name, *root;
    double weight; /* what a request's own is multiplied by */
    pst_adapter *adapter;
    long created;
    size_t users; /* requests, and the shelf itself; under its mutex */
};

static void item_free(struct shelf_item *item) {
    pst_adapter_free(item->adapter);
    free(item->name);
    free(item->root);
    free(item);
}

/* Under the mutex. */
static void let_go(struct shelf_item *item) {
    if (--item->users == 0) item_free(item);
}

void adapter_shelf_open(struct adapter_shelf *shelf) {
    pthread_mutex_init(&shelf->mutex, NULL);
}

void adapter_shelf_close(struct adapter_shelf *shelf) {
    for (size_t i = 0; i < shelf->count; i++) let_go(shelf->items[i]);
    free(shelf->items);
    pthread_mutex_destroy(&shelf->mutex);
}

char *adapter_shelf_root(const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t at = end;
    while (at > 0 && path[at - 1] != '/') at--;
    return text_format("%.*s", (int)(end - at), path + at);
}

int adapter_name_is_valid(const char *name) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char others[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    return length >= 1 && length <= SHELF_NAME_MAX && strchr(first, name[0]) &&
           strspn(name, others) == length;
}

/* --------------------------------------------------------------------------------- on and off */

/* Where `name` is, or belongs; under the mutex. */
static size_t find(const struct adapter_shelf *shelf, const char *name, int *found) {
    size_t at = 0;
    while (at < shelf->count && strcmp(shelf->items[at]->name, name) < 0) at++;
    *found = at < shelf->count && strcmp(shelf->items[at]->name, name) == 0;
    return at;
}

static void insert(struct adapter_shelf *shelf, struct shelf_item *item) {
    int found;
    pthread_mutex_lock(&shelf->mutex);
    size_t at = find(shelf, item->name, &found);
    if (found) {
        let_go(shelf->items[at]);
    } else {
        shelf->items = need(realloc(shelf->items, (shelf->count + 1) * sizeof *shelf->items));
        memmove(shelf->items + at + 1, shelf->items + at,
                (shelf->count - at) * sizeof *shelf->items);
        shelf->count++;
    }
    shelf->items[at] = item;
    pthread_mutex_unlock(&shelf->mutex);
}

pst_status adapter_shelf_put(struct adapter_shelf *shelf, const char *name, const char *dir,
                             double weight, pst_error *err) {
    pst_adapter_options options;
    pst_adapter *adapter = NULL;
    char *found = NULL;
    pst_adapter_options_init(&options);
    options.warn = say_warning;
    options.adapter_scale = shelf->adapter_scale;
    pst_status status = pst_adapter_find(dir, &found, err);
    if (!status) status = pst_adapter_open(shelf->model, found, &options, &adapter, err);
    pst_free(found);
    if (status) return status;
    struct shelf_item *item = need(malloc(sizeof *item));
    *item = (struct shelf_item){.name = text_format("%s", name),
                                .root = adapter_shelf_root(dir),
                                .weight = weight,
                                .adapter = adapter,
                                .created = (long)time(NULL),
                                .users = 1};
    insert(shelf, item);
    return PST_OK;
}

pst_status adapter_shelf_load(struct adapter_shelf *shelf, const char *name, const char *folder,
                              pst_error *err) {
    struct stat st;
    int valid = adapter_name_is_valid(name) && adapter_name_is_valid(folder);
    *err = (pst_error){.code = PST_ERR_INPUT};
    if (!shelf->folder || !valid || strcmp(name, shelf->base) == 0) {
        snprintf(err->message, sizeof err->message,
                 "'%.100s': expected the name of an adapter, of letters, digits, \".\", \"_\" and "
                 "\"-\", that is in the server's folder of adapters",
                 name);
        return err->code;
    }
    char *dir = text_format("%s/%s", shelf->folder, folder);
    /* A link may lead out of the folder. */
    int is_folder = lstat(dir, &st) == 0 && S_ISDIR(st.st_mode);
    pst_status status = PST_ERR_INPUT;
    if (is_folder)
        status = adapter_shelf_put(shelf, name, dir, 1, err);
    else
        snprintf(err->message, sizeof err->message, "there is no folder '%s' of an adapter",
                 folder);
    free(dir);
    return status;
}

int adapter_shelf_take_off(struct adapter_shelf *shelf, const char *name) {
    int found;
    pthread_mutex_lock(&shelf->mutex);
    size_t at = find(shelf, name, &found);
    if (found) {
        let_go(shelf->items[at]);
        memmove(shelf->items + at, shelf->items + at + 1,
                (--shelf->count - at) * sizeof *shelf->items);
    }
    pthread_mutex_unlock(&shelf->mutex);
    return found;
}

static int is_there(struct adapter_shelf *shelf, const char *name) {
    int found;
    pthread_mutex_lock(&shelf->mutex);
    find(shelf, name, &found);
    pthread_mutex_unlock(&shelf->mutex);
    return found;
}

void adapter_shelf_load_all(struct adapter_shelf *shelf) {
    pst_error err;
    DIR *dir = shelf->folder ? opendir(shelf->folder) : NULL;
    if (shelf->folder && !dir) say("%s: cannot be read as a folder", shelf->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!adapter_name_is_valid(entry->d_name) || is_there(shelf, entry->d_name)) continue;
        if (adapter_shelf_load(shelf, entry->d_name, entry->d_name, &err)) say("%s", err.message);
    }
    if (dir) closedir(dir);
}

/* ------------------------------------------------------------------------------------ choosing */

static int is_base(const struct adapter_shelf *shelf, const char *name) {
    for (size_t i = 0; i < shelf->alias_count; i++)
        if (strcmp(shelf->aliases[i], name) == 0) return 1;
    return strcmp(shelf->base, name) == 0;
}

/* "name" or "name:weight"; under the mutex. */
static int choose_one(struct adapter_shelf *shelf, char *part, struct adapter_choice *choice,
                      struct api_error *error) {
    int found;
    double weight = 1;
    char *colon = strchr(part, ':');
    if (colon) *colon = '\0';
    if (colon && !parse_number(colon + 1, &weight))
        return api_error_set(error, 400, "invalid_value", "model",
                             "model: '%.100s': expected a number as the weight of '%.100s'",
                             colon + 1, part);
    size_t at = find(shelf, part, &found);
    if (!found)
        return api_error_set(error, 404, "model_not_found", "model",
                             "model: there is no '%.100s' here; /v1/models lists what there is",
                             part);
    if (choice->count == SHELF_TOGETHER_MAX)
        return api_error_set(error, 400, "invalid_value", "model",
                             "model: expected at most %d adapters together", SHELF_TOGETHER_MAX);
    struct shelf_item *item = shelf->items[at];
    item->users++;
    choice->adapters[choice->count] = item->adapter;
    choice->weights[choice->count] = item->weight * weight;
    choice->items[choice->count++] = item;
    return 0;
}

int adapter_shelf_choose(struct adapter_shelf *shelf, const char *model,
                         struct adapter_choice *choice, struct api_error *error) {
    *choice = (struct adapter_choice){.count = 0};
    if (is_base(shelf, model)) return 0;
    char *names = text_format("%s", model), *next = names;
    int code = 0;
    pthread_mutex_lock(&shelf->mutex);
    while (!code && next) {
        char *part = next;
        next = strchr(part, '+');
        if (next) *next++ = '\0';
        code = choose_one(shelf, part, choice, error);
    }
    pthread_mutex_unlock(&shelf->mutex);
    free(names);
    if (code) adapter_shelf_release(shelf, choice);
    return code;
}

void adapter_shelf_release(struct adapter_shelf *shelf, struct adapter_choice *choice) {
    pthread_mutex_lock(&shelf->mutex);
    for (size_t i = 0; i < choice->count; i++) let_go(choice->items[i]);
    pthread_mutex_unlock(&shelf->mutex);
    choice->count = 0;
}

/* -------------------------------------------------------------------------------------- models */

/* An entry of OpenAI's list, with the two keys that vLLM has for adapters. */
static json_t *model_entry(const char *id, long created, const char *root, const char *parent) {
    json_t *entry = need(json_object());
    json_object_set_new(entry, "id", json_text(id));
    json_object_set_new(entry, "object", json_string("model"));
    json_object_set_new(entry, "created", json_integer(created));
    json_object_set_new(entry, "owned_by", json_string("potstill"));
    json_object_set_new(entry, "root", json_text(root));
    json_object_set_new(entry, "parent", parent ? json_text(parent) : json_null());
    return entry;
}

json_t *adapter_shelf_models(struct adapter_shelf *shelf, const char *id) {
    json_t *list = need(json_array()), *one = NULL;
    json_array_append_new(list, model_entry(shelf->base, shelf->created, shelf->base, NULL));
    pthread_mutex_lock(&shelf->mutex);
    for (size_t i = 0; i < shelf->count; i++) {
        const struct shelf_item *item = shelf->items[i];
        json_array_append_new(list,
                              model_entry(item->name, item->created, item->root, shelf->base));
    }
    pthread_mutex_unlock(&shelf->mutex);
    if (!id) {
        json_t *object = need(json_object());
        json_object_set_new(object, "object", json_string("list"));
        json_object_set_new(object, "data", list);
        return object;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(entry, "id")), id) == 0)
            one = json_incref(entry);
    }
    json_decref(list);
    return one;
}

size_t adapter_shelf_count(struct adapter_shelf *shelf) {
    pthread_mutex_lock(&shelf->mutex);
    size_t count = shelf->count;
    pthread_mutex_unlock(&shelf->mutex);
    return count;
}
