/* pack_file.c - see pack_file.h. */
#include "model/pack_file.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cache_file.h"
#include "base/content_digest.h"
#include "model/precision.h"

static void add_line(struct buffer *head, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_line(struct buffer *head, const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line)
        head->failed = 1;
    else
        buffer_append(head, line, (size_t)length);
}

/* The digests of the files, in the order in which the checkpoint names them. */
static int add_digests(struct buffer *head, const struct checkpoint *checkpoint,
                       const char *cache_dir) {
    for (uint32_t i = 0; i < checkpoint->count; i++) {
        char hex[DIGEST_HEX_SIZE];
        const struct safetensors *file = &checkpoint->files[i];
        if (!content_digest(file->path, &file->view.stamp, cache_dir, hex)) return 0;
        add_line(head, "%s\n", hex);
    }
    return 1;
}

int pack_file_begin(struct pack_file *file, enum precision precision,
                    const struct checkpoint *checkpoint, const struct pack_piece *pieces,
                    size_t count, size_t body_bytes, const char *cache_dir) {
    char hex[DIGEST_HEX_SIZE];
    *file = (struct pack_file){.body_bytes = body_bytes};
    struct buffer *head = &file->head;
    add_line(head, "weights %d %s\n", PACK_FILE_VERSION, precision_name(precision));
    if (!add_digests(head, checkpoint, cache_dir)) return 0;
    for (size_t i = 0; i < count; i++) {
        const struct pack_piece *piece = &pieces[i];
        add_line(head, "%u %s %u %u %zu %zu\n", piece->slot, piece->layout, piece->n, piece->k,
                 piece->offset, piece->bytes);
    }
    if (head->failed || !digest_bytes(DIGEST_SHA256, head->data, head->length, hex)) return 0;
    snprintf(file->name, sizeof file->name, "weights-%.32s", hex);
    return 1;
}

static struct cache_content content_of(const struct pack_file *file, const unsigned char *body) {
    return (struct cache_content){
        .name = file->name,
        .head = file->head.data,
        .head_bytes = file->head.length,
        .body = body,
        .body_bytes = file->body_bytes,
    };
}

const unsigned char *pack_file_open(struct pack_file *file, const char *cache_dir) {
    struct cache_content content = content_of(file, NULL);
    return cache_file_open(&file->view, cache_dir, &content);
}

void pack_file_write(const struct pack_file *file, const unsigned char *body,
                     const char *cache_dir) {
    struct cache_content content = content_of(file, body);
    cache_file_write(cache_dir, &content);
}

void pack_file_close(struct pack_file *file) {
    file_view_close(&file->view);
    buffer_free(&file->head);
    *file = (struct pack_file){0};
}
