/* transcribe.h - samples to text: the stages in their order. A clip takes all of them once; a line
 * of a stream decodes what is encoded so far again and again. */
#ifndef PST_PIPELINE_TRANSCRIBE_H
#define PST_PIPELINE_TRANSCRIBE_H

#include "pipeline/session.h"

/* `options` (NULL: the model's), with the model's limit where they have none; refused is what the
 * rules or a converted model cannot do. */
pst_status transcribe_options(const struct pst_session *session, const pst_decode_options *options,
                              pst_decode_options *resolved, pst_error *err);
/* And samples [count] that the model does not take. */
pst_status transcribe_accept(const struct pst_session *session, const float *samples, size_t count,
                             const pst_decode_options *options, pst_decode_options *resolved,
                             pst_error *err);
/* Makes room for a search by `options`, which must live until it ends. */
pst_status transcribe_fit_search(const struct pst_session *session, struct search *search,
                                 const pst_decode_options *options, pst_error *err);
/* For the session's own, and for a clip of `samples`. */
pst_status transcribe_fit(struct pst_session *session, const pst_decode_options *options,
                          size_t samples, pst_error *err);
/* samples [count] to what the search attends to, standardized if the model wants it. */
pst_status transcribe_encode(struct pst_session *session, const float *samples, size_t count,
                             pst_error *err);
/* What a search has found. */
pst_status transcribe_text(const struct pst_session *session, const struct search *search,
                           pst_transcript **transcript, pst_error *err);
/* The text of what is encoded. */
pst_status transcribe_encoded(struct pst_session *session, pst_transcript **transcript,
                              pst_error *err);

#endif
