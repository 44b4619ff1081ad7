/* seam.h - where speech without a pause was cut: two texts that overlap to two that do not.
 *
 * Both segments were given some sound of the other. Near its end each text is unsure, because a
 * word may be cut in two there; in the middle of the overlap both are good. So the words of the
 * overlap are paired by what they are and when they are said, and the texts change from one to the
 * other at a pair near the middle. Without times they are paired by what they are alone, in their
 * order. */
#ifndef PST_PIPELINE_SEAM_H
#define PST_PIPELINE_SEAM_H

#include "potstill.h"
#include "tokenizer/tokenizer.h"

struct seam {
    double from, to; /* seconds that both texts have heard */
    double at;       /* where the segments meet */
    double start;    /* of the segment before */
};

/* Leaves of both, which have words with times of the clip, what stays. `seam->at` moves to lie
 * between their words. Where both texts have no words they get some, without times, and the seam
 * stays. */
pst_status seam_sew(const struct tokenizer *tokenizer, pst_transcript *before,
                    pst_transcript *after, struct seam *seam, pst_error *err);

#endif
