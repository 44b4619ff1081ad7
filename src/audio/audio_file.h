/* audio_file.h - a whole audio file that lies in memory. */
#ifndef PST_AUDIO_AUDIO_FILE_H
#define PST_AUDIO_AUDIO_FILE_H

#include <stddef.h>

#include "potstill.h"

/* pst_audio_read() over a file that lies in memory. */
pst_status audio_read_bytes(const void *bytes, size_t size, const char *name, pst_audio *audio,
                            pst_error *err);

#endif
