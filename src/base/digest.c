/* digest.c - see digest.h. */
#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file_view.h"
#include "potstill_tools.h"

static pst_status fail(pst_error *err) {
    return error_set(err, PST_ERR_UNSUPPORTED, "libcrypto computes no digest of this kind here");
}

pst_status digest_begin(struct digest *digest, enum digest_kind kind, pst_error *err) {
    if (!digest->context) digest->context = EVP_MD_CTX_new();
    if (!digest->context) return error_memory(err, 0);
    const EVP_MD *method = kind == DIGEST_SHA256 ? EVP_sha256() : EVP_sha1();
    return EVP_DigestInit_ex(digest->context, method, NULL) == 1 ? PST_OK : fail(err);
}

pst_status digest_add(struct digest *digest, const void *bytes, size_t length, pst_error *err) {
    return EVP_DigestUpdate(digest->context, bytes, length) == 1 ? PST_OK : fail(err);
}

pst_status digest_end(struct digest *digest, char hex[DIGEST_HEX_SIZE], pst_error *err) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_DigestFinal_ex(digest->context, bytes, &length) != 1 || 2 * length >= DIGEST_HEX_SIZE)
        return fail(err);
    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * (size_t)length] = '\0';
    return PST_OK;
}

void digest_free(struct digest *digest) {
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

static pst_status add_file(struct digest *digest, int fd, const char *path,
                           const struct cancel *cancel, pst_error *err) {
    unsigned char piece[1 << 16]; /* long against a system call, short against a cache */
    for (;;) {
        ssize_t size = read(fd, piece, sizeof piece);
        if (size == 0) return PST_OK;
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return error_system(err, "read", path, errno);
        pst_status status = digest_add(digest, piece, (size_t)size, err);
        if (!status) status = cancel_check(cancel, err);
        if (status) return status;
    }
}

pst_status digest_file(enum digest_kind kind, const char *path, const struct cancel *cancel,
                       char hex[DIGEST_HEX_SIZE], pst_error *err) {
    struct stat st;
    int fd;
    pst_status status = file_open(path, &fd, &st, err);
    if (status) return status;
    struct digest digest = {0};
    status = digest_begin(&digest, kind, err);
    if (!status) status = add_file(&digest, fd, path, cancel, err);
    if (!status) status = digest_end(&digest, hex, err);
    digest_free(&digest);
    close(fd);
    return status;
}

pst_status pst_sha256(const void *bytes, size_t length, char hex[65], pst_error *err) {
    if ((!bytes && length) || !hex)
        return error_set(err, PST_ERR_ARGUMENT, "pst_sha256: a pointer is NULL");
    struct digest digest = {0};
    pst_status status = digest_begin(&digest, DIGEST_SHA256, err);
    if (!status) status = digest_add(&digest, bytes, length, err);
    if (!status) status = digest_end(&digest, hex, err);
    digest_free(&digest);
    return status;
}

pst_status pst_sha256_file(const char *path, char hex[65], pst_error *err) {
    if (!path || !hex)
        return error_set(err, PST_ERR_ARGUMENT, "pst_sha256_file: a pointer is NULL");
    return digest_file(DIGEST_SHA256, path, NULL, hex, err);
}
