/* config_writer.h - config.json and generation_config.json as transformers 5.2.0 saves them. */
#ifndef PST_MERGE_CONFIG_WRITER_H
#define PST_MERGE_CONFIG_WRITER_H

#include "base/buffer.h"
#include "potstill.h"

/* Appends the config of the model in `dir` with another dtype ("float32", ...) and tie of the
 * embedding to the output matrix, whichever version wrote it. */
pst_status config_rewrite(struct buffer *text, const char *dir, const char *dtype, int tied,
                          pst_error *err);

/* The same for the settings of generate(), made from config.json where the folder has none. */
pst_status generation_config_rewrite(struct buffer *text, const char *dir, pst_error *err);

#endif
