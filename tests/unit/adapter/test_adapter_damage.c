/* test_adapter_damage.c - 300 damaged copies of a good adapter, each opened on its model.
 *
 * Bytes are changed, cut off, doubled and moved in the config and in the tensor file, the header of
 * which is hit more often than the numbers. What is refused must name the file and say something;
 * what is still an adapter must open and close. The sanitizer build watches. */
#include "support/test.h"

#include "base/file_view.h"
#include "potstill.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
enum { COPIES = 300, HEADER_BYTES = 4096 };

static const char *const FILES[] = {"adapter_config.json", "adapter_model.safetensors"};

static uint64_t state = 20; /* of a generator that is the same everywhere */

static size_t below(size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return limit ? (size_t)(state >> 33) % limit : 0;
}

/* Damages bytes [*size] in one of five ways; `bytes` has room for twice as many. */
static void damage(unsigned char *bytes, size_t *size) {
    size_t reach = *size > HEADER_BYTES && below(4) ? HEADER_BYTES : *size;
    size_t at = below(reach), length = 1 + below(16);
    if (length > *size - at) length = *size - at;
    switch (below(5)) {
    case 0: bytes[at] ^= (unsigned char)(1u << below(8)); break;
    case 1: bytes[at] = (unsigned char)below(256); break;
    case 2: *size = at; break;
    case 3:
        memmove(bytes + at + length, bytes + at, *size - at);
        *size += length;
        break;
    default:
        memmove(bytes + at, bytes + at + length, *size - at - length);
        *size -= length;
        break;
    }
}

static void write_damaged(const char *folder, const char *name) {
    struct file_view view;
    char path[600];
    snprintf(path, sizeof path, "%s/%s", GOLDEN "adapter", name);
    assert_int_equal(file_view_open(&view, path, (size_t)1 << 24, NULL), PST_OK);
    unsigned char *bytes = malloc(2 * view.size + 16);
    assert_non_null(bytes);
    memcpy(bytes, view.data, view.size);
    size_t size = view.size;
    damage(bytes, &size);
    scratch_write(folder, name, bytes, size);
    free(bytes);
    file_view_close(&view);
}

static void damaged_adapters(void **unused) {
    (void)unused;
    pst_model *model;
    pst_error err;
    assert_int_equal(pst_model_open(GOLDEN "micro", NULL, &model, &err), PST_OK);
    const char *folder = scratch_folder("adapter-damage");
    int refused = 0;
    for (int copy = 0; copy < COPIES; copy++) {
        pst_adapter *adapter = NULL;
        size_t hit = below(2);
        scratch_copy(GOLDEN "adapter", folder, FILES[!hit]);
        write_damaged(folder, FILES[hit]);
        pst_status status = pst_adapter_open(model, folder, NULL, &adapter, &err);
        if (status) {
            refused++;
            assert_null(adapter);
            if (status != PST_ERR_MODEL && status != PST_ERR_UNSUPPORTED)
                fail_msg("copy %d: %s: %s", copy, pst_status_name(status), err.message);
            if (!strstr(err.message, FILES[0]) && !strstr(err.message, FILES[1]))
                fail_msg("copy %d: \"%s\" names no file", copy, err.message);
        }
        pst_adapter_free(adapter);
    }
    print_message("%d of %d refused\n", refused, COPIES);
    assert_true(refused > COPIES / 2);
    pst_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(damaged_adapters)};
    return cmocka_run_group_tests_name("adapter_damage", tests, NULL, NULL);
}
