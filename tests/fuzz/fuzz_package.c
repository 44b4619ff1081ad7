/* fuzz_package.c - any bytes as a program and its weight file; what can be read is checked, and
 * read again after it was written.
 *
 * Input: two bytes with the length of the program in 16 bits, the program, the weight file. */
#include <stdlib.h>
#include <string.h>

#include "coreml/check/check.h"
#include "coreml/package/package_blob.h"
#include "coreml/package/package_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *user, pst_severity severity, const char *message) {
    (void)severity;
    if (message[0] == 0) ++*(int *)user;
}

static volatile unsigned char last; /* so that the reads are not optimised away */

static void walk_records(const struct file_view *file) {
    struct blob_header header;
    if (file->data == NULL || !blob_header_read(file, &header)) return;
    struct blob_record record;
    for (uint64_t at = BLOB_ALIGNMENT; blob_record_read(file, at, &record);
         at = (record.start + record.bytes + BLOB_ALIGNMENT - 1) / BLOB_ALIGNMENT * BLOB_ALIGNMENT)
        for (size_t i = 0; i < record.bytes; i++) last ^= ((const unsigned char *)record.data)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t length = size >= 2 ? (size_t)(data[0] | data[1] << 8) : 0;
    if (size < 2 || length > size - 2) return 0;
    struct mil_model *model = mil_model_new();
    /* A copy that starts on a page's alignment as a mapping does; no mapping to unmap. */
    size_t rest = size - 2 - length;
    unsigned char *weights = NULL;
    if (rest != 0 && posix_memalign((void **)&weights, 64, rest) == 0) {
        memcpy(weights, data + 2 + length, rest);
        model->weights = (struct file_view){.data = weights, .size = rest};
    }
    walk_records(&model->weights);
    pst_error err;
    int empty = 0;
    if (!message_read(data + 2, length, model, &err)) {
        struct blob_plan plan = {0};
        unsigned char *bytes = NULL;
        size_t written = 0;
        check_model(model, ignore, &empty);
        if (!blob_plan_model(&plan, model, &err) && !message_write(model, &bytes, &written, &err)) {
            if (message_scan(bytes, written, &err)) abort(); /* our own writing must be in order */
        } else if (err.code == PST_ERR_ARGUMENT) {
            abort(); /* what the reader lets in, the writer takes */
        }
        free(bytes);
        blob_plan_free(&plan);
    }
    mil_model_free(model);
    free(weights);
    return empty ? abort(), 0 : 0;
}
