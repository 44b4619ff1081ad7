/* guard.h - a segment to a text that one can trust, or to one that says it cannot be trusted. */
#ifndef PST_PIPELINE_GUARD_H
#define PST_PIPELINE_GUARD_H

#include "pipeline/speech/phrases.h"
#include "potstill.h"

/* A segment and how it is to be decoded. */
struct guarded {
    const float *samples; /* [count] */
    size_t count;
    double no_speech_prob; /* by the detector; NaN without one */
    double speech_seconds; /* of the segment; NaN without one */
    const pst_decode_options *decode;
    const struct phrases *phrases; /* NULL: not known */
    int by_loudness;               /* no network is the detector */
    int greedy_only;               /* a converted model that knows no beams */
};

/* A transcript of the segment that is not to be tried again: judged, marked where it is doubtful
 * that it comes of speech, and without a text where it does not. */
pst_status guard_judge(const struct guarded *guarded, pst_transcript **transcript, pst_error *err);

/* The options of the first transcript of the segment, and what follows on it: `*transcript` is the
 * first, then the one to be kept, of which the caller frees what is there after an error too. */
pst_decode_options guard_first(const struct guarded *guarded);
pst_status guard_complete(pst_session *session, const struct guarded *guarded,
                          pst_transcript **transcript, pst_error *err);
/* All of it. */
pst_status guard_transcribe(pst_session *session, const struct guarded *guarded,
                            pst_transcript **transcript, pst_error *err);

#endif
