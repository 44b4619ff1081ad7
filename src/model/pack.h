/* pack.h - the weights of a model as its kernels multiply them.
 *
 * pack_open() fills `packed` of the linear maps and convolutions of `weights` that gain by it at this
 * precision: what the encoder multiplies, always; the maps of a decoder step only below f32, because
 * f32 streams them from the mapped checkpoint; and, at every precision, the output matrix as int8,
 * from which the best token is found (network/logits.h proves it against the float32 rows). */
#ifndef PST_MODEL_PACK_H
#define PST_MODEL_PACK_H

#include "kernels/kernels.h"
#include "model/config.h"
#include "model/pack_file.h"
#include "model/weights.h"

/* Where they lie: in a cache file that processes share, or in memory of this one. */
struct pack {
    struct pack_file file;
    unsigned char *memory; /* NULL: in the file */
};

/* Pointers into `pack` are stored in `weights`, which must not outlive it. `cache_dir` NULL: packed anew
 * and not kept. */
pst_status pack_open(struct pack *pack, struct weights *weights, const struct config *config,
                     const struct kernels *kernels, enum precision precision, const char *cache_dir,
                     pst_error *err);
void pack_close(struct pack *pack);

#endif
