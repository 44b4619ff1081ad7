/* kmeans.h - the best palette for the values of a tensor: k-means in one dimension, exactly. */
#ifndef PST_COREML_WEIGHTS_KMEANS_H
#define PST_COREML_WEIGHTS_KMEANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"

/* Parts values [count], ascending and distinct, of which the i-th occurs counts[i] > 0 times, into
 * at most `most` runs so that the sum of squared distances to the mean of its run is least. starts
 * [most + 1] gets where each run begins and, behind the last, `count`. Returns the number of runs,
 * min(most, count); 0: out of memory, or stopped by `cancel`, which may be NULL. */
size_t kmeans_runs(const double *values, const uint64_t *counts, size_t count, size_t most,
                   size_t *starts, const struct cancel *cancel);

/* The mean of values [first, last) by their counts. */
double kmeans_mean(const double *values, const uint64_t *counts, size_t first, size_t last);

#endif
