/* origin.h - does a text come of speech?
 *
 * A detector and a model have heard the same sound. Each errs: the detector takes cries, knocks and
 * notes for speech and half of a whisper for none, the model has a text for anything. */
#ifndef PST_PIPELINE_ORIGIN_H
#define PST_PIPELINE_ORIGIN_H

struct evidence {
    double speech;         /* mean probability of the speech in the segment; NaN: no detector */
    double speech_seconds; /* how much of it there is */
    double seconds;        /* of the segment */
    double avg_logprob;    /* of the text */
    double tokens;         /* of the text, without the first and the last */
    int endless;           /* it loops, or the limit of tokens cut it .. */
    int cut;               /* .. or the caller's own limit did */
    int by_loudness;       /* the detector takes any sound that comes and goes for speech */
};

enum origin { ORIGIN_SPEECH, ORIGIN_DOUBTFUL, ORIGIN_NO_SPEECH };

enum origin origin_find(const struct evidence *evidence);

#endif
