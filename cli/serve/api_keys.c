/* api_keys.c - see api_keys.h. */
#include "serve/api_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "console.h"

static void digest(const char *key, size_t length, unsigned char *out) {
    /* Fails only without memory; then no key is right. */
    if (!EVP_Digest(key, length, out, NULL, EVP_sha256(), NULL)) memset(out, 0, 32);
}

/* A line without the space around it. */
static size_t trim(char **line) {
    *line += strspn(*line, " \t");
    size_t length = strlen(*line);
    while (length && strchr(" \t\r\n", (*line)[length - 1])) length--;
    (*line)[length] = '\0';
    return length;
}

int api_keys_read(struct api_keys *keys, const char *path) {
    char *line = NULL;
    size_t size = 0;
    *keys = (struct api_keys){NULL, 0};
    FILE *file = fopen(path, "r");
    if (!file) return fail(EXIT_USAGE, "%s: cannot be read: %s", path, strerror(errno));
    while (getline(&line, &size, file) >= 0) {
        char *key = line;
        size_t length = trim(&key);
        if (length == 0 || key[0] == '#') continue;
        keys->digests = need(realloc(keys->digests, (keys->count + 1) * sizeof *keys->digests));
        digest(key, length, keys->digests[keys->count++]);
    }
    int failed = ferror(file);
    fclose(file);
    free(line);
    if (failed) return fail(EXIT_USAGE, "%s: cannot be read", path);
    return keys->count ? 0 : fail(EXIT_USAGE, "%s: has no key, expected one a line", path);
}

void api_keys_free(struct api_keys *keys) {
    free(keys->digests);
    *keys = (struct api_keys){NULL, 0};
}

size_t api_keys_find(const struct api_keys *keys, const char *authorization) {
    static const char scheme[] = "Bearer ";
    unsigned char told[API_KEY_DIGEST_BYTES];
    size_t found = 0;
    if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) return 0;
    const char *key = authorization + sizeof scheme - 1;
    key += strspn(key, " ");
    digest(key, strlen(key), told);
    for (size_t i = 0; i < keys->count; i++) {
        int same = CRYPTO_memcmp(told, keys->digests[i], sizeof told) == 0;
        found = same ? i + 1 : found;
    }
    return found;
}
