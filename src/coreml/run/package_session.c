/* package_session.c - see package_session.h. Clips are padded with silence to a length of the
 * packages, and masks say where they end. */
#include "coreml/run/package_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "model/family.h"
#include "model/streaming.h"

pst_status package_session_open(struct package_session *session,
                                const struct package_model *package, struct thread_pool *pool,
                                pst_error *err) {
    *session = (struct package_session){
        .package = package, .runner = package->runner, .threads = thread_pool_size(pool)};
    size_t longest = 0;
    for (size_t i = 0; i < package->index.length_count; i++) {
        const struct package_length *length = &package->index.lengths[i];
        if (length->samples > longest) longest = length->samples;
        if (length->memory > longest) longest = length->memory;
    }
    return package_session_reserve(session, longest, err);
}

void package_session_close(struct package_session *session) {
    for (size_t i = 0; i < session->loaded_count; i++)
        session->runner->unload(session->loaded[i].function);
    free(session->loaded);
    free(session->row);
}

pst_status package_session_reserve(struct package_session *session, size_t count, pst_error *err) {
    if (count <= session->row_size) return PST_OK;
    float *row = realloc(session->row, count * sizeof *row);
    if (!row) return error_memory(err, count * sizeof *row);
    session->row = row;
    session->row_size = count;
    return PST_OK;
}

/* ------------------------------------------------------------------------------------ functions */

static int same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

pst_status package_session_load(struct package_session *session, const struct package_part *part,
                                struct function **function, pst_error *err) {
    const char *dir = session->package->path;
    for (size_t i = 0; i < session->loaded_count; i++) {
        const struct package_part *loaded = session->loaded[i].part;
        if (!same_text(loaded->package, part->package) ||
            !same_text(loaded->function, part->function))
            continue;
        *function = session->loaded[i].function;
        return PST_OK;
    }
    size_t count = session->loaded_count + 1;
    struct loaded_part *more = realloc(session->loaded, count * sizeof *more);
    if (!more) return error_memory(err, count * sizeof *more);
    session->loaded = more;
    char *path = part->package ? path_join(dir, part->package) : strdup(dir);
    if (!path) return error_memory(err, 0);
    pst_status status = session->runner->load(&session->package->options, session->threads, path,
                                              part->function, function, err);
    free(path);
    if (status) return status;
    more[session->loaded_count++] = (struct loaded_part){part, *function};
    return PST_OK;
}

pst_status package_session_fill(struct package_session *session, struct function *function,
                                const char *input, size_t count, float first, size_t first_count,
                                float rest, pst_error *err) {
    for (size_t i = 0; i < count; i++) session->row[i] = i < first_count ? first : rest;
    return session->runner->write(function, input, (struct places){0, 1, count}, session->row, err);
}

/* ------------------------------------------------------------------------------------- encoding */

const struct package_length *package_session_length(const struct package_session *session,
                                                    size_t samples) {
    const struct package_index *index = &session->package->index;
    size_t i = 0;
    while (i + 1 < index->length_count && samples > index->lengths[i].samples) i++;
    return &index->lengths[i];
}

/* The samples, and silence after them; of the streaming family those of whole frames, as its mask
 * leaves out the last one that is not. */
static pst_status write_samples(struct package_session *session, struct function *encoder,
                                const struct package_length *length, const float *samples,
                                size_t count, pst_error *err) {
    if (session->package->index.family == FAMILY_STREAMING) count -= count % STREAM_FRAME_SAMPLES;
    memcpy(session->row, samples, count * sizeof *samples);
    memset(session->row + count, 0, (length->samples - count) * sizeof *samples);
    return session->runner->write(encoder, "input_values", (struct places){0, 1, length->samples},
                                  session->row, err);
}

pst_status package_session_encode(struct package_session *session,
                                  const struct package_length *length, const float *samples,
                                  size_t count, struct function **encoder, pst_error *err) {
    enum family family = session->package->index.family;
    struct clip_extent extent = family_extent(family, count);
    pst_status status = package_session_load(session, &length->encoder, encoder, err);
    if (!status) status = write_samples(session, *encoder, length, samples, count, err);
    if (!status && !session->package->single && family == FAMILY_MOONSHINE)
        status = package_session_fill(session, *encoder, "frame_weights", length->frames1,
                                      (float)length->frames1 / (float)extent.frames1,
                                      extent.frames1, 0, err);
    if (!status && !session->package->single)
        status = package_session_fill(session, *encoder, "key_mask", length->frames, 0,
                                      extent.frames, session->package->index.masked, err);
    return status ? status : session->runner->run(*encoder, err);
}
