/* package_index.c - see package_index.h. The file may come from anywhere, so every size is checked
 * against the others. */
#include "coreml/run/package_index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "model/family.h"

static const size_t INDEX_BYTES_MAX = 4 << 20;
/* More lengths than anyone makes; six hours; sizes of a cache and a vocabulary. */
enum { LENGTHS_MAX = 64, SAMPLES_MAX = 6 * 3600 * PST_SAMPLE_RATE_HZ };
enum { SLOTS_MAX = 1 << 16, VOCAB_MAX = 1 << 24, CACHE_DIM_MAX = 1 << 20 };
/* Frames of a piece and around it; numbers that go from one to the next, as one of its tensors. */
enum { PIECE_MAX = 1 << 16, CARRIED_MAX = 1 << 26 };
/* The newest format that this code reads. */
enum { INDEX_FORMAT = 3 };

/* A required whole number. */
static pst_status need_int(const json_t *object, const char *path, const char *key, int64_t low,
                           int64_t high, uint32_t *value, pst_error *err) {
    int64_t number = INT64_MIN;
    pst_status status = json_get_int(object, path, key, low, high, &number, err);
    if (status) return status;
    if (number == INT64_MIN) return error_set(err, PST_ERR_MODEL, "%s: %s is missing", path, key);
    *value = (uint32_t)number;
    return PST_OK;
}

static pst_status need_text(const json_t *object, const char *path, const char *key,
                            const char **value, pst_error *err) {
    pst_status status = json_get_text(object, path, key, value, err);
    if (status) return status;
    return *value ? PST_OK : error_set(err, PST_ERR_MODEL, "%s: %s is missing", path, key);
}

/* A package is a folder beside the index. */
static pst_status read_part(const json_t *length, const char *path, const char *key,
                            struct package_part *part, pst_error *err) {
    const json_t *object = json_object_get(length, key);
    pst_status status = need_text(object, path, "package", &part->package, err);
    if (!status) status = json_get_text(object, path, "function", &part->function, err);
    if (status) return status;
    if (strchr(part->package, '/') || strchr(part->package, '\\') || part->package[0] == '.')
        return error_set(err, PST_ERR_MODEL, "%s: package \"%s\" is not a name", path,
                         part->package);
    return PST_OK;
}

/* The first dimension but one of the encoder's output cross_k [1, cache_dim, 1, memory]. */
static uint32_t cache_dim_of(const json_t *length) {
    const json_t *output, *outputs = json_object_get(json_object_get(length, "encoder"), "outputs");
    size_t i;
    json_array_foreach(outputs, i, output) {
        const char *name = json_string_value(json_object_get(output, "name"));
        json_int_t dim = json_integer_value(json_array_get(json_object_get(output, "shape"), 1));
        if (name && strcmp(name, "cross_k") == 0 && dim > 0 && dim <= CACHE_DIM_MAX)
            return (uint32_t)dim;
    }
    return 0;
}

/* A verifier, where there is one: then each length has one, for as many tokens. */
static pst_status read_verifier(struct package_index *index, const json_t *object,
                                struct package_length *length, pst_error *err) {
    const char *path = index->file.path;
    const json_t *verifier = json_object_get(object, "verifier");
    uint32_t tokens = 0;
    pst_status status = PST_OK;
    if (verifier) status = need_int(verifier, path, "tokens", 2, index->slots, &tokens, err);
    if (!status && verifier) status = read_part(object, path, "verifier", &length->verifier, err);
    if (!status && index->length_count && tokens != index->ahead)
        status = error_set(err, PST_ERR_MODEL, "%s: the verifiers of lengths differ", path);
    if (!status && tokens && index->state)
        status = error_set(err, PST_ERR_MODEL, "%s: a verifier has no use for a state", path);
    index->ahead = tokens;
    return status;
}

static pst_status read_length(struct package_index *index, const json_t *object,
                              struct package_length *length, pst_error *err) {
    const char *path = index->file.path;
    pst_status status = need_int(object, path, "samples", 1, SAMPLES_MAX, &length->samples, err);
    if (!status) status = need_int(object, path, "frames1", 1, SAMPLES_MAX, &length->frames1, err);
    if (!status) status = need_int(object, path, "frames", 1, SAMPLES_MAX, &length->frames, err);
    if (!status) status = need_int(object, path, "memory", 1, SAMPLES_MAX, &length->memory, err);
    if (!status) status = read_part(object, path, "encoder", &length->encoder, err);
    if (!status) status = read_part(object, path, "decoder", &length->decoder, err);
    if (!status) status = read_verifier(index, object, length, err);
    if (status) return status;
    struct clip_extent extent = family_extent(index->family, length->samples);
    uint32_t dim = cache_dim_of(object);
    if (extent.frames1 != length->frames1 || extent.frames != length->frames ||
        length->memory < length->frames || dim == 0 ||
        (index->cache_dim && index->cache_dim != dim))
        return error_set(err, PST_ERR_MODEL, "%s: the shapes of length %zu do not fit", path,
                         index->length_count);
    index->cache_dim = dim;
    return PST_OK;
}

static pst_status read_lengths(struct package_index *index, pst_error *err) {
    const json_t *object, *list = json_object_get(index->file.root, "lengths");
    size_t i, count = json_array_size(list);
    if (count == 0 || count > LENGTHS_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: lengths should be a list of 1 to %d entries",
                         index->file.path, LENGTHS_MAX);
    index->lengths = calloc(count, sizeof *index->lengths);
    if (!index->lengths) return error_memory(err, count * sizeof *index->lengths);
    json_array_foreach(list, i, object) {
        struct package_length *length = &index->lengths[i];
        pst_status status = read_length(index, object, length, err);
        if (status) return status;
        if (i && length->samples <= length[-1].samples)
            return error_set(err, PST_ERR_MODEL, "%s: lengths are not in ascending order",
                             index->file.path);
        index->length_count++;
    }
    return PST_OK;
}

/* The list `ends` where there are several, else `end`. */
static pst_status read_ends(struct package_index *index, const json_t *tokens, pst_error *err) {
    const char *path = index->file.path;
    const json_t *id, *list = json_object_get(tokens, "ends");
    uint32_t end;
    size_t i;
    pst_status status = need_int(tokens, path, "end", 0, index->vocab - 1, &end, err);
    if (status) return status;
    index->ends = (struct end_tokens){.ids = {(int32_t)end}, .count = 1};
    if (!list) return PST_OK;
    if (json_array_size(list) == 0 || json_array_size(list) > ENDS_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: ends should be a list of 1 to %d tokens", path,
                         ENDS_MAX);
    json_array_foreach(list, i, id) {
        json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
        if (value < 0 || value >= index->vocab)
            return error_set(err, PST_ERR_MODEL, "%s: ends[%zu] is not a token below %u", path, i,
                             (unsigned)index->vocab);
        index->ends.ids[i] = (int32_t)value;
    }
    index->ends.count = (uint32_t)json_array_size(list);
    return PST_OK;
}

static pst_status read_tokens(struct package_index *index, pst_error *err) {
    const json_t *tokens = json_object_get(index->file.root, "tokens");
    const char *path = index->file.path;
    uint32_t start;
    pst_status status = need_int(tokens, path, "start", 0, index->vocab - 1, &start, err);
    if (!status) status = read_ends(index, tokens, err);
    if (!status) status = need_int(tokens, path, "max", 2, index->slots, &index->tokens_max, err);
    if (status) return status;
    index->start = (int32_t)start;
    return PST_OK;
}

/* Numbers of an input of the encoder: the product of its shape; 0: there is none, or too many. */
static size_t input_count(const json_t *length, const char *name) {
    const json_t *input, *inputs = json_object_get(json_object_get(length, "encoder"), "inputs");
    size_t i, d, count = 0;
    json_array_foreach(inputs, i, input) {
        const char *found = json_string_value(json_object_get(input, "name"));
        const json_t *dim, *shape = json_object_get(input, "shape");
        if (!found || strcmp(found, name) != 0) continue;
        count = 1;
        json_array_foreach(shape, d, dim) {
            json_int_t size = json_integer_value(dim);
            if (size < 1 || size > CARRIED_MAX || count > CARRIED_MAX) return 0;
            count *= (size_t)size;
        }
    }
    return count > CARRIED_MAX ? 0 : count;
}

static pst_status read_carried(struct package_index *index, const json_t *list, pst_error *err) {
    struct package_piece *piece = &index->piece;
    const json_t *length = json_array_get(json_object_get(index->file.root, "lengths"), 0), *entry;
    const char *path = index->file.path;
    size_t i;
    if (json_array_size(list) > PACKAGE_CARRIED_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: carried has more than %d entries", path,
                         PACKAGE_CARRIED_MAX);
    json_array_foreach(list, i, entry) {
        struct package_carried *carried = &piece->carried[piece->carried_count++];
        pst_status status = need_text(entry, path, "input", &carried->input, err);
        if (!status) status = need_text(entry, path, "output", &carried->output, err);
        if (status) return status;
        carried->count = input_count(length, carried->input);
        if (carried->count == 0)
            return error_set(err, PST_ERR_MODEL,
                             "%s: the encoder has no input %s that could be "
                             "carried",
                             path, carried->input);
    }
    return PST_OK;
}

static pst_status read_piece(struct package_index *index, pst_error *err) {
    const json_t *object = json_object_get(index->file.root, "piece");
    struct package_piece *piece = &index->piece;
    const char *path = index->file.path;
    pst_status status = need_int(object, path, "frames", 1, PIECE_MAX, &piece->frames, err);
    if (!status) status = need_int(object, path, "delay", 0, PIECE_MAX, &piece->delay, err);
    if (!status) status = need_int(object, path, "reach", 0, PIECE_MAX, &piece->reach, err);
    if (!status && (index->family != FAMILY_STREAMING || index->length_count != 1))
        return error_set(err, PST_ERR_MODEL,
                         "%s: the layout stream is of a %s model and one length", path,
                         family_name(FAMILY_STREAMING));
    return status ? status : read_carried(index, json_object_get(object, "carried"), err);
}

/* Indices of before there was a second family do not say it. */
static pst_status read_family(struct package_index *index, pst_error *err) {
    const char *path = index->file.path, *name = family_name(FAMILY_MOONSHINE);
    pst_status status = json_get_text(index->file.root, path, "model_type", &name, err);
    if (status) return status;
    if (family_find(name, &index->family)) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED, "%s: model_type \"%s\" is not supported", path,
                     name);
}

/* Which of two words stands at `key`: 1 if it is the second, also where there is none the first. */
static pst_status read_form(const struct package_index *index, const char *key, const char *first,
                            const char *second, int *is_second, pst_error *err) {
    const char *word = first, *path = index->file.path;
    pst_status status = json_get_text(index->file.root, path, key, &word, err);
    if (status) return status;
    *is_second = strcmp(word, second) == 0;
    if (*is_second || strcmp(word, first) == 0) return PST_OK;
    return error_set(err, PST_ERR_UNSUPPORTED, "%s: %s \"%s\" is not supported, expected %s or %s",
                     path, key, word, first, second);
}

static pst_status read_index(struct package_index *index, pst_error *err) {
    const json_t *root = index->file.root;
    const char *path = index->file.path, *layout = NULL;
    uint32_t format, rate;
    double masked = NAN;
    pst_status status = need_int(root, path, "format", 1, INT32_MAX, &format, err);
    if (!status && format > INDEX_FORMAT)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: format %u is of a newer version (this one reads up to %d)", path,
                         format, INDEX_FORMAT);
    if (!status) status = need_text(root, path, "layout", &layout, err);
    int stream = layout && strcmp(layout, "stream") == 0;
    if (!status && !stream && strcmp(layout, "split") != 0)
        return error_set(err, PST_ERR_UNSUPPORTED, "%s: layout \"%s\" is not supported", path,
                         layout);
    if (!status) status = read_family(index, err);
    if (!status) status = need_text(root, path, "precision", &index->precision, err);
    if (!status) status = need_text(root, path, "target", &index->target, err);
    if (!status)
        status =
            need_int(root, path, "sample_rate", PST_SAMPLE_RATE_HZ, PST_SAMPLE_RATE_HZ, &rate, err);
    if (!status) status = json_get_bool(root, path, "do_normalize", &index->do_normalize, err);
    if (!status) status = json_get_bool(root, path, "state", &index->state, err);
    if (!status) status = read_form(index, "outputs", "logits", "token", &index->token, err);
    if (!status) status = read_form(index, "input", "samples", "blocks", &index->blocks, err);
    if (!status) status = need_int(root, path, "slots", 2, SLOTS_MAX, &index->slots, err);
    if (!status) status = need_int(root, path, "vocab", 1, VOCAB_MAX, &index->vocab, err);
    if (!status) status = json_get_double(root, path, "masked", -65504, -1, &masked, err);
    if (status) return status;
    if (isnan(masked)) return error_set(err, PST_ERR_MODEL, "%s: masked is missing", path);
    index->masked = (float)masked;
    status = read_tokens(index, err);
    if (!status)
        status = package_drafts_read(&index->drafts, json_object_get(root, "drafts"), index->vocab,
                                     path, err);
    if (!status) status = read_lengths(index, err);
    return status || !stream ? status : read_piece(index, err);
}

pst_status package_index_open(struct package_index *index, const char *dir, pst_error *err) {
    *index = (struct package_index){0};
    char *path = path_join(dir, "potstill.json");
    if (!path) return error_memory(err, 0);
    pst_status status = json_file_open(&index->file, path, INDEX_BYTES_MAX, err);
    free(path);
    if (status) index->file = (struct json_file){0};
    return status ? status : read_index(index, err);
}

void package_index_close(struct package_index *index) {
    free(index->lengths);
    package_drafts_free(&index->drafts);
    if (index->file.root) json_file_close(&index->file);
    *index = (struct package_index){0};
}
