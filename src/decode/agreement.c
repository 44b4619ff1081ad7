/* agreement.c - see agreement.h. */
#include "decode/agreement.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

pst_status agreement_init(struct agreement *agreement, size_t room, pst_error *err) {
    *agreement =
        (struct agreement){.tokens = calloc(room, sizeof *agreement->tokens), .room = room};
    return agreement->tokens ? PST_OK : error_memory(err, room * sizeof *agreement->tokens);
}

void agreement_free(struct agreement *agreement) {
    free(agreement->tokens);
}

void agreement_begin(struct agreement *agreement, int32_t start) {
    agreement->tokens[0] = start;
    agreement->count = agreement->committed = 1;
}

void agreement_add(struct agreement *agreement, const int32_t *tokens, size_t count) {
    if (count > agreement->room) count = agreement->room;
    size_t most = count < agreement->count ? count : agreement->count;
    while (agreement->committed < most &&
           tokens[agreement->committed] == agreement->tokens[agreement->committed])
        agreement->committed++;
    memcpy(agreement->tokens, tokens, count * sizeof *tokens);
    agreement->count = count;
}
