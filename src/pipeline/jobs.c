/* jobs.c - see jobs.h. Those that need the model are decoded together first; what the guard does
 * after that, it does one by one. */
#include "pipeline/jobs.h"

#include "base/option_struct.h"
#include "pipeline/speech/detector.h"
#include "pipeline/speech/guard.h"
#include "pipeline/speech/transcript_join.h"
#include "pipeline/timed_words.h"
#include "pipeline/together.h"

/* A job that needs the model. */
struct task {
    const struct job *job;
    struct outcome *outcome;
    pst_decode_options decode, first; /* `first`: of the first transcript */
};

/* What the caller knows of a segment; NULL: nothing. It knows the text after a seam was sewn, which
 * needs all of both: such a segment is transcribed again. */
static const pst_transcript *recall(const pst_batch_options *options, const struct job *job) {
    const struct segment *segment = &job->segment;
    if (!options->recall || segment->before + segment->after > 0) return NULL;
    const pst_segment_place place = {job->clip->index, job->clip->given.tag, segment->channel,
                                     (double)segment->start / PST_SAMPLE_RATE_HZ,
                                     (double)(segment->start + segment->samples.count) /
                                         PST_SAMPLE_RATE_HZ};
    return options->recall(options->user, &place);
}

/* Can it be told what comes of a job without the model? A silent segment cannot be normalised.
 * Where it is one of several it is transcribed as it is: the speech may be in the others. */
static int is_known(const pst_batch_options *options, struct job *job, struct outcome *outcome) {
    struct segment *segment = &job->segment;
    const struct sample_list *samples = &segment->samples;
    *outcome = (struct outcome){0};
    if (segment->silent) {
        transcript_of_silence(segment->no_speech_prob, &outcome->transcript, &outcome->error);
        return 1;
    }
    if (options->normalize &&
        pst_audio_normalize_rms(samples->data, samples->count, &outcome->silence) &&
        segment->whole) {
        outcome->error = outcome->silence;
        return 1;
    }
    const pst_transcript *known = recall(options, job);
    if (known) transcript_copy(known, &outcome->transcript, &outcome->error);
    return known != NULL;
}

static struct guarded guarded_of(const struct job_setting *setting, const struct task *task) {
    const struct segment *segment = &task->job->segment;
    const struct pst_vad *vad = setting->options->vad;
    return (struct guarded){.samples = segment->samples.data,
                            .count = segment->samples.count,
                            .no_speech_prob = segment->no_speech_prob,
                            .speech_seconds = segment->speech_seconds,
                            .decode = &task->decode,
                            .phrases = &segment->phrases,
                            .by_loudness = vad && !vad->weights,
                            .greedy_only = setting->model->device != NULL};
}

/* Where texts overlap, times tell which words are the same, if they can be had. */
static pst_status prepare(const pst_session *session, const struct job_setting *setting,
                          struct task *task) {
    const pst_batch_options *options = setting->options;
    const struct segment *segment = &task->job->segment;
    pst_decode_options *decode = &task->decode;
    *decode = setting->decode;
    pst_status status = option_struct_copy(decode, sizeof *decode, task->job->clip->given.decode,
                                           "pst_decode_options of a clip", &task->outcome->error);
    if (status) return status;
    if (options->adjust) options->adjust(options->user, segment->samples.count, decode);
    task->outcome->spare_words = !decode->word_timestamps && segment->before + segment->after > 0;
    if (task->outcome->spare_words && timed_words_are_known(session)) decode->word_timestamps = 1;
    const struct guarded guarded = guarded_of(setting, task);
    task->first = options->guard ? guard_first(&guarded) : *decode;
    return PST_OK;
}

/* From the first transcript on. */
static void complete(pst_session *session, const struct job_setting *setting,
                     const struct task *task) {
    const struct segment *segment = &task->job->segment;
    struct outcome *outcome = task->outcome;
    if (outcome->error.code) return;
    if (setting->options->guard) {
        const struct guarded guarded = guarded_of(setting, task);
        if (guard_complete(session, &guarded, &outcome->transcript, &outcome->error)) {
            pst_transcript_free(outcome->transcript);
            outcome->transcript = NULL;
            return;
        }
    } else {
        transcript_judge(outcome->transcript);
        outcome->transcript->no_speech_prob = segment->no_speech_prob;
    }
    timed_words_shift(outcome->transcript, (double)segment->start / PST_SAMPLE_RATE_HZ);
}

void jobs_transcribe(pst_session *session, const struct job_setting *setting, struct job *jobs,
                     struct outcome *outcomes, size_t count) {
    struct task tasks[TEXTS_MAX];
    struct utterance utterances[TEXTS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sample_list *samples = &jobs[i].segment.samples;
        if (is_known(setting->options, &jobs[i], &outcomes[i])) continue;
        tasks[n].job = &jobs[i];
        tasks[n].outcome = &outcomes[i];
        if (prepare(session, setting, &tasks[n])) continue;
        utterances[n] = (struct utterance){
            .samples = samples->data, .count = samples->count, .options = &tasks[n].first};
        n++;
    }
    transcribe_together(session, utterances, n);
    for (size_t i = 0; i < n; i++) {
        tasks[i].outcome->transcript = utterances[i].transcript;
        tasks[i].outcome->error = utterances[i].error;
        complete(session, setting, &tasks[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].transcript) outcomes[i].transcript->channel = jobs[i].segment.channel;
}
