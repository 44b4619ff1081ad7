/* align.h - the cheapest way from one sequence of numbers to another, counted by kind of edit. */
#ifndef PST_EVALUATE_ALIGN_H
#define PST_EVALUATE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "potstill_tools.h"

/* Adds the edits that turn `reference` [reference_count] into `hypothesis` [hypothesis_count] to
 * `counts`. Numbers are below `kinds`, which is at most the two counts together. Equally cheap ways
 * may have other kinds of edits; the way taken is that of jiwer's aligner. Memory is linear in the
 * counts, time their product divided by 64. */
pst_status align_count(const uint32_t *reference, size_t reference_count,
                       const uint32_t *hypothesis, size_t hypothesis_count, size_t kinds,
                       pst_word_counts *counts, pst_error *err);

#endif
