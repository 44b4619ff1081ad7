/* together.h - several clips to text at once, over one reading of the weights.
 *
 * A step of the decoder waits for its weights to come out of memory, whether it takes one token or
 * eight. So clips that are there together share the steps of their greedy searches. */
#ifndef PST_PIPELINE_TOGETHER_H
#define PST_PIPELINE_TOGETHER_H

#include "pipeline/session.h"

/* A clip on its way to its transcript. */
struct utterance {
    const float *samples; /* [count] */
    size_t count;
    const pst_decode_options *options; /* NULL: the model's */
    pst_transcript *transcript;        /* NULL with an error */
    pst_error error;                   /* PST_OK: none */
};

/* As pst_transcribe() of each, to the bit, in groups of TEXTS_MAX. What cannot be shared is done
 * alone: beams, drafts, converted models. */
void transcribe_together(struct pst_session *session, struct utterance *utterances, size_t count);

#endif
