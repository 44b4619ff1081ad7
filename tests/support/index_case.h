/* index_case.h - the index of a right conversion with something else in it. */
#ifndef TESTS_INDEX_CASE_H
#define TESTS_INDEX_CASE_H

#include "coreml/run/package_index.h"
#include "support/scratch.h"
#include "support/test.h"

/* Writes the index of the conversion in `target`, its first `from` made `to`, into `folder`. */
static inline void index_write(const char *folder, const char *target, const char *from,
                               const char *to) {
    static char text[1 << 16], changed[1 << 16];
    char path[700];
    snprintf(path, sizeof path, "%s/potstill.json", target);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    scratch_text(folder, "potstill.json", changed);
}

/* Opens the index of the conversion in `target`, its first `from` made `to`, from `folder`: it must
 * give `status`, with `part` in the message. */
static inline void index_case(const char *folder, const char *target, const char *from,
                              const char *to, pst_status status, const char *part) {
    pst_error error;
    index_write(folder, target, from, to);
    struct package_index index;
    assert_int_equal(package_index_open(&index, folder, &error), status);
    if (status && !strstr(error.message, part))
        fail_msg("\"%s\" lacks \"%s\"", error.message, part);
    package_index_close(&index);
}

#endif
