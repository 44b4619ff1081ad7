/* config_file.h - reading a config.json. */
#ifndef PST_MODEL_CONFIG_FILE_H
#define PST_MODEL_CONFIG_FILE_H

#include "model/config.h"

/* Reads <dir>/config.json: the spellings of transformers 4.48 to 5.x. What upstream refuses, and
 * what this engine does not run (another model_type, other key-value heads than upstream runs,
 * another activation or rope type), is refused by name. */
pst_status config_read(struct config *config, const char *dir, pst_error *err);

#endif
