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
#include "wav_head.h"

static int refuse(const struct recording *recording, const char *what) {
    return fail(EXIT_ENVIRONMENT, "%s: cannot %s: %s", recording->path, what, strerror(errno));
}

enum { SAMPLE_BYTES = 2 };

static int write_header(struct recording *recording) {
    /* Behind 4 GB a header cannot say how much follows; readers go to the end. */
    uint32_t bytes =
        recording->bytes > UINT32_MAX - 36U ? UINT32_MAX - 36 : (uint32_t)recording->bytes;
    unsigned char header[WAV_HEAD_BYTES];
    wav_head_make(header, WAV_PCM, PST_SAMPLE_RATE_HZ, SAMPLE_BYTES, bytes);
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
        float value = fminf(fmaxf(samples[i], -1), 1) * 32767;
        uint32_t sample = (uint32_t)(int32_t)lrintf(value);
        const unsigned char bytes[SAMPLE_BYTES] = {(unsigned char)sample,
                                                   (unsigned char)(sample >> 8)};
        if (fwrite(bytes, sizeof bytes, 1, recording->file) != 1) return refuse(recording, "write");
    }
    recording->bytes += SAMPLE_BYTES * count;
    return write_header(recording);
}

int recording_close(struct recording *recording) {
    FILE *file = recording->file;
    recording->file = NULL;
    return file && fclose(file) ? refuse(recording, "write") : EXIT_DONE;
}
