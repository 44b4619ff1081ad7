/* page_sound.c - see page_sound.h. */
#define _XOPEN_SOURCE 700 /* realpath() */

#include "eval/page_sound.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "console.h"
#include "eval/eval_row.h"

enum {
    RATE_HZ = 16000, /* of pst_audio */
    HEAD_BYTES = 44, /* page/player.js counts on it */
};

static const char data_uri[] = "data:audio/wav;base64,";

static size_t base64_bytes(size_t bytes) {
    return (bytes + 2) / 3 * 4;
}

size_t page_sound_bytes(double seconds) {
    if (!(seconds > 0)) seconds = 0;
    if (seconds > 24 * 3600) return SIZE_MAX; /* no audio file is as long */
    return base64_bytes(HEAD_BYTES + 2 * (size_t)ceil(seconds * RATE_HZ));
}

/* ---- a WAV of 16 bits */

static void put(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static void write_head(unsigned char *at, uint32_t data_bytes) {
    memcpy(at, "RIFF....WAVEfmt ", 16);
    put(at + 4, HEAD_BYTES - 8 + data_bytes, 4);
    put(at + 16, 16, 4); /* bytes of the format */
    put(at + 20, 1, 2);  /* integers */
    put(at + 22, 1, 2);  /* one channel */
    put(at + 24, RATE_HZ, 4);
    put(at + 28, 2 * RATE_HZ, 4); /* bytes a second */
    put(at + 32, 2, 2);           /* bytes a sample */
    put(at + 34, 16, 2);
    memcpy(at + 36, "data", 4);
    put(at + 40, data_bytes, 4);
}

/* `samples` [count] as a data: URI. */
static char *wave_uri(const float *samples, size_t count) {
    const size_t bytes = HEAD_BYTES + 2 * count, prefix = sizeof data_uri - 1;
    unsigned char *wave = need(malloc(bytes));
    char *uri = need(malloc(prefix + base64_bytes(bytes) + 1));
    write_head(wave, (uint32_t)(2 * count));
    for (size_t i = 0; i < count; i++) {
        const float sample = fminf(1.0f, fmaxf(-1.0f, samples[i])); /* resampling overshoots */
        put(wave + HEAD_BYTES + 2 * i, (uint32_t)(int32_t)lrintf(32767 * sample), 2);
    }
    memcpy(uri, data_uri, prefix);
    EVP_EncodeBlock((unsigned char *)uri + prefix, wave, (int)bytes);
    free(wave);
    return uri;
}

/* ---- paths */

char *page_sound_data(struct eval_sound *sound, const char *from, const char *audio, double offset,
                      double seconds) {
    char *path = eval_audio_path(from, audio);
    pst_status status = eval_sound_open(sound, path, NULL);
    free(path);
    if (status) return NULL;
    const size_t count = sound->audio.count;
    const double first = offset > 0 ? floor(offset * RATE_HZ) : 0;
    if (!(first < (double)count)) return NULL;
    size_t length = count - (size_t)first;
    /* A sound longer than it was said to be would break the limit that chose it. */
    if (seconds > 0 && ceil(seconds * RATE_HZ) < (double)length)
        length = (size_t)ceil(seconds * RATE_HZ);
    if (base64_bytes(HEAD_BYTES + 2 * length) > page_sound_bytes(seconds)) return NULL;
    return wave_uri(sound->audio.samples + (size_t)first, length);
}

/* The folder of `path` as it really is, and its name behind it; NULL without such a folder. */
static char *real_name(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? text_format("%.*s/", (int)(slash - path), path) : text_format(".");
    char *real = realpath(folder, NULL);
    char *name = NULL;
    if (real)
        name = text_format("%s/%s", strcmp(real, "/") == 0 ? "" : real, slash ? slash + 1 : path);
    free(folder);
    free(real);
    return name;
}

/* Bytes that are not plain letters of an address as %XX. */
static char *encoded(char *path) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char *text = need(malloc(3 * strlen(path) + 1)), *end = text;
    for (const char *at = path; *at; at++) {
        if (strchr(plain, *at))
            *end++ = *at;
        else
            end += sprintf(end, "%%%02X", (unsigned)(unsigned char)*at);
    }
    *end = '\0';
    free(path);
    return text;
}

/* `path` from `folder`; both are absolute, and `folder` ends with no slash. */
static char *relative(const char *folder, const char *path) {
    size_t common = 0, ups = 0;
    for (size_t i = 0;; i++) {
        const int ends = folder[i] == '\0' || folder[i] == '/';
        if (ends && path[i] == '/') common = i;
        if (folder[i] == '\0' || folder[i] != path[i]) break;
    }
    for (const char *at = folder + common; *at; at++) ups += *at == '/';
    char *text = need(malloc(3 * ups + strlen(path + common) + 1)), *end = text;
    for (; ups; ups--) end = strcpy(end, "../") + 3;
    strcpy(end, path + common + 1);
    return text;
}

char *page_sound_link(const char *from, const char *folder, const char *audio) {
    char *path = eval_audio_path(from, audio), *real_path = real_name(path);
    char *real_folder = realpath(folder ? folder : ".", NULL), *link = NULL;
    if (real_folder && !strcmp(real_folder, "/")) *real_folder = '\0';
    if (real_path && real_folder) link = encoded(relative(real_folder, real_path));
    free(path);
    free(real_path);
    free(real_folder);
    return link;
}
