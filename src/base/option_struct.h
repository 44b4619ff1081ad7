/* option_struct.h - reads the option structs of the public header, of any version.
 *
 * Such a struct begins with its struct_size and grows only at its end. An older program's struct is
 * shorter than the library's: the fields that it lacks keep their defaults. A newer program's
 * struct is longer: it is accepted as long as the fields unknown here are zero. */
#ifndef PST_BASE_OPTION_STRUCT_H
#define PST_BASE_OPTION_STRUCT_H

#include <stddef.h>

#include "potstill.h"

/* Writes `defaults` [size] to the caller's struct of `struct_size` bytes; the rest of it is 0. */
void option_struct_fill(void *options, size_t struct_size, const void *defaults, size_t size);

/* Copies the fields of `given` over `own` [size], which holds the defaults. NULL changes nothing.
 * `type` is the name of the struct for messages: "pst_model_options". */
pst_status option_struct_copy(void *own, size_t size, const void *given, const char *type,
                              pst_error *err);

#endif
