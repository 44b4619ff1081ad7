/* workspace_layout.h - where everything in a workspace lies. */
#ifndef PST_NETWORK_WORKSPACE_LAYOUT_H
#define PST_NETWORK_WORKSPACE_LAYOUT_H

#include "base/arena.h"
#include "network/workspace.h"

/* Takes all memory of `ws` from `arena`, for work up to `extent`; model, network, kernels and pool
 * are set. */
void workspace_lay_out(struct workspace *ws, struct arena *arena, const struct extent *extent);

#endif
