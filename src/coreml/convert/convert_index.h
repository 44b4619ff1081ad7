/* convert_index.h - what is written about a conversion: metadata in each
 * package, and potstill.json. */
#ifndef PST_COREML_CONVERT_CONVERT_INDEX_H
#define PST_COREML_CONVERT_CONVERT_INDEX_H

#include "coreml/convert/convert_plan.h"

/* Fills in who made `model` from what. */
void convert_describe(const struct conversion *conversion, struct mil_model *model,
                      const char *what);
/* A function of a package, as the index has it. */
struct convert_part {
    const struct mil_model *model;
    const char *package;
    size_t function; /* its number in the model */
};
/* Those of a length. */
struct convert_parts {
    struct convert_part encoder, decoder, verifier; /* verifier.model NULL: there is none */
};
/* Notes the length `index`: its shapes and functions. */
pst_status convert_note_length(struct conversion *conversion, size_t index,
                               const struct convert_parts *parts, pst_error *err);
/* Notes the hash of <dir>/<name>; a package's two files when it is one. */
pst_status convert_note_file(struct conversion *conversion, const char *dir, const char *name,
                             pst_error *err);
/* Writes <dir>/potstill.json. */
pst_status convert_write_index(struct conversion *conversion, const char *dir, pst_error *err);

#endif
