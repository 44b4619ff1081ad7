/* pack_file.c - see pack_file.h. */
#include "network/pack_file.h"

#include "base/cache_file.h"
#include "base/content_digest.h"
#include "network/precision.h"

/* The digests of the files, in the order in which the checkpoint names them. */
static int add_digests(struct buffer *head, const struct checkpoint *checkpoint,
                       const char *cache_dir) {
    for (uint32_t i = 0; i < checkpoint->count; i++) {
        char hex[DIGEST_HEX_SIZE];
        const struct safetensors *file = &checkpoint->files[i];
        if (!content_digest(file->path, &file->view.stamp, cache_dir, hex)) return 0;
        buffer_format(head, "%s\n", hex);
    }
    return 1;
}

int pack_file_begin(struct pack_file *file, pst_precision precision,
                    const struct checkpoint *checkpoint, const struct pack_piece *pieces,
                    size_t count, size_t body_bytes, const char *cache_dir) {
    *file = (struct pack_file){.body_bytes = body_bytes};
    struct buffer *head = &file->head;
    buffer_format(head, "weights %d %s\n", PACK_FILE_VERSION, precision_name(precision));
    if (!add_digests(head, checkpoint, cache_dir)) return 0;
    for (size_t i = 0; i < count; i++) {
        const struct pack_piece *piece = &pieces[i];
        buffer_format(head, "%u %s %u %u %zu %zu\n", piece->slot, piece->layout, piece->n, piece->k,
                      piece->offset, piece->bytes);
    }
    return !head->failed;
}

static struct cache_content content_of(const struct pack_file *file, const unsigned char *body) {
    struct cache_content content = {
        .head = file->head.data,
        .head_bytes = file->head.length,
        .body = body,
        .body_bytes = file->body_bytes,
    };
    cache_file_name(content.name, "weights", content.head, content.head_bytes);
    return content;
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
