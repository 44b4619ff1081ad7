/* package_blob.h - weights/weight.bin of a package: a header of 64 bytes, and for each constant
 * a record of 64 bytes at a multiple of 64, its data right behind. Little endian. */
#ifndef PST_COREML_PACKAGE_PACKAGE_BLOB_H
#define PST_COREML_PACKAGE_PACKAGE_BLOB_H

#include "base/cancel.h"
#include "base/digest.h"
#include "coreml/mil/mil.h"

enum { BLOB_ALIGNMENT = 64, BLOB_RECORD_BYTES = 64, BLOB_VERSION = 2 };
/* Constants with fewer elements stand in the program. */
enum { BLOB_ELEMENTS_MIN = 10 };
#define BLOB_SENTINEL 0xDEADBEEFu
#define BLOB_FILE_NAME "@model_path/weights/weight.bin"

struct blob_record {
    const void *data; /* [bytes], the constant's own memory */
    size_t bytes;
    uint32_t dtype;   /* by the file's numbers */
    uint32_t padding; /* bits of the last byte that are not used */
    uint64_t offset;  /* of the record */
    uint64_t hash;
    /* Of a record that was read: where its data starts, whether the reserved words are zero and
     * whether `padding` is what the type and the size make it. */
    uint64_t start;
    int clean, packed;
};

struct blob_header {
    uint32_t count, version;
};

/* What will stand where. Equal constants share a record. */
struct blob_plan {
    struct blob_record *records; /* [count], by rising offset */
    size_t count, capacity;
    size_t *table; /* [table_size] record number + 1 by hash; 0: free */
    size_t table_size;
    uint64_t end; /* the size of the file; 0: it is not needed */
};

/* The file's number of a type; 0: such constants do not go there. */
uint32_t blob_dtype(enum mil_dtype dtype);

/* Decides for every constant of `model` whether it goes to the file, and sets its blob_offset. */
pst_status blob_plan_model(struct blob_plan *plan, struct mil_model *model, pst_error *err);
void blob_plan_free(struct blob_plan *plan);

/* Writes the file and gives its SHA-256. */
pst_status blob_write(const struct blob_plan *plan, const char *path, const struct cancel *cancel,
                      char hex[DIGEST_HEX_SIZE], pst_error *err);

/* Points `data` to the constant of type `type` whose record is at `offset` of a file that was not
 * written here; `name` is what messages call it. */
pst_status blob_find(const struct file_view *file, uint64_t offset, const struct mil_type *type,
                     const char *name, const void **data, size_t *bytes, pst_error *err);

/* For checks of a whole file: 1, or 0 when there is no such thing. */
int blob_header_read(const struct file_view *file, struct blob_header *header);
int blob_record_read(const struct file_view *file, uint64_t offset, struct blob_record *record);

#endif
