/* build_info.c - what this library is, and what it stands on. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pcre2.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdio.h>
#include <utf8proc.h>

#include "base/cpu.h"
#include "kernels/kernels.h"
#include "potstill.h"

const char *pst_version(void) {
    return PST_VERSION;
}

size_t pst_build_info(char *text, size_t size) {
    const struct kernels *best = NULL;
    if (kernels_get(&best, PST_CPU_AUTO, NULL)) best = &kernels_reference;
    char pcre2[64] = "";
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) < (int)sizeof pcre2)
        pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
    int length =
        snprintf(text, size,
                 "kernels %s, %u cores; %s, %s, jansson %s, PCRE2 %s, utf8proc %s, "
                 "curl %s, %s",
                 best->name, cpu_count(), sf_version_string(), soxr_version(),
                 jansson_version_str(), pcre2, utf8proc_version(),
                 curl_version_info(CURLVERSION_NOW)->version, OpenSSL_version(OPENSSL_VERSION));
    return length > 0 ? (size_t)length : 0;
}
