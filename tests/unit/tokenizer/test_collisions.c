/* test_collisions.c - tokens and merges that were made to meet in one place of a hash table are
 * refused, before looking for the next takes longer and longer. */
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/bpe.h"
#include "tokenizer/vocabulary.h"

enum { COUNT = 1500, SLOTS = 4096, TEXT_BYTES = 16 }; /* the tables of so many are so large */

static uint32_t place_of_text(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
    return (hash ^ hash >> 15) % SLOTS;
}

static uint32_t place_of_pair(int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    return (uint32_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 32) % SLOTS;
}

/* COUNT texts, all with a place below `limit`. */
static pst_status build(struct vocabulary *vocabulary, uint32_t limit, pst_error *err) {
    static struct token tokens[COUNT];
    char *texts = malloc((size_t)COUNT * TEXT_BYTES); /* the vocabulary's */
    assert_non_null(texts);
    int count = 0;
    for (unsigned number = 0; count < COUNT; number++) {
        char *text = texts + count * TEXT_BYTES;
        snprintf(text, TEXT_BYTES, "t%u", number);
        if (place_of_text(text) >= limit) continue;
        tokens[count] = (struct token){text, (uint32_t)strlen(text), count};
        count++;
    }
    return vocabulary_build(vocabulary, texts, tokens, COUNT, "it", err);
}

static void tokens_that_meet_are_refused(void **state) {
    (void)state;
    struct vocabulary vocabulary;
    pst_error err;
    assert_int_equal(build(&vocabulary, 64, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "model.vocab has over 1000 tokens with one hash value"));
    assert_int_equal(build(&vocabulary, SLOTS, &err), PST_OK);
    for (int i = 0; i < COUNT; i++) {
        const struct token *token = &vocabulary.by_id[i];
        assert_int_equal(vocabulary_find(&vocabulary, token->text, token->length), i);
    }
    assert_int_equal(vocabulary_find(&vocabulary, "other", 5), -1);
    vocabulary_free(&vocabulary);
}

static void merges_that_meet_are_refused(void **state) {
    (void)state;
    static struct merge merges[COUNT];
    struct vocabulary vocabulary;
    struct bpe bpe;
    pst_error err;
    int count = 0;
    assert_int_equal(build(&vocabulary, SLOTS, &err), PST_OK);
    for (int32_t pair = 0; count < COUNT; pair++) {
        int32_t left = pair / COUNT, right = pair % COUNT;
        if (place_of_pair(left, right) >= 64) continue;
        merges[count] = (struct merge){left, right, (uint32_t)count, 1};
        count++;
    }
    assert_int_equal(bpe_build(&bpe, &vocabulary, merges, COUNT, &err), PST_ERR_MODEL);
    assert_non_null(strstr(err.message, "model.merges has over 1000 pairs with one hash value"));
    bpe_free(&bpe);
    vocabulary_free(&vocabulary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_that_meet_are_refused),
        cmocka_unit_test(merges_that_meet_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
