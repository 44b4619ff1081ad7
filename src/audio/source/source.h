/* source.h - pst_source: where live sound comes from, behind one interface. */
#ifndef PST_AUDIO_SOURCE_H
#define PST_AUDIO_SOURCE_H

#include <stdatomic.h>

#include "audio/sample_list.h"
#include "potstill.h"

struct source_calls {
    /* Waits for sound and adds it to source->ready; adds none: it has ended, or was stopped. */
    pst_status (*fill)(struct pst_source *source, pst_error *err);
    /* From any thread and from signal handlers; NULL: `stopped` is enough. */
    void (*stop)(struct pst_source *source);
    void (*free)(struct pst_source *source);
};

struct pst_source {
    const struct source_calls *calls;
    struct sample_list ready; /* mono at 16 kHz, from `taken` on not read yet */
    size_t taken;
    atomic_int stopped;
    double lost; /* seconds */
};

#endif
