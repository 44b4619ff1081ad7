/* option_struct.c - see option_struct.h. */
#include "base/option_struct.h"

#include <string.h>

#include "base/error.h"

/* Larger values are not a size but memory that was never set: no struct is as long as a page. */
enum { STRUCT_BYTES_MAX = 4096 };

void option_struct_fill(void *options, size_t struct_size, const void *defaults, size_t size) {
    if (struct_size > size) memset((char *)options + size, 0, struct_size - size);
    memcpy(options, defaults, struct_size < size ? struct_size : size);
    if (struct_size >= sizeof struct_size) memcpy(options, &struct_size, sizeof struct_size);
}

/* The size of a struct is a multiple of the alignment of its members; one of them is a size_t. */
static int is_struct_size(size_t size) {
    return size >= sizeof size && size % _Alignof(size_t) == 0 && size <= STRUCT_BYTES_MAX;
}

pst_status option_struct_copy(void *own, size_t size, const void *given, const char *type,
                              pst_error *err) {
    const unsigned char *bytes = given;
    size_t given_size;
    if (!given) return PST_OK;
    memcpy(&given_size, given, sizeof given_size);
    if (!is_struct_size(given_size))
        return error_set(err, PST_ERR_ARGUMENT,
                         "%s: struct_size is %zu, expected %zu as %s_init() sets it", type,
                         given_size, size, type);
    for (size_t i = size; i < given_size; i++)
        if (bytes[i])
            return error_set(err, PST_ERR_UNSUPPORTED,
                             "%s: a field is set that this library does not have (%zu bytes, "
                             "expected %zu): the program was made for a newer version than %s",
                             type, given_size, size, PST_VERSION);
    size_t known = given_size < size ? given_size : size;
    memcpy((char *)own + sizeof size, bytes + sizeof size, known - sizeof size);
    return PST_OK;
}
