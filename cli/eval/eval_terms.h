/* eval_terms.h - names and terms that matter: how many of them are found, and how many of those
 * found were said. */
#ifndef POTSTILL_CLI_EVAL_TERMS_H
#define POTSTILL_CLI_EVAL_TERMS_H

#include "eval/evaluation.h"

struct eval_term_score {
    size_t said, found; /* times in the references; of these right in every word */
    size_t heard;       /* times in what the system heard */
};

struct eval_term {
    char *text;   /* as the file has it */
    char **words; /* [word_count] normalised */
    size_t word_count;
    size_t said;                    /* in all usable items */
    struct eval_term_score *scores; /* [systems] over the items that each has */
};

struct eval_terms {
    struct eval_term *terms;
    size_t count;
};

/* Reads a term a line; blank lines, and those that begin with "#", are passed over. 0, or an exit
 * code with the reason printed; eval_terms_free() in any case. */
int eval_terms_read(struct eval_terms *terms, const char *path, const pst_normalizer *normalizer);
void eval_terms_count(struct eval_terms *terms, const struct evaluation *evaluation);
void eval_terms_free(struct eval_terms *terms);

#endif
