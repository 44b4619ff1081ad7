/* line.h - the line at hand of a stream: what has been heard of it, and its text.
 *
 * A model of the streaming family encodes each frame once and appends it to what the decoder
 * attends to. Any other model keeps the samples and encodes them again for each text. Either way
 * the final text is the one that the line's samples have by themselves. */
#ifndef PST_PIPELINE_LINE_H
#define PST_PIPELINE_LINE_H

#include "audio/sample_list.h"
#include "decode/agreement.h"
#include "network/stream_encoder.h"
#include "pipeline/backend_engine.h"
#include "pipeline/session.h"
#include "pipeline/speech/guard.h"

struct line {
    struct pst_session *session;
    pst_decode_options options;
    pst_sequence_bias *drafts; /* of the options: the text as it stands, then those given */
    struct engine *engine;     /* that encodes piece by piece; NULL: samples are encoded again */
    struct stream_encoder encoder;
    struct sample_list samples; /* of the whole line; with an engine, those not encoded yet */
    size_t count;               /* samples of the line */
    struct agreement text;
    size_t known; /* tokens of the text whose keys the backend has, for the frames at the time */
};

/* Most samples of a line that `model` can take. */
size_t line_samples_max(const struct pst_model *model);

/* For lines of at most `samples`, by options that are resolved. line_free() in any case. */
pst_status line_init(struct line *line, struct pst_session *session,
                     const pst_decode_options *options, size_t samples, pst_error *err);
void line_free(struct line *line);
/* Bytes it holds, but for the session. */
size_t line_memory(const struct line *line);

/* A new line begins. */
void line_begin(struct line *line);
/* What is heard next. */
pst_status line_add(struct line *line, const float *samples, size_t count, pst_error *err);
/* Decodes what is heard so far, greedily, into line->text, which stays as it is if that does not
 * end after as many tokens as can have been said. */
pst_status line_decode(struct line *line, pst_error *err);
/* The transcript of the line as if it ended here. It can go on after all. `heard`: what the
 * detector says of the line, for it to be guarded by; NULL: it is not. */
pst_status line_transcribe(struct line *line, const struct guarded *heard,
                           pst_transcript **transcript, pst_error *err);

#endif
