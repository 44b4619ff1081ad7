/* config_families.h - the config.json of each family, but for special tokens and the tie. */
#ifndef PST_MODEL_CONFIG_FAMILIES_H
#define PST_MODEL_CONFIG_FAMILIES_H

#include "formats/json_file.h"
#include "model/config.h"

/* Both begin with the defaults of the family's configuration class. */
pst_status config_read_moonshine(struct config *config, const struct json_file *file,
                                 pst_error *err);
pst_status config_read_streaming(struct config *config, const struct json_file *file,
                                 pst_error *err);

#endif
