/* package_message.h - model.mlmodel: a program as the bytes of package.proto, and back. */
#ifndef PST_COREML_PACKAGE_PACKAGE_MESSAGE_H
#define PST_COREML_PACKAGE_PACKAGE_MESSAGE_H

#include "coreml/mil/mil.h"

/* Serialises `model`, whose blob_offsets are set. `*bytes` is the caller's to free(). */
pst_status message_write(const struct mil_model *model, unsigned char **bytes, size_t *length,
                         pst_error *err);

/* Builds the program of hostile bytes in the empty `model`. Constants of the weight file are looked
 * up in model->weights, whose data is NULL when there is none. Error messages begin with
 * "model.mlmodel". */
pst_status message_read(const unsigned char *bytes, size_t length, struct mil_model *model,
                        pst_error *err);

/* Walks over the bytes by the schema before anything is unpacked: nesting is bounded, every field
 * is known, of its wire type, in ascending order, and single where it is single. */
pst_status message_scan(const unsigned char *bytes, size_t length, pst_error *err);

#endif
