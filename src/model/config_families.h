/* config_families.h - the config.json of each family, but for special tokens and the tie. */
#ifndef PST_MODEL_CONFIG_FAMILIES_H
#define PST_MODEL_CONFIG_FAMILIES_H

#include "formats/json_file.h"
#include "model/config.h"

/* Begins with the defaults of the family's configuration class. */
typedef pst_status config_reader(struct config *config, const struct json_file *file,
                                 pst_error *err);
config_reader config_read_moonshine, config_read_streaming;

#endif
