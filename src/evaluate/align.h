/* align.h - the cheapest way from one sequence of numbers to another. */
#ifndef PST_EVALUATE_ALIGN_H
#define PST_EVALUATE_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "potstill_tools.h"

/* The edits that turn `reference` [reference_count] into `hypothesis` [hypothesis_count], in order:
 * `path` [*path_count] of enum pst_edit_kind, with room for both counts together. Numbers are below
 * `kinds`, which is at most the two counts together. Equally cheap ways may have other kinds of
 * edits; the way taken is that of jiwer's aligner. Memory is linear in the counts, time their
 * product divided by 64. */
pst_status align_path(const uint32_t *reference, size_t reference_count, const uint32_t *hypothesis,
                      size_t hypothesis_count, size_t kinds, uint8_t *path, size_t *path_count,
                      pst_error *err);
/* How many edits there are, and no more. */
pst_status align_distance(const uint32_t *reference, size_t reference_count,
                          const uint32_t *hypothesis, size_t hypothesis_count, size_t kinds,
                          size_t *distance, pst_error *err);

#endif
