/* eval_words.h - which words a system confuses, adds, leaves out, and has right for the first time.
 */
#ifndef POTSTILL_CLI_EVAL_WORDS_H
#define POTSTILL_CLI_EVAL_WORDS_H

#include "eval/evaluation.h"

/* A word, or a word and what was heard instead, and how often. */
struct eval_word_count {
    const char *word, *heard; /* `heard` only of confusions; not owned */
    size_t count;
};

/* Often ones first, then in the order of their bytes. */
struct eval_word_list {
    struct eval_word_count *rows;
    size_t count;
};

struct eval_word_lists {
    struct eval_word_list confusions, inserted, deleted;
    /* Words of the reference never right in the first system and right here, with how often; and
     * the other way round, with how often the first system has them right. */
    struct eval_word_list newly_right, newly_wrong;
};

/* Of one system; both systems' alignments must outlive the lists. */
void eval_words_list(struct eval_word_lists *lists, const struct evaluation *evaluation,
                     size_t system);
void eval_words_free(struct eval_word_lists *lists);

#endif
