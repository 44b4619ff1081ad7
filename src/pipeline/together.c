/* together.c - see together.h. */
#include "pipeline/together.h"

#include <stdlib.h>

#include "base/error.h"
#include "pipeline/timed_words.h"
#include "pipeline/transcribe.h"

/* The utterances of one group, each with a text of the backend and a search. */
struct group {
    struct pst_session *session;
    struct utterance *utterances[TEXTS_MAX]; /* [count] */
    struct searched texts[TEXTS_MAX];
    pst_decode_options options[TEXTS_MAX]; /* resolved */
    pst_alignment_head heads[ALIGNMENT_HEADS_MAX];
    size_t count;
};

static void transcribe_alone(struct pst_session *session, struct utterance *u) {
    pst_transcribe(session, u->samples, u->count, u->options, &u->transcript, &u->error);
}

/* May a text with these options be decoded beside the group? */
static int can_share(const struct group *group, const pst_decode_options *options) {
    const pst_decode_options *first = &group->options[0]; /* itself, where it is the first */
    return options->num_beams == 1 && !options->drafts_count &&
           options->alignment_heads == first->alignment_heads &&
           options->alignment_heads_count == first->alignment_heads_count;
}

static struct search *search_of(struct pst_session *session, size_t text) {
    return text ? &session->beside[text - 1] : &session->search;
}

static int make_searches(struct pst_session *session) {
    size_t count = session->backend->texts - 1;
    if (session->beside) return 1;
    session->beside = calloc(count, sizeof *session->beside);
    for (size_t i = 0; session->beside && i < count; i++)
        session->beside[i].backend = session->backend;
    return session->beside != NULL;
}

/* Takes an utterance into the group: 1, or 0 where the group is full or cannot share with it. */
static int join(struct group *group, struct utterance *u) {
    struct pst_session *session = group->session;
    if (group->count >= session->backend->texts) return 0;
    pst_decode_options *options = &group->options[group->count];
    if (transcribe_accept(session, u->samples, u->count, u->options, options, &u->error)) return 1;
    if (!can_share(group, options) || !make_searches(session)) return 0;
    struct search *search = search_of(session, group->count);
    if (transcribe_fit_search(session, search, options, &u->error)) return 1;
    search->rules.ends = session->backend->ends;
    search->looped = 0;
    group->utterances[group->count] = u;
    group->count++;
    return 1;
}

static pst_status fit(struct group *group, pst_error *err) {
    struct pst_session *session = group->session;
    struct text_needs needs[TEXTS_MAX];
    size_t timed = 0; /* the first text with times; what it follows is followed in all */
    for (size_t i = 0; i < group->count; i++) {
        needs[i] = (struct text_needs){&search_of(session, i)->rules, group->utterances[i]->count};
        if (!group->options[timed].word_timestamps) timed = i;
    }
    pst_status status = timed_words_prepare(session, &group->options[timed], group->heads, err);
    return status ? status
                  : session->backend->calls->fit(session->backend, needs, group->count, err);
}

/* The texts that are encoded come to lie in group->texts: how many. */
static size_t encode(struct group *group) {
    struct pst_session *session = group->session;
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct utterance *u = group->utterances[i];
        struct searched text = {search_of(session, i), i, &u->error, 0};
        session->backend->calls->use_text(session->backend, i);
        if (!search_check(text.search, &u->error) &&
            !transcribe_encode(session, u->samples, u->count, &u->error))
            group->texts[count++] = text;
    }
    return count;
}

static void finish(struct group *group, const struct searched *text) {
    struct pst_session *session = group->session;
    struct utterance *u = group->utterances[text->number];
    session->backend->calls->use_text(session->backend, text->number);
    if (u->error.code || transcribe_text(session, text->search, &u->transcript, &u->error)) return;
    if (group->options[text->number].word_timestamps &&
        timed_words_find(session, text->search, u->samples, u->count, u->transcript, &u->error)) {
        pst_transcript_free(u->transcript);
        u->transcript = NULL;
    }
}

static void transcribe_group(struct group *group) {
    pst_error err;
    if (!group->count) return;
    spans_clear(group->session->spans);
    if (fit(group, &err)) {
        for (size_t i = 0; i < group->count; i++) group->utterances[i]->error = err;
        return;
    }
    size_t count = encode(group);
    if (count) greedy_search_texts(group->texts, count);
    for (size_t i = 0; i < count; i++) finish(group, &group->texts[i]);
}

void transcribe_together(struct pst_session *session, struct utterance *utterances, size_t count) {
    for (size_t i = 0; i < count; i++) {
        utterances[i].transcript = NULL;
        utterances[i].error = (pst_error){0};
    }
    for (size_t done = 0; done < count;) {
        struct group group = {.session = session};
        size_t first = done;
        while (count > 1 && done < count && join(&group, &utterances[done])) done++;
        transcribe_group(&group);
        if (done == first) transcribe_alone(session, &utterances[done++]);
    }
}
