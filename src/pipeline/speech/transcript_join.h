/* transcript_join.h - transcripts of parts that follow each other, as one. */
#ifndef PST_PIPELINE_TRANSCRIPT_JOIN_H
#define PST_PIPELINE_TRANSCRIPT_JOIN_H

#include "potstill.h"

/* Texts joined by a space, tokens one after the other, means by token of avg_logprob and score, the
 * smallest margin, truncated and in doubt if any is; without speech if none has any. */
pst_status transcript_join(const pst_transcript *const *parts, size_t count,
                           pst_transcript **joined, pst_error *err);
/* The transcript of a part in which nothing is said. */
pst_status transcript_of_silence(double no_speech_prob, pst_transcript **transcript,
                                 pst_error *err);
/* The flags that follow from the numbers, and the compression ratio. */
void transcript_judge(pst_transcript *transcript);

/* `*copy` is `transcript` in memory of its own. */
pst_status transcript_copy(const pst_transcript *transcript, pst_transcript **copy, pst_error *err);

#endif
