/* piece.h - a clip as pieces that the model can hear, one after the other.
 *
 * The model was trained on at most 30 s. A longer clip is cut where it is quietest in the last fifth of
 * each window; the next piece starts there, so that no sample is lost and none is heard twice. What is
 * read ahead is a window and a tenth, whatever the length of the clip. */
#ifndef PST_PIPELINE_PIECE_H
#define PST_PIPELINE_PIECE_H

#include <stddef.h>
#include <stdint.h>

#include "audio/audio_stream.h"
#include "audio/sample_list.h"
#include "potstill.h"

/* Must stay where it is while it is open. */
struct piece_reader {
    size_t window;              /* most samples of a piece; 0: the clip whole */
    struct audio_stream stream; /* of a file; else not open, and the samples are in memory: */
    const float *samples;       /* [left] */
    size_t left;
    struct sample_list held; /* read and not given yet */
    uint64_t given;          /* samples of the pieces so far */
    int ended;               /* no piece is left */
};

struct piece {
    struct sample_list samples;
    uint64_t start; /* place of its first sample in the clip */
    int whole;      /* it is all of the clip */
};

/* Leaves nothing to close when it fails. `clip` must outlive the reader. */
pst_status piece_reader_open(struct piece_reader *reader, const pst_clip *clip, size_t window,
                             pst_error *err);
/* The next piece, whose samples are then the caller's; reader->ended tells beforehand if there is one,
 * and there is at least one, perhaps without samples. */
pst_status piece_reader_next(struct piece_reader *reader, struct piece *piece, pst_error *err);
void piece_reader_close(struct piece_reader *reader);

#endif
