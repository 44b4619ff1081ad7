/* pack_file.h - packed weights as a cache file (base/cache_file.h).
 *
 * The head of the file is text: the version of this layout, the precision, the digest of the
 * checkpoint, and a line for each piece - its module's slot, its layout, its shape and where it
 * lies. All of it is known before the file is opened, so a file that does not fit has another
 * head. */
#ifndef PST_NETWORK_PACK_FILE_H
#define PST_NETWORK_PACK_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/file_view.h"
#include "kernels/packed.h"
#include "model/checkpoint.h"

/* To be raised when the same head describes other bytes: another order or another rounding. */
enum { PACK_FILE_VERSION = 1 };

struct pack_piece {
    const char *layout;
    uint32_t slot, n, k;
    size_t offset, bytes; /* in the body; each begins on a cache line */
};

struct pack_file {
    struct buffer head;
    size_t body_bytes;
    struct file_view view; /* of the file that pack_file_open() found */
};

/* Determines what the file has to contain; 0 when the checkpoint is being changed, or memory is
 * short. pack_file_close() in any case. */
int pack_file_begin(struct pack_file *file, pst_precision precision,
                    const struct checkpoint *checkpoint, const struct pack_piece *pieces,
                    size_t count, size_t body_bytes, const char *cache_dir);
/* The body [body_bytes], 64-byte aligned, which lives as long as `file`; NULL when there is
 * none. */
const unsigned char *pack_file_open(struct pack_file *file, const char *cache_dir);
/* Writes it if it can be written; else the next process packs again. */
void pack_file_write(const struct pack_file *file, const unsigned char *body,
                     const char *cache_dir);
void pack_file_close(struct pack_file *file);

#endif
