/* adapter_folder.h - where in a folder the adapter is, and who wrote it.
 *
 * PEFT saves an adapter named "default" into the folder itself and any other into a sub-folder of
 * that name. Moonshine's own trainer writes adapter.safetensors and no config. */
#ifndef PST_ADAPTER_ADAPTER_FOLDER_H
#define PST_ADAPTER_ADAPTER_FOLDER_H

#include "formats/safetensors.h"
#include "potstill.h"

struct adapter_folder {
    char *path;     /* of the folder with the files, in fresh memory */
    int by_trainer; /* adapter.safetensors instead of PEFT's two files */
};

pst_status adapter_folder_find(struct adapter_folder *folder, const char *dir, pst_error *err);
void adapter_folder_free(struct adapter_folder *folder);

/* The file of PEFT's tensors in `dir`: "adapter_model.safetensors", or "adapter_model.bin" where
 * only that is there. */
const char *adapter_tensors_name(const char *dir);
pst_status adapter_tensors_open(struct safetensors *file, const char *dir, pst_error *err);

#endif
