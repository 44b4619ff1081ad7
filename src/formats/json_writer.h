/* json_writer.h - JSON as Python's json.dumps(value, indent=2, sort_keys=True) lays it out. */
#ifndef PST_FORMATS_JSON_WRITER_H
#define PST_FORMATS_JSON_WRITER_H

#include <jansson.h>

#include "base/buffer.h"

/* Appends `value`. The files that transformers writes end in a newline; that is the caller's. */
void json_write(struct buffer *text, const json_t *value);

#endif
