/* jobs.h - the segments that a worker of a batch has at once, to transcripts. */
#ifndef PST_PIPELINE_JOBS_H
#define PST_PIPELINE_JOBS_H

#include "decode/backend.h"
#include "pipeline/clip_queue.h"

/* How all jobs of a batch are done. */
struct job_setting {
    const pst_model *model;
    const pst_batch_options *options;
    pst_decode_options decode; /* before `adjust` */
};

/* Fills outcomes [count <= TEXTS_MAX], but for the time they take. */
void jobs_transcribe(pst_session *session, const struct job_setting *setting, struct job *jobs,
                     struct outcome *outcomes, size_t count);

#endif
