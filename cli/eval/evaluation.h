/* evaluation.h - systems over a set: what each heard, how often it was wrong, and which is better.
 *
 * A system is a model with adapters, or ready transcripts. An utterance counts for a system that
 * has a text of it, and for a comparison when both systems have one. */
#ifndef POTSTILL_CLI_EVALUATION_H
#define POTSTILL_CLI_EVALUATION_H

#include "eval/eval_set.h"
#include "eval/spoken_words.h"
#include "potstill_tools.h"

struct eval_adapter {
    char *path; /* as it was named */
    double weight;
    char sha256[65]; /* of its weights; "": not known */
};

struct eval_system {
    char *name;                    /* no other has the same */
    char *hypotheses;              /* where ready transcripts come from; NULL: it is run */
    char *model;                   /* NULL: ready transcripts */
    char model_sha256[65];         /* of its weights, as pst_fingerprint has it; "": not known */
    struct eval_adapter *adapters; /* [adapter_count] */
    size_t adapter_count;
};

/* What a system made of the set. All lists have an entry for each item. */
struct eval_heard {
    char **texts;  /* NULL: none */
    char **errors; /* why there is none; NULL: the item cannot be used, or there is a text */
    pst_alignment *alignments;    /* of those with a text, else empty */
    double *ms;                   /* that it took; NAN: not known. NULL: of none */
    double seconds, work_seconds; /* of sound that was transcribed, and of time; 0: none was */
    struct spoken_words *words;   /* of those with a text */
    struct time_span **times;     /* of the words heard in the alignment; NULL: not known */
};

struct eval_score {
    size_t utterances, failed;
    pst_word_counts counts;
    pst_eval_interval wer, cer, sentences;
};

enum eval_verdict { EVAL_NO_EVIDENCE, EVAL_BETTER, EVAL_WORSE };

/* Of system b with system a. */
struct eval_comparison {
    size_t a, b, utterances, units; /* of the bootstrap, with a text of both */
    pst_eval_interval difference;   /* of word error rates, b less a */
    double p_mapsswe, p_adjusted;   /* the latter of difference.p */
    size_t wins, losses, ties;      /* utterances with fewer errors in b, in a, neither */
    size_t fixed, broken;           /* words that only b has right, only a */
    double needed; /* utterances more that would show the difference; NAN: not known */
    enum eval_verdict verdict;
};

struct eval_settings {
    const pst_normalizer *normalizer;
    const char *by_group; /* units of the bootstrap; NULL: utterances */
    uint32_t samples;
    uint64_t seed;
};

struct evaluation {
    struct eval_set set;
    const struct eval_system *systems; /* [count] */
    size_t count;
    struct eval_heard *heard;            /* [count] */
    struct eval_score *scores;           /* [count] */
    struct eval_comparison *comparisons; /* [comparison_count] each pair of systems, a before b */
    size_t comparison_count;
};

/* Makes room for what the systems hear, after the set is read. */
void evaluation_open(struct evaluation *evaluation, const struct eval_system *systems,
                     size_t count);
void evaluation_free(struct evaluation *evaluation);

/* Words of the reference, and errors. */
size_t eval_words(const pst_word_counts *counts);
size_t eval_errors(const pst_word_counts *counts);
/* Whether system `system` has a text of item `item`. */
int eval_has(const struct evaluation *evaluation, size_t system, size_t item);

/* For qsort() of doubles, none of them NAN. */
int eval_compare_numbers(const void *left, const void *right);

#endif
