/* run_identity.c - see run_identity.h. */
#include "resume/run_identity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "console.h"
#include "json_text.h"
#include "locate.h"
#include "resume/option_digest.h"

json_t *run_identity_hash(uint64_t hash) {
    char text[20];
    snprintf(text, sizeof text, "%016" PRIx64, hash);
    return need(json_string(text));
}

/* Names, sizes and times of the files that decide what comes out; a folder may hold others, the
 * report itself for one. Of an adapter that lies in a folder inside the one that is named, only
 * the name counts. */
static uint64_t add_files(uint64_t hash, const char *folder) {
    static const char *const NAMES[] = {
        "config.json",       "generation_config.json", "model.safetensors",
        "pytorch_model.bin", "tokenizer.json",         "model.safetensors.index.json",
        "potstill.json",     "adapter_config.json",    "adapter_model.safetensors",
        "adapter_model.bin", "adapter.safetensors",    "Manifest.json"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct stat st;
        char *path = text_format("%s/%s", folder, NAMES[i]);
        if (stat(path, &st) == 0) {
            char *state = text_format("%s %lld %lld", NAMES[i], (long long)st.st_size,
                                      (long long)st.st_mtime);
            hash = digest_text(hash, state);
            free(state);
        }
        free(path);
    }
    return hash;
}

/* A model or adapter: its name, and the state of its files. */
static json_t *source_in(const char *name, const char *dir) {
    json_t *object = need(json_object());
    json_object_set_new(object, "name", json_text(name));
    json_object_set_new(object, "files", run_identity_hash(add_files(DIGEST_FIRST, dir)));
    return object;
}

static json_t *source(const struct engine_choice *choice, const char *name, pst_find_kind kind) {
    struct stat st;
    char *dir = NULL;
    if (!name) return need(json_null());
    int is_folder = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
    if (!is_folder) engine_locate(choice, name, kind, &dir); /* found before, so it is again */
    json_t *object = source_in(name, dir ? dir : name);
    pst_free(dir);
    return object;
}

/* All that are named, and their weights. */
static json_t *adapters(const struct engine_choice *choice) {
    json_t *array = need(json_array());
    for (size_t i = 0; i < choice->adapters.count; i++) {
        double weight;
        char *name = locate_split_weight(choice->adapters.items[i], &weight);
        json_t *object = source(choice, name, PST_FIND_ADAPTER);
        json_object_set_new(object, "weight", json_real(weight));
        json_array_append_new(array, object);
        free(name);
    }
    return array;
}

json_t *run_identity(const struct engine *engine, const struct engine_choice *choice) {
    json_t *settings = need(json_object());
    json_object_set_new(settings, "version", json_text(pst_version()));
    json_object_set_new(settings, "model", source_in(engine->model_name, engine->model_dir));
    json_object_set_new(settings, "adapter", source(choice, choice->adapter, PST_FIND_ADAPTER));
    if (choice->adapters.count) json_object_set_new(settings, "adapters", adapters(choice));
    json_object_set_new(settings, "adapter_scale", json_real(choice->adapter_scale));
    json_object_set_new(settings, "processor",
                        source(choice, choice->processor, PST_FIND_PROCESSOR));
    json_object_set_new(settings, "decoder", source(choice, choice->decoder, PST_FIND_CHECKPOINT));
    json_object_set_new(settings, "device", json_text(engine->device));
    json_object_set_new(settings, "kernels", json_text(engine->info.kernels));
    json_object_set_new(settings, "precision", json_text(engine->info.precision));
    return settings;
}
