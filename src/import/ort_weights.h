/* ort_weights.h - the weights of a Moonshine model, found in its two ONNX Runtime graphs.
 *
 * Exporters name constants by running numbers, but nodes by the modules they come from
 * ("/layers.3/mlp/fc1/MatMul_quant"), so each weight is reached through the node that uses it,
 * and those without a node of their own name by following the graph. Linear layers are stored as
 * 8-bit integers [in, out] with a scale and a zero point; they become float32 [out, in] under
 * the names of the Hugging Face checkpoint. */
#ifndef PST_IMPORT_ORT_WEIGHTS_H
#define PST_IMPORT_ORT_WEIGHTS_H

#include <stdint.h>

#include "base/cancel.h"
#include "formats/safetensors.h"
#include "import/ort_file.h"
#include "potstill.h"

struct ort_weight_storage;

struct ort_weights {
    uint32_t dim, ffn, vocab;
    uint32_t encoder_layers, decoder_layers;
    struct tensor_source *tensors; /* [count] float32; some point into the files */
    uint32_t count;
    struct ort_weight_storage *storage; /* [count] names and dequantised values */
};

/* Collects every tensor of the checkpoint; one that is missing, or has another shape than its
 * place in the network asks for, is named. The files must outlive the weights. `cancel` may
 * be NULL. */
pst_status ort_weights_find(struct ort_weights *weights, const struct ort_file *encoder,
                            const struct ort_file *decoder, const struct cancel *cancel,
                            pst_error *err);
void ort_weights_free(struct ort_weights *weights);

#endif
