/* fuzz_package_folder.c - any bytes as one file of a converted model that is right otherwise: its
 * index potstill.json, or a file of a package. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_view.h"
#include "coreml/package/package.h"
#include "coreml/run/package_index.h"
#include "ram_folder.h"
#include "support/package_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PACKAGE "sample.mlpackage"

/* A file of the package, and its right bytes. */
struct part {
    const char *name;
    unsigned char *bytes; /* [size] */
    size_t size;
};

static struct part parts[] = {
    {.name = PACKAGE "/Manifest.json"},
    {.name = PACKAGE "/Data/com.apple.CoreML/model.mlmodel"},
    {.name = PACKAGE "/Data/com.apple.CoreML/weights/weight.bin"},
};
enum { PARTS = sizeof parts / sizeof *parts };

static void require(int holds) {
    if (!holds) abort();
}

static void keep_part(struct part *part) {
    struct file_view view;
    require(file_view_open(&view, ram_folder_path(part->name), 1 << 20, NULL) == PST_OK);
    part->size = view.size;
    part->bytes = malloc(view.size + 1);
    require(part->bytes != NULL);
    memcpy(part->bytes, view.data, view.size);
    file_view_close(&view);
}

static void make_package(void) {
    struct mil_model *model = sample_plain(7);
    require(package_write(model, ram_folder_path(PACKAGE), 0, NULL, NULL) == PST_OK);
    mil_model_free(model);
    for (size_t i = 0; i < PARTS; i++) keep_part(&parts[i]);
}

static void try_package(struct part *part, const uint8_t *data, size_t size) {
    struct mil_model *model = NULL;
    ram_folder_write(part->name, data, size);
    if (package_read(ram_folder_path(PACKAGE), &model, NULL) == PST_OK) mil_model_free(model);
    ram_folder_write(part->name, part->bytes, part->size);
}

static void check_part(const struct package_part *part) {
    require(part->package[0] && part->package[0] != '.' && !strchr(part->package, '/'));
}

static void try_index(const uint8_t *data, size_t size) {
    struct package_index index;
    ram_folder_write("potstill.json", data, size);
    if (package_index_open(&index, ram_folder(), NULL) == PST_OK) {
        require(index.length_count > 0 && index.cache_dim > 0 && index.tokens_max <= index.slots);
        require((uint32_t)index.start < index.vocab);
        require((index.token == 0 || index.token == 1) && (index.blocks == 0 || index.blocks == 1));
        require(index.ends.count > 0 && index.ends.count <= ENDS_MAX);
        for (uint32_t i = 0; i < index.ends.count; i++)
            require((uint32_t)index.ends.ids[i] < index.vocab);
        for (size_t i = 0; i < index.drafts.count; i++)
            for (size_t j = 0; j < index.drafts.texts[i].count; j++)
                require((uint32_t)index.drafts.texts[i].tokens[j] < index.vocab);
        for (size_t i = 0; i < index.length_count; i++) {
            check_part(&index.lengths[i].encoder);
            check_part(&index.lengths[i].decoder);
        }
    }
    package_index_close(&index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!parts[0].bytes) make_package();
    if (size < 1) return 0;
    size_t which = data[0] % (PARTS + 1);
    if (which == PARTS)
        try_index(data + 1, size - 1);
    else
        try_package(&parts[which], data + 1, size - 1);
    return 0;
}
