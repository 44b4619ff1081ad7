/* frame.h - the piece of sound that detectors of speech look at. */
#ifndef PST_VAD_FRAME_H
#define PST_VAD_FRAME_H

/* Samples: 32 ms at 16 kHz, what Silero's network was trained on. */
enum { VAD_FRAME = 512 };

#endif
