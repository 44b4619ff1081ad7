/* adapter_change.h - changes that a method computes when an adapter opens.
 *
 * What a file holds is rarely what the network multiplies by. A method computes one of three things
 * and hands it over here, where it is checked for numbers beyond float32 and put into the effect:
 * a product of two small matrices, a change of the whole weight, or a weight in the base's
 * place. */
#ifndef PST_ADAPTER_ADAPTER_CHANGE_H
#define PST_ADAPTER_ADAPTER_CHANGE_H

#include "adapter/adapter_walk.h"

/* The weight that the module of `slot` has without the change, entry by entry in the order of the
 * network: the base's, or what the file replaces it by. */
double change_base(const struct adapter_walk *walk, uint32_t slot, size_t row, size_t column);

/* Zeros of the size of the weight, in the order of the network; NULL with *status set. */
float *change_new(struct adapter_walk *walk, uint32_t slot, pst_status *status, pst_error *err);

/* scale * delta, from change_new(), is added. */
pst_status change_use_delta(struct adapter_walk *walk, uint32_t slot, const float *delta,
                            double scale, pst_error *err);

/* scale * b a is added: a [rank, columns] in the order of the network, b [out, rank], both owned
 * by the adapter. A product that is larger than the weight is multiplied out. For linear modules
 * and convolutions. */
pst_status change_use_product(struct adapter_walk *walk, uint32_t slot, size_t rank, const float *a,
                              const float *b, double scale, pst_error *err);

/* `weight`, from change_new(), stands in the base's place. It was computed from change_base(). */
pst_status change_use_weight(struct adapter_walk *walk, uint32_t slot, const float *weight,
                             pst_error *err);

#endif
