/* pickle_file.h - a dict of tensors as torch.save() writes it, in the form of a safetensors file.
 *
 *   <name>/data.pkl    a pickle: the dict, each tensor as type, storage, offset, shape, strides
 *   <name>/byteorder   "little"; missing in old files, which are little-endian too
 *   <name>/data/0 ...  the storages: elements one after the other
 *
 * all of it in a zip archive without compression. The pickle is never run as Python would
 * run it; see pickle.h. A tensor that lies in its storage in C order is used there;
 * another is copied into it. */
#ifndef PST_FORMATS_PICKLE_FILE_H
#define PST_FORMATS_PICKLE_FILE_H

#include "formats/safetensors.h"
#include "potstill.h"

/* Opens and validates a whole file; safetensors_close() closes it. */
pst_status pickle_file_open(struct safetensors *file, const char *path, pst_error *err);
/* The same over bytes in memory, which must outlive it; `name` is used in messages. */
pst_status pickle_file_parse(struct safetensors *file, const unsigned char *bytes, size_t size,
                             const char *name, pst_error *err);

#endif
