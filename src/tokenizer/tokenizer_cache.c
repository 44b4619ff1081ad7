/* tokenizer_cache.c - see tokenizer_cache.h. The head of the file is the digests of what
 * tokenizer_open() reads. */
#include "tokenizer/tokenizer_cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cache_file.h"
#include "base/content_digest.h"
#include "tokenizer/tokenizer_image.h"
#include "tokenizer/tokenizer_internal.h"

/* All but the first may be missing. */
static const char *const FILES[] = {"tokenizer.json", "tokenizer_config.json",
                                    "special_tokens_map.json"};
enum { FILE_COUNT = sizeof FILES / sizeof *FILES };

/* Appends the digests of the files in `dir`; 0 when one cannot be had. */
static int describe(struct buffer *head, const char *dir, const char *cache_dir) {
    buffer_format(head, "tokenizer %d\n", TOKENIZER_IMAGE_VERSION);
    int known = 1;
    for (int i = 0; i < FILE_COUNT && known; i++) {
        struct stat st;
        struct file_stamp stamp;
        char hex[DIGEST_HEX_SIZE] = "none";
        char *path = path_join(dir, FILES[i]);
        int there = path && stat(path, &st) == 0;
        if (there) {
            file_stamp_of(&stamp, &st);
            known = S_ISREG(st.st_mode) && content_digest(path, &stamp, cache_dir, hex);
        }
        known &= path != NULL && (there || i > 0);
        free(path);
        buffer_format(head, "%s\n", hex);
    }
    return known && !head->failed;
}

static struct tokenizer *read_image(const char *cache_dir, const struct cache_content *content) {
    struct file_view view;
    const unsigned char *body = cache_file_open(&view, cache_dir, content);
    if (!body) return NULL;
    struct tokenizer *tokenizer =
        tokenizer_image_read(body, view.size - (size_t)(body - view.data));
    if (tokenizer)
        tokenizer->image = view;
    else
        file_view_close(&view);
    return tokenizer;
}

static void write_image(const struct tokenizer *tokenizer, const char *cache_dir,
                        const struct cache_content *content) {
    struct buffer image = {0};
    struct cache_content whole = *content;
    tokenizer_image_write(&image, tokenizer);
    whole.body = image.data;
    whole.body_bytes = image.length;
    if (!image.failed) cache_file_write(cache_dir, &whole);
    buffer_free(&image);
}

/* Reads the files, and keeps the result when they are afterwards what they were before. */
static pst_status read_files(struct tokenizer **tokenizer, const char *dir, const char *cache_dir,
                             const struct cache_content *content, pst_error *err) {
    pst_status status = tokenizer_open(tokenizer, dir, err);
    if (status) return status;
    struct buffer head = {0};
    if (describe(&head, dir, cache_dir) && head.length == content->head_bytes &&
        memcmp(head.data, content->head, head.length) == 0)
        write_image(*tokenizer, cache_dir, content);
    buffer_free(&head);
    return PST_OK;
}

pst_status tokenizer_cache_open(struct tokenizer **tokenizer, const char *dir,
                                const char *cache_dir, pst_error *err) {
    struct buffer head = {0};
    if (!cache_dir || !describe(&head, dir, cache_dir)) {
        buffer_free(&head);
        return tokenizer_open(tokenizer, dir, err);
    }
    struct cache_content content = {
        .head = head.data, .head_bytes = head.length, .body_bytes = CACHE_BODY_ANY};
    cache_file_name(content.name, "tokenizer", head.data, head.length);
    pst_status status = PST_OK;
    struct tokenizer *kept = read_image(cache_dir, &content);
    if (kept)
        *tokenizer = kept;
    else
        status = read_files(tokenizer, dir, cache_dir, &content, err);
    buffer_free(&head);
    return status;
}
