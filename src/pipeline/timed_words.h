/* timed_words.h - the words of a transcript with their times. */
#ifndef PST_PIPELINE_TIMED_WORDS_H
#define PST_PIPELINE_TIMED_WORDS_H

#include "model/alignment_heads.h"
#include "pipeline/session.h"

/* Can the session tell them? Packages that decode do not show where they look. */
int timed_words_are_known(const struct pst_session *session);
/* What a search has to keep for the times of words, before it; nothing where `options` do not ask
 * for them. `heads` [ALIGNMENT_HEADS_MAX] must live as long as the search. */
pst_status timed_words_prepare(struct pst_session *session, const pst_decode_options *options,
                               pst_alignment_head *heads, pst_error *err);
/* Fills transcript->words after the search over `samples` [count], whose text is at hand. */
pst_status timed_words_find(struct pst_session *session, const struct search *search,
                            const float *samples, size_t count, pst_transcript *transcript,
                            pst_error *err);
/* The words of a transcript that has none, without times (NaN), confidence and probability. */
pst_status untimed_words_find(const struct tokenizer *tokenizer, pst_transcript *transcript,
                              pst_error *err);
/* The words of all parts [count] become those of `joined`, whose text is theirs with a space
 * between any two that are not empty. */
pst_status timed_words_join(pst_transcript *joined, const pst_transcript *const *parts,
                            size_t count, pst_error *err);
/* All words are `seconds` later. */
void timed_words_shift(pst_transcript *transcript, double seconds);

#endif
