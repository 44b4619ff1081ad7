/* page_template.c - see page_template.h. */
#include "page/page_template.h"

#include <string.h>

#include <openssl/evp.h>

#include "console.h"

enum {
    HASH_BYTES = 32,                      /* of SHA-256 */
    BASE64_SIZE = HASH_BYTES / 3 * 4 + 5, /* with a NUL */
};

static int print_hash(FILE *out, const struct page_source *source) {
    unsigned char hash[HASH_BYTES], text[BASE64_SIZE];
    if (!EVP_Digest(source->bytes, source->length, hash, NULL, EVP_sha256(), NULL))
        return fail(EXIT_ENVIRONMENT, "a page's policy needs SHA-256, which libcrypto refuses");
    EVP_EncodeBlock(text, hash, HASH_BYTES);
    fprintf(out, "'sha256-%s'", (const char *)text);
    return 0;
}

int page_policy_print(FILE *out, const char *from, const struct page_source *script,
                      const struct page_source *style, const char *rest) {
    fprintf(out, "default-src 'none'; script-src %s", from);
    int code = print_hash(out, script);
    fputs("; style-src ", out);
    if (!code) code = print_hash(out, style);
    fputs(rest, out);
    return code;
}

void page_source_print(FILE *out, const struct page_source *source) {
    fwrite(source->bytes, 1, source->length, out);
}

int page_name_is(const char *name, size_t length, const char *wanted) {
    return strlen(wanted) == length && !memcmp(name, wanted, length);
}

int page_template_print(FILE *out, const struct page_source *html, page_part *part, void *user) {
    const char *at = (const char *)html->bytes, *open, *close;
    int code = 0;
    while (!code && (open = strstr(at, "{{")) && (close = strstr(open, "}}"))) {
        fwrite(at, 1, (size_t)(open - at), out);
        code = part(user, open + 2, (size_t)(close - open) - 2, out);
        at = close + 2;
    }
    fputs(at, out);
    return code;
}
