/* test_arena.c - measure and place agree; sizes that do not fit are noticed. */
#include "support/test.h"

#include "base/arena.h"

struct layout {
    float *frames;
    char *bytes;
};

static void lay_out(struct layout *layout, struct arena *arena) {
    layout->frames = ARENA_TAKE(arena, 100, float);
    layout->bytes = ARENA_TAKE(arena, 3, char);
}

static void counts_then_places(void **state) {
    (void)state;
    struct layout layout;
    struct arena arena = {0};
    lay_out(&layout, &arena);
    assert_null(layout.frames);
    size_t bytes = arena.used;
    assert_int_equal(bytes, 448 + 64); /* 400 and 3, each rounded up to a cache line */

    assert_true(arena_allocate(&arena, bytes));
    lay_out(&layout, &arena);
    assert_int_equal(arena.used, bytes);
    assert_int_equal((uintptr_t)layout.frames % ARENA_ALIGNMENT, 0);
    assert_ptr_equal(layout.bytes, (char *)layout.frames + 448);
    arena_free(&arena);
}

static void notices_overflow(void **state) {
    (void)state;
    struct arena arena = {0};
    arena_take(&arena, SIZE_MAX / 2, 4);
    assert_true(arena.overflow);
    arena = (struct arena){0};
    arena_take(&arena, SIZE_MAX - 10, 1);
    assert_true(arena.overflow);
    assert_false(arena_allocate(&arena, SIZE_MAX - 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_then_places),
        cmocka_unit_test(notices_overflow),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
