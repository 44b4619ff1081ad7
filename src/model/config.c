/* config.c - see config.h. */
#include "model/config.h"

const char *family_name(enum family family) {
    return family == FAMILY_STREAMING ? "moonshine_streaming" : "moonshine";
}
