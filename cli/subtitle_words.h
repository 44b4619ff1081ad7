/* subtitle_words.h - the words of a clip for its subtitles. */
#ifndef POTSTILL_CLI_SUBTITLE_WORDS_H
#define POTSTILL_CLI_SUBTITLE_WORDS_H

#include "potstill.h"
#include "subtitles.h"

/* Adds all words of `clip`, whose texts they borrow. A word that is wider than `width` (0: none is)
 * is cut. */
void subtitles_add_clip(struct subtitles *subtitles, const pst_clip_result *clip, size_t width);

#endif
