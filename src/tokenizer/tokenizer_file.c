/* tokenizer_file.c - from a tokenizer.json to a tokenizer, or the reason why it is refused.
 *
 * The format describes many kinds of tokenizers by parts with a "type". This reader knows one kind,
 * compares the parts with it, and names the part that differs: a tokenizer that is nearly right
 * gives text that is nearly right. `truncation` and `padding` are not looked at: transformers
 * writes there what the last call used and sets both anew at every call. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file_view.h"
#include "base/utf8.h"
#include "formats/json_file.h"
#include "tokenizer/special_tokens.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_internal.h"
#include "tokenizer/tokenizer_scan.h"

/* Thirty times the published file, enough for the largest vocabulary in use. */
static const size_t FILE_LIMIT = (size_t)64 << 20;
/* Lists every added token with its flags: 150 KB for 771 of them. */
static const size_t CONFIG_LIMIT = (size_t)16 << 20;

static const char NORMALIZER[] =
    "{\"type\":\"Sequence\",\"normalizers\":["
    "{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]}";
static const char DECODER[] =
    "{\"type\":\"Sequence\",\"decoders\":["
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
    "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},"
    "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}";

/* The file while it is read. */
struct parser {
    const char *name; /* for messages */
    struct tokenizer_scan scan;
    json_t *root; /* all of it but the two tables */
    struct tokenizer *tokenizer;
};

/* ---------------------------------------------------------------------------------- the kind */

/* `part` of the file is not as this version reads it; reports what the file has. */
static pst_status unlike(const struct parser *parser, const char *part, const json_t *found,
                         const char *expected, pst_error *err) {
    char *text = found ? json_dumps(found, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    const char *shown = text ? text : json_kind(found);
    pst_status status =
        error_set(err, PST_ERR_UNSUPPORTED, "%s: %s is %.*s, expected %s", parser->name, part,
                  utf8_cut(shown, strlen(shown), 190), shown, expected);
    free(text);
    return status;
}

static pst_status check_part(const struct parser *parser, const char *part, const char *expected,
                             pst_error *err) {
    const json_t *found = json_object_get(parser->root, part);
    json_t *wanted = json_loads(expected, 0, NULL);
    if (!wanted) return error_memory(err, 0);
    int same = found && json_equal(found, wanted);
    json_decref(wanted);
    return same ? PST_OK : unlike(parser, part, found, expected, err);
}

/* `part`, a "model.<key>", has to be missing, null, or another way to write "nothing". */
static pst_status check_off(const struct parser *parser, const json_t *model, const char *part,
                            pst_error *err) {
    const json_t *found = json_object_get(model, part + strlen("model."));
    int off = !found || json_is_null(found) || json_is_false(found) ||
              (json_is_string(found) && json_string_length(found) == 0) ||
              (json_is_number(found) && json_number_value(found) == 0);
    return off ? PST_OK : unlike(parser, part, found, "none", err);
}

static pst_status check_model(const struct parser *parser, const json_t *model, pst_error *err) {
    const json_t *type = json_object_get(model, "type"); /* old files leave it out for BPE */
    if (type && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
        return unlike(parser, "model.type", type, "\"BPE\"", err);
    static const char *const OFF[] = {"model.dropout", "model.continuing_subword_prefix",
                                      "model.end_of_word_suffix", "model.ignore_merges"};
    pst_status status = PST_OK;
    for (size_t i = 0; i < sizeof OFF / sizeof *OFF && !status; i++)
        status = check_off(parser, model, OFF[i], err);
    return status;
}

static pst_status check_kind(const struct parser *parser, pst_error *err) {
    const json_t *version = json_object_get(parser->root, "version");
    if (version && (!json_is_string(version) || strcmp(json_string_value(version), "1.0") != 0))
        return unlike(parser, "version", version, "\"1.0\"", err);
    const json_t *model = json_object_get(parser->root, "model");
    if (!json_is_object(model))
        return error_set(err, PST_ERR_MODEL, "%s: model is %s, expected an object", parser->name,
                         json_kind(model));
    pst_status status = check_model(parser, model, err);
    if (!status) status = check_part(parser, "normalizer", NORMALIZER, err);
    if (!status) status = check_part(parser, "decoder", DECODER, err);
    if (status) return status;
    const json_t *pre_tokenizer = json_object_get(parser->root, "pre_tokenizer");
    if (pre_tokenizer && !json_is_null(pre_tokenizer))
        return unlike(parser, "pre_tokenizer", pre_tokenizer, "null", err);
    return PST_OK;
}

/* ---------------------------------------------------------------------------------- the parts */

static pst_status read_model(const struct parser *parser, pst_error *err) {
    struct tokenizer *tokenizer = parser->tokenizer;
    const struct tokenizer_scan *scan = &parser->scan;
    const json_t *model = json_object_get(parser->root, "model");
    if (!scan->vocab.start || !scan->merges.start)
        return error_set(err, PST_ERR_MODEL, "%s: model.%s is %s, expected %s", parser->name,
                         scan->vocab.start ? "merges" : "vocab",
                         json_kind(json_object_get(model, scan->vocab.start ? "merges" : "vocab")),
                         scan->vocab.start ? "a list" : "an object");
    struct merge *merges = NULL;
    size_t count;
    pst_status status = tokenizer_scan_vocab(scan, &tokenizer->vocabulary, err);
    if (!status) status = tokenizer_scan_merges(scan, &tokenizer->vocabulary, &merges, &count, err);
    if (!status) status = bpe_build(&tokenizer->bpe, &tokenizer->vocabulary, merges, count, err);
    free(merges);
    const char *unk = NULL;
    struct bpe *bpe = &tokenizer->bpe;
    if (!status)
        status = json_get_bool(model, parser->name, "byte_fallback", &bpe->byte_fallback, err);
    if (!status) status = json_get_bool(model, parser->name, "fuse_unk", &bpe->fuse_unk, err);
    if (!status) status = json_get_text(model, parser->name, "unk_token", &unk, err);
    if (status || !unk) return status;
    bpe->unk_id = vocabulary_find(&tokenizer->vocabulary, unk, strlen(unk));
    if (bpe->unk_id >= 0) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: unk_token \"%.*s\" is not in model.vocab",
                     parser->name, utf8_cut(unk, strlen(unk), 60), unk);
}

/* The id upstream would give: that of the model's own token, else one past all so far. The file
 * says an id too; a file where they differ was edited by hand and would decode to other words. */
static pst_status check_added_id(const struct parser *parser, const char *content, size_t length,
                                 int64_t id, int64_t next, pst_error *err) {
    const struct vocabulary *vocabulary = &parser->tokenizer->vocabulary;
    int32_t own = vocabulary_find(vocabulary, content, length);
    int64_t given = own >= 0 ? own : next;
    int shown = utf8_cut(content, length, 60);
    if (id != given)
        return error_set(err, PST_ERR_MODEL,
                         "%s: added token \"%.*s\" has id %lld, expected %lld%s", parser->name,
                         shown, content, (long long)id, (long long)given,
                         own >= 0 ? " as in model.vocab" : ", one past all ids so far");
    if (own < 0 && vocabulary_token(vocabulary, (int32_t)id))
        return error_set(err, PST_ERR_MODEL,
                         "%s: added token \"%.*s\" has id %lld, which model.vocab gives to another",
                         parser->name, shown, content, (long long)id);
    return PST_OK;
}

static pst_status read_added_token(const struct parser *parser, const json_t *entry, int64_t *next,
                                   pst_error *err) {
    struct added_tokens *added = &parser->tokenizer->added;
    const char *content = NULL;
    int64_t id = -1;
    int special = 0, prepared = 1, single_word = 0, left = 0, right = 0;
    if (!json_is_object(entry))
        return error_set(err, PST_ERR_MODEL, "%s: added_tokens holds %s, expected objects",
                         parser->name, json_kind(entry));
    pst_status status = json_get_text(entry, parser->name, "content", &content, err);
    if (!status) status = json_get_int(entry, parser->name, "id", 0, VOCABULARY_MAX - 1, &id, err);
    if (!status) status = json_get_bool(entry, parser->name, "special", &special, err);
    if (!status) status = json_get_bool(entry, parser->name, "normalized", &prepared, err);
    if (!status) status = json_get_bool(entry, parser->name, "single_word", &single_word, err);
    if (!status) status = json_get_bool(entry, parser->name, "lstrip", &left, err);
    if (!status) status = json_get_bool(entry, parser->name, "rstrip", &right, err);
    if (status) return status;
    size_t length = content ? strlen(content) : 0;
    if (length == 0) return PST_OK; /* upstream passes over them */
    status = check_added_id(parser, content, length, id, *next, err);
    if (status) return status;
    if (id >= *next) *next = id + 1;
    added->items[added->count++] = (struct added_token){.offset = added->texts.length,
                                                        .length = length,
                                                        .id = (int32_t)id,
                                                        .special = special,
                                                        .prepared = prepared,
                                                        .awkward = single_word || left || right};
    buffer_append(&added->texts, content, length);
    return added->texts.failed ? error_memory(err, 0) : PST_OK;
}

/* Gives the added tokens their place among the ids and their mark. */
static pst_status place_added_tokens(const struct parser *parser, pst_error *err) {
    struct tokenizer *tokenizer = parser->tokenizer;
    const struct added_tokens *added = &tokenizer->added;
    struct token *tokens = malloc((added->count + 1) * sizeof *tokens);
    if (!tokens) return error_memory(err, (added->count + 1) * sizeof *tokens);
    for (size_t i = 0; i < added->count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): items are set */
        tokens[i] = (struct token){.text = added->texts.data + added->items[i].offset,
                                   .length = (uint32_t)added->items[i].length,
                                   .id = added->items[i].id};
    pst_status status = vocabulary_extend(&tokenizer->vocabulary, tokens, added->count, err);
    free(tokens);
    if (status) return status;
    tokenizer->special = calloc(tokenizer->vocabulary.size + 1, 1);
    if (!tokenizer->special) return error_memory(err, tokenizer->vocabulary.size + 1);
    for (size_t i = 0; i < added->count; i++)
        if (added->items[i].special) tokenizer->special[added->items[i].id] = 1;
    return PST_OK;
}

static pst_status read_added_tokens(const struct parser *parser, pst_error *err) {
    struct tokenizer *tokenizer = parser->tokenizer;
    const json_t *list = json_object_get(parser->root, "added_tokens");
    if (list && !json_is_null(list) && !json_is_array(list))
        return error_set(err, PST_ERR_MODEL, "%s: added_tokens is %s, expected a list",
                         parser->name, json_kind(list));
    size_t count = json_array_size(list);
    tokenizer->added.items = malloc((count + 1) * sizeof *tokenizer->added.items);
    if (!tokenizer->added.items)
        return error_memory(err, (count + 1) * sizeof *tokenizer->added.items);
    int64_t next = (int64_t)tokenizer->vocabulary.count;
    pst_status status = PST_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = read_added_token(parser, json_array_get(list, i), &next, err);
    if (!status) status = place_added_tokens(parser, err);
    return status ? status : added_tokens_index(&tokenizer->added, err);
}

/* ------------------------------------------------------------------------------- the template */

/* The ids that the template puts in for `name`. */
static pst_status append_special(const struct parser *parser, const json_t *processor,
                                 const char *name, struct id_list *list, pst_error *err) {
    const json_t *special = json_object_get(json_object_get(processor, "special_tokens"), name);
    const json_t *ids = json_object_get(special, "ids");
    size_t count = json_array_size(ids);
    int shown = utf8_cut(name, strlen(name), 60);
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(ids, i);
        json_int_t value = json_is_integer(id) ? json_integer_value(id) : -1;
        if (value < 0 || value >= VOCABULARY_MAX)
            return error_set(err, PST_ERR_MODEL,
                             "%s: post_processor: an id of \"%.*s\" is not from 0 to %d",
                             parser->name, shown, name, VOCABULARY_MAX - 1);
        id_list_append(list, (int32_t)value);
    }
    if (count == 0)
        return error_set(err, PST_ERR_MODEL, "%s: post_processor: \"%.*s\" has no ids",
                         parser->name, shown, name);
    return list->failed ? error_memory(err, 0) : PST_OK;
}

/* "single" is the template for one text A: special tokens before and after it. */
static pst_status read_template(const struct parser *parser, pst_error *err) {
    struct tokenizer *tokenizer = parser->tokenizer;
    const json_t *processor = json_object_get(parser->root, "post_processor");
    if (!processor || json_is_null(processor)) return PST_OK;
    const char *type = json_string_value(json_object_get(processor, "type"));
    if (!type || strcmp(type, "TemplateProcessing") != 0)
        return unlike(parser, "post_processor", processor, "null or TemplateProcessing", err);
    const json_t *single = json_object_get(processor, "single");
    int seen = 0;
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *item = json_array_get(single, i);
        const json_t *special = json_object_get(item, "SpecialToken");
        const char *name = json_string_value(json_object_get(special, "id"));
        const json_t *sequence = json_object_get(item, "Sequence");
        const char *which = json_string_value(json_object_get(sequence, "id"));
        if (!name && (!which || strcmp(which, "A") != 0 || seen++))
            return unlike(parser, "post_processor.single", single, "special tokens around A", err);
        if (!name) continue;
        pst_status status = append_special(parser, processor, name,
                                           seen ? &tokenizer->after : &tokenizer->before, err);
        if (status) return status;
    }
    return seen ? PST_OK
                : unlike(parser, "post_processor.single", single, "special tokens around A", err);
}

/* ---------------------------------------------------------------------------------- the whole */

static pst_status load_rest(struct parser *parser, pst_error *err) {
    struct buffer rest = {0};
    json_error_t error;
    tokenizer_scan_rest(&parser->scan, &rest);
    if (rest.failed) {
        buffer_free(&rest);
        return error_memory(err, 0);
    }
    parser->root = json_loadb(rest.data, rest.length, JSON_REJECT_DUPLICATES, &error);
    buffer_free(&rest);
    if (!parser->root && json_error_code(&error) == json_error_out_of_memory)
        return error_memory(err, 0);
    if (!parser->root)
        return error_set(err, PST_ERR_MODEL, "%s: byte %zu: %s", parser->name,
                         tokenizer_scan_offset(&parser->scan, (size_t)error.position), error.text);
    if (json_is_object(parser->root)) return PST_OK;
    return error_set(err, PST_ERR_MODEL, "%s: holds %s, expected an object", parser->name,
                     json_kind(parser->root));
}

static pst_status read_parts(struct parser *parser, pst_error *err) {
    pst_status status = load_rest(parser, err);
    if (!status) status = check_kind(parser, err);
    if (!status) status = read_model(parser, err);
    if (!status) status = read_added_tokens(parser, err);
    if (!status) status = read_template(parser, err);
    return status;
}

pst_status tokenizer_parse(struct tokenizer **tokenizer, const char *json, size_t length,
                           const char *name, pst_error *err) {
    size_t valid = utf8_valid_length(json, length);
    if (valid < length)
        return error_set(err, PST_ERR_MODEL, "%s: byte %zu is not UTF-8", name, valid);
    struct parser parser = {.name = name, .tokenizer = calloc(1, sizeof *parser.tokenizer)};
    if (!parser.tokenizer) return error_memory(err, sizeof *parser.tokenizer);
    tokenizer_scan_find(&parser.scan, json, length, name);
    pst_status status = read_parts(&parser, err);
    json_decref(parser.root);
    if (status)
        tokenizer_free(parser.tokenizer);
    else
        *tokenizer = parser.tokenizer;
    return status;
}

/* transformers writes "no limit" as a model_max_length of 31 digits, which only fits a double; no
 * key read here is a number. */
static pst_status parse_config(struct tokenizer *tokenizer, const struct file_view *view,
                               const char *path, pst_error *err) {
    json_error_t error;
    json_t *root = json_loadb((const char *)view->data, view->size,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (!root && json_error_code(&error) == json_error_out_of_memory) return error_memory(err, 0);
    if (!root)
        return error_set(err, PST_ERR_MODEL, "%s: line %d column %d: %s", path, error.line,
                         error.column, error.text);
    pst_status status =
        json_is_object(root)
            ? json_get_bool(root, path, "clean_up_tokenization_spaces", &tokenizer->clean_up, err)
            : error_set(err, PST_ERR_MODEL, "%s: holds %s, expected an object", path,
                        json_kind(root));
    if (!status) special_tokens_mark(tokenizer, root);
    json_decref(root);
    return status;
}

static pst_status read_config(struct tokenizer *tokenizer, const char *dir, const char *name,
                              pst_error *err) {
    char *path = path_join(dir, name);
    if (!path) return error_memory(err, 0);
    pst_status status = PST_OK;
    if (path_is_file(path)) {
        struct file_view view;
        status = file_view_open(&view, path, CONFIG_LIMIT, err);
        if (!status) {
            status = parse_config(tokenizer, &view, path, err);
            file_view_close(&view);
        }
    }
    free(path);
    return status;
}

pst_status tokenizer_open(struct tokenizer **tokenizer, const char *dir, pst_error *err) {
    char *path = path_join(dir, "tokenizer.json");
    if (!path) return error_memory(err, 0);
    struct tokenizer *opened = NULL;
    struct file_view view;
    pst_status status = file_view_open(&view, path, FILE_LIMIT, err);
    if (!status) {
        status = tokenizer_parse(&opened, (const char *)view.data, view.size, path, err);
        file_view_close(&view);
    }
    free(path);
    if (!status) status = read_config(opened, dir, "tokenizer_config.json", err);
    if (!status) status = read_config(opened, dir, "special_tokens_map.json", err);
    if (status)
        tokenizer_free(opened);
    else
        *tokenizer = opened;
    return status;
}

void tokenizer_free(struct tokenizer *tokenizer) {
    if (!tokenizer) return;
    if (tokenizer->borrowed) {
        tokenizer->vocabulary.texts = NULL;
        tokenizer->vocabulary.slots = NULL;
        tokenizer->bpe.slots = NULL;
        tokenizer->special = NULL;
    }
    vocabulary_free(&tokenizer->vocabulary);
    bpe_free(&tokenizer->bpe);
    added_tokens_free(&tokenizer->added);
    free(tokenizer->special);
    free(tokenizer->before.ids);
    free(tokenizer->after.ids);
    file_view_close(&tokenizer->image);
    free(tokenizer);
}
