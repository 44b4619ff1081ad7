/* test_alignment.c - two texts beside each other, with their words. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "potstill_tools.h"

/* "=a s:b/c d:e i:f" */
static void print_edits(const pst_alignment *alignment, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < alignment->edit_count; i++) {
        const pst_edit *edit = &alignment->edits[i];
        assert_int_equal(edit->reference == NULL, edit->kind == PST_EDIT_INSERTION);
        assert_int_equal(edit->hypothesis == NULL, edit->kind == PST_EDIT_DELETION);
        int added = snprintf(text + length, size - length, "%s%c%s%s%s", i ? " " : "",
                             "=sdi"[edit->kind], edit -> reference ? edit -> reference : "",
                             edit->kind == PST_EDIT_SUBSTITUTION ? "/" : "",
                             edit->kind == PST_EDIT_EQUAL ? ""
                             : edit->hypothesis           ? edit->hypothesis
                                                          : "");
        length += (size_t)added;
    }
}

static void aligns(const char *reference, const char *hypothesis, const char *expected,
                   uint64_t characters, uint64_t errors) {
    pst_normalizer *normalizer = NULL;
    pst_alignment alignment;
    pst_error err = {0};
    char text[400];
    assert_int_equal(pst_normalizer_open(PST_NORMALIZE_SCRIPT, NULL, NULL, &normalizer, &err),
                     PST_OK);
    assert_int_equal(pst_eval_align(normalizer, reference, hypothesis, &alignment, &err), PST_OK);
    print_edits(&alignment, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(alignment.characters, characters);
    assert_int_equal(alignment.character_errors, errors);
    pst_word_counts counts = {0};
    pst_score_words(reference, hypothesis, PST_NORMALIZE_SCRIPT, &counts, &err);
    assert_memory_equal(&counts, &alignment.counts, sizeof counts);
    pst_alignment_free(&alignment);
    pst_normalizer_free(normalizer);
}

static void gives_words_in_order(void **state) {
    (void)state;
    aligns("", "", "", 0, 0);
    aligns("A b.", "a B", "=a =b", 3, 0);
    aligns("a b c", "a x c d", "=a sb/x =c id", 5, 3);
    aligns("one two three", "two three", "done =two =three", 13, 4);
    aligns("", "so it is", "iso iit iis", 0, 8);
    aligns("so it is", "", "dso dit dis", 8, 8);
    aligns("a b", "b a", "ib =a db", 3, 2);
    aligns("Gr\xC3\xB6\xC3\x9F"
           "e",
           "gr\xC3\xB6sse",
           "sgr\xC3\xB6\xC3\x9F"
           "e/gr\xC3\xB6sse",
           5, 2);
}

static void refuses_what_is_no_text(void **state) {
    (void)state;
    pst_alignment alignment = {0};
    pst_error err = {0};
    assert_int_equal(pst_eval_align(NULL, "a", "\xFF", &alignment, &err), PST_ERR_INPUT);
    pst_alignment_free(&alignment);
    assert_int_equal(pst_eval_align(NULL, NULL, "a", &alignment, &err), PST_ERR_ARGUMENT);
    pst_alignment_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_words_in_order),
        cmocka_unit_test(refuses_what_is_no_text),
    };
    return cmocka_run_group_tests_name("alignment", tests, NULL, NULL);
}
