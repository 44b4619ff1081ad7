/* converted_clip.h - a clip, conversions that are verified, and what they hear in it. */
#ifndef TESTS_CONVERTED_CLIP_H
#define TESTS_CONVERTED_CLIP_H

#include <math.h>

#include "pipeline/session.h"
#include "potstill_tools.h"
#include "support/test.h"

enum { SAMPLES = 30000 };

static pst_error err;
static float samples[SAMPLES];

static inline void must(pst_status status) {
    if (status) fail_msg("%s", err.message);
}

static inline void make_clip(void) {
    for (int i = 0; i < SAMPLES; i++)
        samples[i] = 0.2f * sinf((float)i * 0.05f) + 0.1f * sinf((float)i * (float)i * 1e-5f);
}

static inline void find_nothing(void *user, const pst_finding *finding) {
    (void)user;
    fail_msg("%s: %s", finding->file, finding->message);
}

static inline void convert(const char *path, const char *model, pst_convert_options options) {
    pst_verify_options verify;
    pst_verify_summary summary;
    options.force = 1;
    must(pst_convert(model, NULL, 0, path, &options, &err));
    pst_verify_options_init(&verify);
    verify.finding = find_nothing;
    must(pst_verify(path, &verify, &summary, &err));
}

/* `tokens` of the first `count` samples, with a draft or (NULL) without. */
static inline pst_transcript *transcribe(pst_session *session, size_t count, uint32_t tokens,
                                         const pst_sequence_bias *draft) {
    pst_decode_options options;
    pst_transcript *transcript;
    pst_model_decode_options(session->model, &options);
    options.max_new_tokens = tokens;
    options.drafts = draft;
    options.drafts_count = draft ? 1 : 0;
    must(pst_transcribe(session, samples, count, &options, &transcript, &err));
    return transcript;
}

#endif
