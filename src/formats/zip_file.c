/* zip_file.c - see zip_file.h for the format. */
#include "formats/zip_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"

enum {
    LOCAL_BYTES = 30, /* fixed parts of the records */
    DIRECTORY_BYTES = 46,
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    COMMENT_BYTES_MAX = 65535,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1,
    NAME_SHOWN = 80 /* of a name, in messages */
};

static const uint32_t LOCAL = 0x04034b50, DIRECTORY = 0x02014b50, END = 0x06054b50,
                      END64 = 0x06064b50, LOCATOR = 0x07064b50;
static const uint32_t IN_ZIP64 = 0xFFFFFFFF; /* a 32-bit field whose value is elsewhere */

static uint64_t read_number(const unsigned char *bytes, int width) {
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

static uint32_t u16(const unsigned char *bytes) {
    return (uint32_t)read_number(bytes, 2);
}

static uint32_t u32(const unsigned char *bytes) {
    return (uint32_t)read_number(bytes, 4);
}

struct archive {
    const unsigned char *bytes; /* [size] */
    size_t size;
    const char *path;
};

/* Where the directory is. */
struct extent {
    uint64_t offset, bytes, entries;
};

int zip_looks_like(const unsigned char *bytes, size_t size) {
    return size >= 4 && u32(bytes) == LOCAL;
}

/* The end record, the last one whose comment ends with the file; NULL when there is none. */
static const unsigned char *find_end(const struct archive *zip) {
    if (zip->size < END_BYTES) return NULL;
    for (size_t comment = 0; comment <= COMMENT_BYTES_MAX; comment++) {
        if (comment > zip->size - END_BYTES) return NULL;
        const unsigned char *end = zip->bytes + zip->size - END_BYTES - comment;
        if (u32(end) == END && u16(end + 20) == comment) return end;
    }
    return NULL;
}

/* The zip64 end record that belongs to `end`; NULL when there is none, or none whole. */
static const unsigned char *find_end64(const struct archive *zip, const unsigned char *end) {
    if (end - zip->bytes < LOCATOR_BYTES || u32(end - LOCATOR_BYTES) != LOCATOR) return NULL;
    uint64_t offset = read_number(end - LOCATOR_BYTES + 8, 8);
    if (!checked_range(offset, END64_BYTES, zip->size) || u32(zip->bytes + offset) != END64)
        return NULL;
    return zip->bytes + offset;
}

static pst_status find_directory(const struct archive *zip, struct extent *directory,
                                 pst_error *err) {
    const unsigned char *end = find_end(zip);
    if (!end)
        return error_set(err, PST_ERR_MODEL, "%s: has no end record of a zip archive (cut short?)",
                         zip->path);
    *directory = (struct extent){u32(end + 16), u32(end + 12), u16(end + 10)};
    if (directory->offset == IN_ZIP64 || directory->bytes == IN_ZIP64 ||
        directory->entries == 0xFFFF) {
        const unsigned char *end64 = find_end64(zip, end);
        if (!end64)
            return error_set(err, PST_ERR_MODEL, "%s: the zip64 end record is missing", zip->path);
        *directory = (struct extent){read_number(end64 + 48, 8), read_number(end64 + 40, 8),
                                     read_number(end64 + 32, 8)};
    }
    if (!checked_range(directory->offset, directory->bytes, zip->size) ||
        directory->entries > directory->bytes / DIRECTORY_BYTES)
        return error_set(err, PST_ERR_MODEL,
                         "%s: the zip directory of %llu bytes for %llu entries at byte %llu does "
                         "not fit into the file",
                         zip->path, (unsigned long long)directory->bytes,
                         (unsigned long long)directory->entries,
                         (unsigned long long)directory->offset);
    return PST_OK;
}

/* Replaces the fields that say IN_ZIP64 by those of the extra field, which are in this order. */
static int read_zip64(const unsigned char *extra, size_t bytes, uint64_t *fields[3]) {
    for (size_t at = 0; bytes - at >= 4;) {
        size_t length = u16(extra + at + 2);
        const unsigned char *value = extra + at + 4;
        if (length > bytes - at - 4) return 0;
        at += 4 + length;
        if (u16(value - 4) != EXTRA_ZIP64) continue;
        for (int i = 0; i < 3; i++) {
            if (*fields[i] != IN_ZIP64) continue;
            if (length < 8) return 0;
            *fields[i] = read_number(value, 8);
            value += 8;
            length -= 8;
        }
        return 1;
    }
    return 1; /* no such field: the values are as they are, and will be out of range */
}

static pst_status refuse(const struct archive *zip, const struct zip_entry *entry, const char *why,
                         pst_status code, pst_error *err) {
    return error_set(err, code, "%s: zip entry \"%.*s\" %s", zip->path,
                     utf8_cut(entry->name, entry->name_bytes, NAME_SHOWN), entry->name, why);
}

/* Finds the contents behind the local header. */
static pst_status locate(const struct archive *zip, struct zip_entry *entry, uint64_t offset,
                         uint64_t bytes, pst_error *err) {
    if (!checked_range(offset, LOCAL_BYTES, zip->size) || u32(zip->bytes + offset) != LOCAL)
        return refuse(zip, entry, "has no local header where the directory says", PST_ERR_MODEL,
                      err);
    uint64_t begin =
        offset + LOCAL_BYTES + u16(zip->bytes + offset + 26) + u16(zip->bytes + offset + 28);
    if (!checked_range(begin, bytes, zip->size))
        return refuse(zip, entry, "ends beyond the file (cut short?)", PST_ERR_MODEL, err);
    entry->data = zip->bytes + begin;
    entry->bytes = (size_t)bytes;
    return PST_OK;
}

/* Reads one directory record of at most `limit` bytes and adds its size to *used. */
static pst_status read_entry(const struct archive *zip, const unsigned char *record, size_t limit,
                             size_t *used, struct zip_entry *entry, pst_error *err) {
    if (limit < DIRECTORY_BYTES || u32(record) != DIRECTORY)
        return error_set(err, PST_ERR_MODEL, "%s: the zip directory has %s", zip->path,
                         limit < DIRECTORY_BYTES ? "fewer entries than the end record says"
                                                 : "an invalid record");
    size_t name_bytes = u16(record + 28), extra = u16(record + 30), comment = u16(record + 32);
    if (name_bytes + extra + comment > limit - DIRECTORY_BYTES)
        return error_set(err, PST_ERR_MODEL, "%s: the last zip entry passes the directory's end",
                         zip->path);
    *used += DIRECTORY_BYTES + name_bytes + extra + comment;
    entry->name = (const char *)record + DIRECTORY_BYTES;
    entry->name_bytes = name_bytes;
    if (utf8_valid_length(entry->name, name_bytes) != name_bytes)
        return error_set(err, PST_ERR_MODEL, "%s: a zip entry's name is not UTF-8", zip->path);
    uint64_t bytes = u32(record + 24), stored = u32(record + 20), offset = u32(record + 42);
    uint64_t *fields[3] = {&bytes, &stored, &offset};
    if (!read_zip64(record + DIRECTORY_BYTES + name_bytes, extra, fields))
        return refuse(zip, entry, "has a damaged zip64 field", PST_ERR_MODEL, err);
    if (u16(record + 8) & FLAG_ENCRYPTED)
        return refuse(zip, entry, "is encrypted: not supported", PST_ERR_UNSUPPORTED, err);
    if (u16(record + 10) != 0)
        return refuse(zip, entry, "is compressed, which torch never does: not supported",
                      PST_ERR_UNSUPPORTED, err);
    if (bytes != stored) return refuse(zip, entry, "has two different sizes", PST_ERR_MODEL, err);
    return locate(zip, entry, offset, bytes, err);
}

static int by_name(const void *a, const void *b) {
    const struct zip_entry *left = a, *right = b;
    size_t both = left->name_bytes < right->name_bytes ? left->name_bytes : right->name_bytes;
    int order = memcmp(left->name, right->name, both);
    return order ? order
                 : (left->name_bytes > right->name_bytes) - (left->name_bytes < right->name_bytes);
}

static pst_status read_directory(struct zip_file *zip, const struct archive *archive,
                                 const struct extent *directory, pst_error *err) {
    size_t used = 0;
    for (; zip->count < directory->entries; zip->count++) {
        pst_status status =
            read_entry(archive, archive->bytes + directory->offset + used,
                       (size_t)directory->bytes - used, &used, &zip->entries[zip->count], err);
        if (status) return status;
    }
    if (used != directory->bytes)
        return error_set(err, PST_ERR_MODEL,
                         "%s: the zip directory has more than the %llu entries it announces",
                         archive->path, (unsigned long long)directory->entries);
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&zip->entries[i - 1], &zip->entries[i]) == 0)
            return refuse(archive, &zip->entries[i], "is there twice", PST_ERR_MODEL, err);
    return PST_OK;
}

pst_status zip_open(struct zip_file *zip, const unsigned char *bytes, size_t size, const char *path,
                    pst_error *err) {
    struct archive archive = {bytes, size, path};
    struct extent directory = {0};
    *zip = (struct zip_file){0};
    pst_status status = find_directory(&archive, &directory, err);
    if (status) return status;
    zip->entries = calloc((size_t)directory.entries + 1, sizeof *zip->entries);
    if (!zip->entries) return error_memory(err, (size_t)directory.entries * sizeof *zip->entries);
    status = read_directory(zip, &archive, &directory, err);
    if (status) zip_close(zip);
    return status;
}

void zip_close(struct zip_file *zip) {
    free(zip->entries);
    *zip = (struct zip_file){0};
}

const struct zip_entry *zip_find(const struct zip_file *zip, const char *name, size_t name_bytes) {
    struct zip_entry key = {.name = name, .name_bytes = name_bytes};
    if (zip->count == 0) return NULL;
    return bsearch(&key, zip->entries, zip->count, sizeof *zip->entries, by_name);
}
