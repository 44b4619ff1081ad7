/* sample_list.h - samples whose number is known only when they end.
 *
 * A header may claim any length, so it decides no allocation: the list grows with what is read. */
#ifndef PST_AUDIO_SAMPLE_LIST_H
#define PST_AUDIO_SAMPLE_LIST_H

#include <stddef.h>

struct sample_list {
    float *data; /* [capacity], the first [count] set; NULL when empty */
    size_t count;
    size_t capacity;
};

/* Makes room for `extra` samples after the last; returns 0, changing nothing, if there is none. */
int sample_list_reserve(struct sample_list *list, size_t extra);
/* Frees the unused capacity. */
void sample_list_trim(struct sample_list *list);
void sample_list_free(struct sample_list *list);

#endif
