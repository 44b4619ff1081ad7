/* fuzz_ort.c - any bytes as an ONNX Runtime model; what it yields is walked as the importer
 * does. */
#include <stdlib.h>

#include "import/ort_file.h"
#include "import/ort_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct ort_file file;
    pst_error err;
    if (ort_file_parse(&file, data, size, "input", &err)) return 0;
    unsigned ones = 0;
    for (uint32_t i = 0; i < file.node_count; i++) {
        const struct ort_node *node = &file.nodes[i];
        if (ort_find_node(&file, node->name) == NULL) abort();
        for (uint32_t k = 0; k <= node->inputs; k++) {
            const struct ort_tensor *tensor = ort_input(&file, node, k);
            if (tensor && tensor->data && tensor->count)
                ones += tensor->data[tensor->count - 1] == 1;
        }
        if (i < 100) ort_find_reader(&file, node, "Add"); /* each is a walk over all nodes */
    }
    if (ones > (uint64_t)file.node_count * ORT_NAMES_MAX)
        abort(); /* never: keeps the reads alive */
    struct ort_weights weights;
    if (!ort_weights_find(&weights, &file, &file, NULL, &err)) ort_weights_free(&weights);
    ort_file_close(&file);
    return 0;
}
