/* manifest.h - the limits of a manifest, and reading one from memory. */
#ifndef PST_PIPELINE_MANIFEST_H
#define PST_PIPELINE_MANIFEST_H

#include <stddef.h>

#include "potstill.h"

/* A sample printed in full takes some twenty characters: a line holds three minutes of them, more
 * than the model transcribes at once, and a file most of an hour. Longer sound belongs in audio
 * files, which a line merely names. */
#define MANIFEST_LINE_BYTES_MAX ((size_t)64 << 20)
#define MANIFEST_BYTES_MAX ((size_t)1 << 30)

/* pst_manifest_read() over text that lies in memory; `name` is used in messages. */
pst_status manifest_parse(const char *text, size_t size, const char *name, pst_manifest **manifest,
                          pst_error *err);

#endif
