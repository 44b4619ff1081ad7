/* eval_run.c - see eval_run.h. */
#include "eval/eval_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "eval/eval_row.h"
#include "eval/eval_sound.h"
#include "locate.h"
#include "progress.h"
#include "resume/run_identity.h"
#include "seconds.h"

/* What the callbacks of a batch share. */
struct job {
    struct eval_run *run;
    struct evaluation *evaluation;
    size_t system;
    char key[65];
    struct eval_sound sound;
    size_t taken; /* items looked at */
    size_t done, todo;
    float **copies; /* [items] samples of parts of files, until they are heard */
    double began;
    int code;
};

/* ------------------------------------------------------------------------------- what it is */

/* The digest of the weights that lie in an adapter's folder; "" when there are none to be found. */
static void digest_adapter(struct eval_adapter *adapter, const struct environment *environment) {
    static const char *const NAMES[] = {"adapter_model.safetensors", "adapter_model.bin",
                                        "adapter.safetensors"};
    char *dir = NULL;
    adapter->sha256[0] = '\0';
    if (locate(environment, adapter->path, PST_FIND_ADAPTER, NULL, &dir)) return;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && !adapter->sha256[0]; i++) {
        pst_error err;
        char *path = text_format("%s/%s", dir, NAMES[i]);
        if (access(path, F_OK) == 0 && pst_sha256_file(path, adapter->sha256, &err))
            adapter->sha256[0] = '\0';
        free(path);
    }
    pst_free(dir);
}

static void describe(struct eval_system *system, const struct engine *engine) {
    pst_fingerprint fingerprint;
    pst_error err;
    free(system->model);
    system->model = text_format("%s", engine->model_name);
    system->model_sha256[0] = '\0';
    if (!engine->info.layout && !pst_model_fingerprint(engine->model, &fingerprint, &err))
        memcpy(system->model_sha256, fingerprint.sha256, sizeof system->model_sha256);
    for (size_t i = 0; i < system->adapter_count; i++)
        digest_adapter(&system->adapters[i], &engine->environment);
}

/* Everything that decides what an utterance comes out as, hashed. */
static void make_key(struct job *job, const struct eval_system *system,
                     const struct engine *engine) {
    pst_error err;
    const struct eval_set *set = &job->evaluation->set;
    json_t *identity = run_identity(engine, job->run->choice);
    char *dump = need(json_dumps(identity, JSON_COMPACT | JSON_SORT_KEYS));
    char *text = text_format("%s %s %s %s %zu %" PRIx64, dump, system->model_sha256, set->path,
                             set->sha256, set->count, job->run->options);
    free(dump);
    json_decref(identity);
    for (size_t i = 0; i < system->adapter_count; i++) {
        const struct eval_adapter *adapter = &system->adapters[i];
        char *longer =
            text_format("%s|%s %s %.17g", text, adapter->path, adapter->sha256, adapter->weight);
        free(text);
        text = longer;
    }
    if (pst_sha256(text, strlen(text), job->key, &err)) job->key[0] = '\0';
    free(text);
}

/* ------------------------------------------------------------------------------------ the batch */

/* What an earlier run has heard. */
static void take_over(struct job *job) {
    struct eval_heard *heard = &job->evaluation->heard[job->system];
    size_t kept = 0;
    job->todo = 0;
    for (size_t i = 0; i < job->evaluation->set.count; i++) {
        const struct eval_item *item = &job->evaluation->set.items[i];
        if (item->error) continue;
        const char *text =
            eval_partial_text(job->run->partial, job->key, item->id, &heard->words[i]);
        if (text) heard->texts[i] = need(strdup(text));
        kept += text != NULL;
        job->todo += text == NULL;
    }
    if (kept)
        say("%s: %zu utterances of %s are there from an earlier run, going on with %zu",
            job->run->partial->path, kept, job->evaluation->systems[job->system].name, job->todo);
}

/* Of which row: many may be of one file. */
static char *part_error(const struct job *job, const struct eval_item *item, const pst_error *err) {
    char *place = eval_row_place(&job->evaluation->set, item);
    char *error = text_error(place, err);
    free(place);
    return error;
}

/* A part of a file is read here; whole files are read by the batch, many at once. */
static int take_part(struct job *job, size_t index, pst_clip *clip) {
    const struct eval_item *item = &job->evaluation->set.items[index];
    const float *samples;
    pst_error err;
    if (eval_sound_read(&job->sound, item, &samples, &clip->sample_count, &err)) {
        job->evaluation->heard[job->system].errors[index] = part_error(job, item, &err);
        return 0;
    }
    job->copies[index] = need(malloc((clip->sample_count + 1) * sizeof(float)));
    memcpy(job->copies[index], samples, clip->sample_count * sizeof(float));
    clip->samples = job->copies[index];
    return 1;
}

static int next(void *user, pst_clip *clip) {
    struct job *job = user;
    struct eval_heard *heard = &job->evaluation->heard[job->system];
    while (job->taken < job->evaluation->set.count) {
        size_t index = job->taken++;
        struct eval_item *item = &job->evaluation->set.items[index];
        if (item->error || heard->texts[index]) continue;
        clip->tag = item;
        if (item->path && item->offset == 0 && item->duration == 0) {
            clip->path = item->path;
            return 1;
        }
        if (take_part(job, index, clip)) return 1;
        say("%s", heard->errors[index]);
    }
    return 0;
}

static void show_progress(const struct job *job, const struct eval_item *item) {
    double passed = seconds_now() - job->began;
    double left = job->done ? passed / (double)job->done * (double)(job->todo - job->done) : 0;
    char *name = text_format("%s, %.0f s left, %s", job->evaluation->systems[job->system].name,
                             left, item->id);
    progress_show(job->done < job->todo ? job->done : job->todo - 1, job->todo, name);
    free(name);
}

static int deliver(void *user, const pst_clip_result *clip) {
    struct job *job = user;
    struct eval_heard *heard = &job->evaluation->heard[job->system];
    const struct eval_item *item = clip->tag;
    size_t index = (size_t)(item - job->evaluation->set.items);
    const int is_part = job->copies[index] != NULL;
    free(job->copies[index]);
    job->copies[index] = NULL;
    job->done++;
    if (clip->error) {
        progress_clear();
        heard->errors[index] =
            is_part ? part_error(job, item, clip->error) : text_error(item->path, clip->error);
        say("%s", heard->errors[index]);
    } else {
        heard->texts[index] = need(strdup(clip->transcript->text));
        if (job->run->words) spoken_words_take(&heard->words[index], clip->transcript);
        heard->seconds += clip->duration;
        heard->ms[index] = 1000 * clip->work_seconds;
        job->code = eval_partial_add(job->run->partial, job->key, item->id, heard->texts[index],
                                     &heard->words[index]);
    }
    show_progress(job, item);
    return job->code;
}

static int hear(struct job *job, const struct engine *engine, const pst_decode_options *decode) {
    pst_error err;
    pst_batch_options batch = engine_batch(engine, job->run->choice);
    batch.normalize = job->run->normalize;
    batch.decode = decode;
    batch.next = next;
    batch.deliver = deliver;
    batch.user = job;
    struct eval_heard *heard = &job->evaluation->heard[job->system];
    heard->ms = need(calloc(job->evaluation->set.count + 1, sizeof *heard->ms));
    for (size_t i = 0; i < job->evaluation->set.count; i++) heard->ms[i] = NAN;
    job->copies = need(calloc(job->evaluation->set.count + 1, sizeof *job->copies));
    job->began = seconds_now();
    pst_status status = pst_batch_run(engine->model, &batch, &err);
    progress_clear();
    heard->work_seconds = seconds_now() - job->began;
    for (size_t i = 0; i < job->evaluation->set.count; i++) free(job->copies[i]);
    free(job->copies);
    eval_sound_free(&job->sound);
    if (job->code) return job->code;
    return status ? fail(exit_code_of(&err), "%s", err.message) : 0;
}

static int open_system(struct engine *engine, const struct eval_run *run,
                       const struct eval_system *system) {
    struct engine_choice choice = *run->choice;
    choice.adapters = (struct option_texts){
        .items = need(calloc(system->adapter_count + 1, sizeof *choice.adapters.items)),
        .count = system->adapter_count};
    for (size_t i = 0; i < system->adapter_count; i++)
        choice.adapters.items[i] =
            text_format("%s:%.17g", system->adapters[i].path, system->adapters[i].weight);
    int code = engine_open(engine, &choice, "eval");
    for (size_t i = 0; i < system->adapter_count; i++) free((char *)choice.adapters.items[i]);
    free(choice.adapters.items);
    return code;
}

int eval_run_system(struct eval_run *run, struct eval_system *system, size_t index,
                    struct evaluation *const *evaluations, size_t count) {
    struct engine engine;
    struct decoding decoding = {0};
    int code = open_system(&engine, run, system);
    if (!code) code = decoding_build(&decoding, run->decoding, engine.model);
    decoding.options.word_timestamps = run->words;
    if (!code) describe(system, &engine);
    if (!code) snprintf(run->precision, sizeof run->precision, "%s", engine.info.precision);
    for (size_t i = 0; i < count && !code; i++) {
        struct job job = {.run = run, .evaluation = evaluations[i], .system = index};
        make_key(&job, system, &engine);
        take_over(&job);
        if (job.todo) code = hear(&job, &engine, &decoding.options);
    }
    decoding_free(&decoding);
    engine_close(&engine);
    return code;
}
