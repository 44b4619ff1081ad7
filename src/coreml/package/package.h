/* package.h - .mlpackage folders: written from a program in memory, and read back into one.
 *
 * X.mlpackage/Manifest.json, Data/com.apple.CoreML/model.mlmodel (protobuf, package.proto), and
 * Data/com.apple.CoreML/weights/weight.bin (blobs). */
#ifndef PST_COREML_PACKAGE_PACKAGE_H
#define PST_COREML_PACKAGE_PACKAGE_H

#include "base/cancel.h"
#include "base/folder_writer.h"
#include "coreml/mil/mil.h"

/* All that a package consists of, or a folder of converted ones: what may be replaced. */
extern const struct folder_files PACKAGE_FILES;
/* And where the conversion put a decoder beside them. */
extern const struct folder_files PACKAGE_FILES_AND_DECODER;

/* Writes `model` to the folder `path`, whole or not at all: a temporary folder beside it, synced,
 * then renamed. The same model gives the same bytes: identifiers are derived from the content. An
 * existing package is replaced with `force` and is an error without. `cancel` may be NULL. */
pst_status package_write(struct mil_model *model, const char *path, int force,
                         const struct cancel *cancel, pst_error *err);

/* Opens a package of any origin: every constant's data is in memory or in the mapped weight file,
 * which the model keeps. Hostile input; what it cannot represent is PST_ERR_UNSUPPORTED by name. */
pst_status package_read(const char *path, struct mil_model **model, pst_error *err);

#endif
