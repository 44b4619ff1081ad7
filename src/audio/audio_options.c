/* audio_options.c - pst_audio_options: how files are read. */
#include <limits.h>

#include "audio/audio_stream.h"
#include "base/error.h"
#include "base/option_struct.h"

/* A disk that has to wake up, or a file on the other side of the world, takes seconds. */
enum { SILENCE_MS = 60 * 1000 };

void pst_audio_options_init_sized(pst_audio_options *options, size_t struct_size) {
    const pst_audio_options defaults = {.struct_size = sizeof defaults,
                                        .ffmpeg_silence_ms = SILENCE_MS};
    option_struct_fill(options, struct_size, &defaults, sizeof defaults);
}

pst_status audio_options_copy(pst_audio_options *own, const pst_audio_options *given, int each,
                              pst_error *err) {
    pst_audio_options_init(own);
    pst_status status = option_struct_copy(own, sizeof *own, given, "pst_audio_options", err);
    if (status) return status;
    if (own->ffmpeg_silence_ms < 1 || own->ffmpeg_silence_ms > INT_MAX)
        return error_set(err, PST_ERR_ARGUMENT, "ffmpeg_silence_ms is %lu, expected 1 to %d",
                         (unsigned long)own->ffmpeg_silence_ms, INT_MAX);
    if (own->channel > AUDIO_CHANNELS_MAX && !(each && own->channel == PST_CHANNEL_EACH))
        return error_set(err, PST_ERR_ARGUMENT, "channel is %lu, expected 1 to %d, or 0 for all",
                         (unsigned long)own->channel, AUDIO_CHANNELS_MAX);
    if (!(own->seconds_max >= 0 && own->seconds_max <= AUDIO_SECONDS_IN_PIECES_MAX))
        return error_set(err, PST_ERR_ARGUMENT, "seconds_max is %g, expected 0 to %d",
                         own->seconds_max, AUDIO_SECONDS_IN_PIECES_MAX);
    return PST_OK;
}
