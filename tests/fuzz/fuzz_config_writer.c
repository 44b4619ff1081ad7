/* fuzz_config_writer.c - any bytes as the config.json or generation_config.json of a checkpoint
 * that is merged: what is written is an object that can be read again, and written again it is the
 * same. The first byte says which file, and how the config is written. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_file.h"
#include "merge/config_writer.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CONFIG[] = "config.json", GENERATION[] = "generation_config.json";

static void require(int holds) {
    if (!holds) abort();
}

static pst_status rewrite(struct buffer *text, const char *name, int tied) {
    pst_error err = {0};
    pst_status status = name == CONFIG ? config_rewrite(text, ram_folder(), "float32", tied, &err)
                                       : generation_config_rewrite(text, ram_folder(), &err);
    require(status != PST_ERR_MEMORY); /* a file of a few kilobytes */
    return status;
}

static void check_text(const struct buffer *text) {
    json_error_t error;
    json_t *root = json_parse(text->data, text->length, 0, &error);
    require(json_is_object(root));
    json_decref(root);
}

/* Of the file as it lies in the folder; `target` is what it becomes. */
static void try_rewrite(const char *target, int tied) {
    struct buffer once = {0}, twice = {0};
    if (rewrite(&once, target, tied) == PST_OK) {
        check_text(&once);
        ram_folder_write(target, once.data, once.length);
        require(rewrite(&twice, target, tied) == PST_OK);
        require(once.length == twice.length && !memcmp(once.data, twice.data, once.length));
    }
    buffer_free(&once);
    buffer_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const char *source = data[0] & 1 ? GENERATION : CONFIG;
    const char *target = data[0] & 2 ? GENERATION : source; /* made from config.json, or its own */
    ram_folder_write(source, data + 1, size - 1);
    try_rewrite(target, data[0] & 4);
    ram_folder_remove(CONFIG);
    ram_folder_remove(GENERATION);
    return 0;
}
