/* backend.h - who computes, as a search sees it: tokens in, logits out, one step after the other.
 *
 * Each session has one: the engine, or the packages of a converted model. What a clip was encoded
 * to and the keys and values of the tokens so far are its own business. The interface lies here,
 * below those who implement it and beside those who call it; nothing in decode/ knows a network. */
#ifndef PST_DECODE_BACKEND_H
#define PST_DECODE_BACKEND_H

#include "base/spans.h"
#include "base/thread_pool.h"
#include "decode/rules.h"
#include "kernels/kernels.h"

/* What a search of one row of logits is after. */
struct best_token {
    size_t token; /* the first of those with the highest logit */
    float logit;
    float margin;        /* to the second highest; INFINITY: not known */
    const float *logits; /* [vocab] of all tokens, near enough for a probability; NULL: none */
};

/* What a text is made of: a clip, and a search by `rules`. */
struct text_needs {
    const struct rules *rules;
    size_t samples;
};

/* Texts that any backend steps on together at most. */
enum { TEXTS_MAX = 8 };

/* A step of one of several texts. */
struct next_token {
    size_t text;
    int32_t token;
    size_t position;
};

struct backend;

struct backend_calls {
    /* Makes room for texts [count <= backend->texts] and takes the first in hand. NULL: there
     * always is. */
    pst_status (*fit)(struct backend *backend, const struct text_needs *texts, size_t count,
                      pst_error *err);
    /* Takes text number `text` in hand: what follows but step_texts() is of it. NULL: there is one
     * only. */
    void (*use_text)(struct backend *backend, size_t text);
    /* samples [count] to what the steps attend to; a new transcript begins. */
    pst_status (*encode)(struct backend *backend, const float *samples, size_t count,
                         pst_error *err);
    /* One step of tokens [rows] at `position`, 0 for the start token. */
    pst_status (*step)(struct backend *backend, const int32_t *tokens, size_t rows, size_t position,
                       pst_error *err);
    /* One step of tokens [count] of one text, at `position` and on: row i is what step() of
     * tokens[i] alone would give after those before it, to the bit or, with a guard, nearly. What
     * lies behind a position that is stepped to again is forgotten. NULL: there is no such step. */
    pst_status (*step_ahead)(struct backend *backend, const int32_t *tokens, size_t count,
                             size_t position, pst_error *err);
    /* One step of several texts [count <= backend->texts], each encoded and searched by one row:
     * row i is what step() of next[i] alone would give, to the bit. NULL: there is none. */
    pst_status (*step_texts)(struct backend *backend, const struct next_token *next, size_t count,
                             pst_error *err);
    /* [rows, vocab] of the last step, which the caller may change. */
    float *(*logits)(struct backend *backend, size_t rows);
    /* The best token of row `row` of the `rows`, none a beam, of the last step: 1, where that
     * takes less than all logits, else 0. `scored`: with logits too, where they can be had. After
     * it what logits() gave is gone. NULL: never. */
    int (*best)(struct backend *backend, size_t rows, size_t row, int scored,
                struct best_token *best);
    /* Row i goes on from what was row parents[i] in the last step: [rows] each. `position` is that
     * of the next step. */
    void (*reorder)(struct backend *backend, const int *parents, size_t rows, size_t position);
    /* Bytes it holds; NULL: nobody knows. */
    size_t (*memory)(const struct backend *backend);
    void (*free)(struct backend *backend);
};

struct backend {
    const struct backend_calls *calls;
    const struct kernels *kernels;
    struct thread_pool *pool; /* the session's */
    struct spans *spans;      /* NULL: nobody is watching */
    size_t vocab;
    size_t ahead;           /* tokens of one step_ahead() at most */
    size_t texts;           /* texts of one step_texts() at most, TEXTS_MAX or less; 0: as 1 */
    float guard;            /* a margin below which step_ahead() is not to be trusted; 0: none */
    int32_t start;          /* the token before a text */
    struct end_tokens ends; /* those that end it */
};

#endif
