/* manifest.h - a JSONL manifest: what run-stt transcribes. */
#ifndef POTSTILL_CLI_MANIFEST_H
#define POTSTILL_CLI_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

/* A sample printed in full takes some twenty characters: a line holds three minutes of them, more
 * than the model transcribes at once, and a file most of an hour. Longer audio belongs in audio
 * files, which a line merely names. */
#define MANIFEST_LINE_BYTES_MAX ((size_t)64 << 20)
#define MANIFEST_BYTES_MAX ((size_t)1 << 30)

struct manifest_entry {
    char *audio_path; /* NULL: the manifest holds the samples itself */
    float *samples;   /* [sample_count] at 16 kHz, or NULL */
    size_t sample_count;
    char *text;    /* reference; "" when missing, NULL for null */
    char *error;   /* why the line cannot be used; NULL: it can */
    uint32_t line; /* line of the file, from 1 */
};

struct manifest {
    struct manifest_entry *entries; /* [capacity], the first [count] set */
    size_t count, capacity;
};

/* Reads a file. Returns NULL, or the reason why it cannot be used, to be freed: a line that is at
 * fault is an entry with an error, as long as another is not. */
char *manifest_read(struct manifest *manifest, const char *path);
/* The same of text in memory; `name` is used in messages. */
char *manifest_parse(struct manifest *manifest, const char *text, size_t size, const char *name);
void manifest_free(struct manifest *manifest);

#endif
