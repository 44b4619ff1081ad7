/* pack.h - the weights of a model as its kernels multiply them.
 *
 * Packed are the linear layers and convolutions that run faster so: those of the encoder, always;
 * those of a decoder step only below f32, because f32 streams them from the mapped checkpoint; and,
 * at every precision, the output matrix as int8, which the best token is found with (logits.h
 * proves it by the float32 rows). */
#ifndef PST_NETWORK_PACK_H
#define PST_NETWORK_PACK_H

#include "kernels/kernels.h"
#include "model/config.h"
#include "model/weights.h"
#include "network/pack_file.h"

struct pack {
    /* [module_count] by slot; data NULL: not packed. A convolution's is [out, kernel * in]: in the
     * order of the frames that a row is multiplied by. */
    struct packed *packed;
    /* [vocab] what the approximate logit of a token may be off by for a row x of length 1, see
     * pack.c; NULL: the output matrix is not packed. */
    const float *output_error;

    /* The memory of both: a cache file that processes share, or memory of this process. */
    struct pack_file file;
    unsigned char *memory; /* NULL: in the file */
};

/* `cache_dir` NULL: packed anew and not kept. pack_close() is needed after success only. */
pst_status pack_open(struct pack *pack, const struct weights *weights, const struct config *config,
                     const struct kernels *kernels, pst_precision precision, const char *cache_dir,
                     pst_error *err);
void pack_close(struct pack *pack);

#endif
