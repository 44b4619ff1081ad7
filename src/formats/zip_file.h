/* zip_file.h - the entries of a zip archive whose contents lie in it uncompressed.
 *
 *   entries     local header "PK\3\4", name, extra field, contents: one after the other
 *   directory   one record "PK\1\2" for each entry: name, sizes, where its local header is
 *   end         [zip64 end "PK\6\6", its locator "PK\6\7"] and the end record "PK\5\6", comment
 *
 * The directory decides: of a local header only the length of its name is used.
 * Sizes and places beyond 32 bits are in the zip64 records. Compressed and encrypted entries are
 * refused, by name. Checksums are not compared: torch writes archives without meaningful ones. */
#ifndef PST_FORMATS_ZIP_FILE_H
#define PST_FORMATS_ZIP_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "potstill.h"

struct zip_entry {
    const char *name; /* [name_bytes] inside the archive, no NUL behind it */
    size_t name_bytes;
    const unsigned char *data; /* [bytes] inside the archive, any alignment */
    size_t bytes;
};

struct zip_file {
    struct zip_entry *entries; /* [count], sorted by name (byte order), no name twice */
    size_t count;
};

/* Does the file begin like an archive that has entries? */
int zip_looks_like(const unsigned char *bytes, size_t size);

/* Reads the directory of an archive in memory, which must outlive it; `path` is for messages. */
pst_status zip_open(struct zip_file *zip, const unsigned char *bytes, size_t size, const char *path,
                    pst_error *err);
void zip_close(struct zip_file *zip);

/* NULL when there is none. */
const struct zip_entry *zip_find(const struct zip_file *zip, const char *name, size_t name_bytes);

#endif
