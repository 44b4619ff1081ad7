/* head_choice.c - see head_choice.h. */
#include "transcribe/head_choice.h"

#include <stdio.h>

/* 0: it is none. */
static int parse_head(const char *text, pst_alignment_head *head) {
    int used = 0;
    *head = (pst_alignment_head){0};
    if (*text < '0' || *text > '9') return 0;
    if (sscanf(text, "%3u.%3u%n:%4d%n", &head->layer, &head->head, &used, &head->lag, &used) < 2)
        return 0;
    return used > 0 && !text[used];
}

int heads_choose(const struct command *command, const struct option_texts *texts,
                 pst_alignment_head *heads) {
    for (size_t i = 0; i < texts->count; i++)
        if (!parse_head(texts->items[i], &heads[i]))
            return usage_error(command,
                               "--alignment-heads '%s': expected L.H or L.H:LAG, as 5.7:-1",
                               texts->items[i]);
    return 0;
}
