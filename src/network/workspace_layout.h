/* workspace_layout.h - where everything in a workspace lies. */
#ifndef PST_NETWORK_WORKSPACE_LAYOUT_H
#define PST_NETWORK_WORKSPACE_LAYOUT_H

#include "base/arena.h"
#include "network/workspace.h"

/* Takes the memory of `ws` but that of texts from `arena`, for work up to `extent`; model, network,
 * kernels and pool are set. */
void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *extent);
/* Takes that of text number `text` < STEP_AHEAD_MAX, of a clip of exactly `extent`. */
void workspace_lay_out_cache(struct workspace *ws, size_t text, struct arena *arena,
                             const struct extent *extent);

#endif
