/* recording.c - see recording.h. The header is written anew after each piece, so that the file can
 * be played however the program ends. */
#include "live/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "potstill.h"

static int refuse(const struct recording *recording, const char *what) {
    return fail(EXIT_ENVIRONMENT, "%s: cannot %s: %s", recording->path, what, strerror(errno));
}

static void put(unsigned char *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static int write_header(struct recording *recording) {
    /* Behind 4 GB a header cannot say how much follows; readers go to the end. */
    uint32_t bytes =
        recording->bytes > UINT32_MAX - 36U ? UINT32_MAX - 36 : (uint32_t)recording->bytes;
    unsigned char header[44] = "RIFF    WAVEfmt ";
    put(header + 4, bytes + 36, 4);
    put(header + 16, 16, 4);
    put(header + 20, 1, 2); /* PCM */
    put(header + 22, 1, 2); /* one channel */
    put(header + 24, PST_SAMPLE_RATE_HZ, 4);
    put(header + 28, 2 * PST_SAMPLE_RATE_HZ, 4);
    put(header + 32, 2, 2);
    put(header + 34, 16, 2);
    memcpy(header + 36, "data", 4);
    put(header + 40, bytes, 4);
    if (fseeko(recording->file, 0, SEEK_SET) ||
        fwrite(header, sizeof header, 1, recording->file) != 1 ||
        fseeko(recording->file, 0, SEEK_END) || fflush(recording->file))
        return refuse(recording, "write");
    return EXIT_DONE;
}

int recording_open(struct recording *recording, const char *path) {
    *recording = (struct recording){.path = path};
    if (!path) return EXIT_DONE;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return fail(EXIT_USAGE, "%s: is there already; a recording overwrites nothing", path);
    if (fd < 0) return refuse(recording, "create");
    recording->file = need(fdopen(fd, "w+b"));
    return write_header(recording);
}

int recording_add(struct recording *recording, const float *samples, size_t count) {
    if (!recording->file) return EXIT_DONE;
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[2];
        float value = fminf(fmaxf(samples[i], -1), 1) * 32767;
        put(bytes, (uint32_t)(int32_t)lrintf(value), 2);
        if (fwrite(bytes, sizeof bytes, 1, recording->file) != 1) return refuse(recording, "write");
    }
    recording->bytes += 2 * count;
    return write_header(recording);
}

int recording_close(struct recording *recording) {
    FILE *file = recording->file;
    recording->file = NULL;
    return file && fclose(file) ? refuse(recording, "write") : EXIT_DONE;
}
