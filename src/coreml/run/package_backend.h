/* package_backend.h - the backends of converted models. */
#ifndef PST_COREML_RUN_PACKAGE_BACKEND_H
#define PST_COREML_RUN_PACKAGE_BACKEND_H

#include "decode/backend.h"

struct package_model;

/* Packages of the layout `split` compute all (backend_split.c). */
pst_status backend_split_new(const struct package_model *package, struct thread_pool *pool,
                             struct backend **backend, pst_error *err);
/* A package of the layout `single` gives whole texts (backend_single.c). */
pst_status backend_single_new(const struct package_model *package, struct thread_pool *pool,
                              struct backend **backend, pst_error *err);
/* A package encodes and the engine decodes (backend_hybrid.c). */
pst_status backend_hybrid_new(const struct package_model *package, struct thread_pool *pool,
                              struct backend **backend, pst_error *err);

#endif
