/* fuzz_audio.c - any bytes as an audio file; whatever it yields must be finite. */
#include <math.h>
#include <stdlib.h>

#include "audio/audio_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libsndfile 1.2.0 forgets Vorbis' settings when an Ogg file ends inside its headers. */
PST_API const char *__lsan_default_suppressions(void);
PST_API const char *__lsan_default_suppressions(void) {
    return "leak:vorbis_info_init";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pst_audio audio;
    pst_error err;
    if (audio_read_bytes(data, size, "input", &audio, &err)) return 0;
    if (audio.count == 0 || !audio.samples) abort();
    for (size_t i = 0; i < audio.count; i++)
        if (!isfinite(audio.samples[i])) abort();
    pst_audio_free(&audio);
    return 0;
}
