/* tokenizer_json_writer.c - a tokenizer.json from the vocabulary of tokenizer.bin.
 *
 * The merges of a SentencePiece BPE are every way in which one token is two others: the token made
 * first (lowest id) merges first, and of its ways the one with the earliest parts. Runs of the word
 * mark alone come last, so that a space goes to the word after it before it goes to other spaces.
 *
 * One word of the official list, 31353, is empty. The vocabulary it is taken from has U+2028 there,
 * a line separator, which must have been lost on the way. The published tokenizer.json has the
 * empty text too, and so has ours: the token decodes to nothing, as it does upstream. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "import/tokenizer_bin.h"

/* "▁", the word mark that stands for a space. */
#define MARK "\xe2\x96\x81"

enum { MARK_BYTES = sizeof MARK - 1 };

struct merge {
    const struct token_text *left, *right;
};

/* A JSON string, escaped as little as the tokenizers library escapes. */
static void put_text(struct buffer *json, const char *bytes, size_t length) {
    buffer_text(json, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        static const char short_escapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\t', 't'},
                                                {'\n', 'n'}, {'\f', 'f'},  {'\r', 'r'}};
        const char *escape = NULL;
        for (size_t e = 0; e < sizeof short_escapes / 2 && !escape; e++)
            if (c == (unsigned char)short_escapes[e][0]) escape = &short_escapes[e][1];
        if (escape)
            buffer_format(json, "\\%c", *escape);
        else if (c < 0x20)
            buffer_format(json, "\\u%04x", c);
        else
            buffer_append(json, &c, 1);
    }
    buffer_text(json, "\"");
}

static void put_added_token(struct buffer *json, const struct token_text *token, int first) {
    buffer_format(json, "%s\n    {\n      \"id\": %u,\n      \"content\": ", first ? "" : ",",
                  token->id);
    put_text(json, token->bytes, token->length);
    buffer_text(json, ",\n"
                      "      \"single_word\": false,\n"
                      "      \"lstrip\": false,\n"
                      "      \"rstrip\": false,\n"
                      "      \"normalized\": false,\n"
                      "      \"special\": true\n"
                      "    }");
}

static void put_added_tokens(struct buffer *json, const struct tokenizer_bin *bin) {
    buffer_text(json, "  \"added_tokens\": [");
    for (uint32_t id = 0; id < bin->count; id++) {
        if (id == BYTE_TOKENS_BEGIN) id = bin->vocab;
        if (id < bin->count) put_added_token(json, &bin->tokens[id], id == 0);
    }
    buffer_text(json, "\n  ],\n");
}

static const char SETTINGS[] = "  \"normalizer\": {\n"
                               "    \"type\": \"Sequence\",\n"
                               "    \"normalizers\": [\n"
                               "      {\n"
                               "        \"type\": \"Prepend\",\n"
                               "        \"prepend\": \"" MARK "\"\n"
                               "      },\n"
                               "      {\n"
                               "        \"type\": \"Replace\",\n"
                               "        \"pattern\": {\n"
                               "          \"String\": \" \"\n"
                               "        },\n"
                               "        \"content\": \"" MARK "\"\n"
                               "      }\n"
                               "    ]\n"
                               "  },\n"
                               "  \"pre_tokenizer\": null,\n"
                               "  \"post_processor\": {\n"
                               "    \"type\": \"TemplateProcessing\",\n"
                               "    \"single\": [\n"
                               "      {\n"
                               "        \"SpecialToken\": {\n"
                               "          \"id\": \"<s>\",\n"
                               "          \"type_id\": 0\n"
                               "        }\n"
                               "      },\n"
                               "      {\n"
                               "        \"Sequence\": {\n"
                               "          \"id\": \"A\",\n"
                               "          \"type_id\": 0\n"
                               "        }\n"
                               "      }\n"
                               "    ],\n"
                               "    \"pair\": [\n"
                               "      {\n"
                               "        \"SpecialToken\": {\n"
                               "          \"id\": \"<s>\",\n"
                               "          \"type_id\": 0\n"
                               "        }\n"
                               "      },\n"
                               "      {\n"
                               "        \"Sequence\": {\n"
                               "          \"id\": \"A\",\n"
                               "          \"type_id\": 0\n"
                               "        }\n"
                               "      },\n"
                               "      {\n"
                               "        \"SpecialToken\": {\n"
                               "          \"id\": \"<s>\",\n"
                               "          \"type_id\": 1\n"
                               "        }\n"
                               "      },\n"
                               "      {\n"
                               "        \"Sequence\": {\n"
                               "          \"id\": \"B\",\n"
                               "          \"type_id\": 1\n"
                               "        }\n"
                               "      }\n"
                               "    ],\n"
                               "    \"special_tokens\": {\n"
                               "      \"<s>\": {\n"
                               "        \"id\": \"<s>\",\n"
                               "        \"ids\": [\n"
                               "          1\n"
                               "        ],\n"
                               "        \"tokens\": [\n"
                               "          \"<s>\"\n"
                               "        ]\n"
                               "      }\n"
                               "    }\n"
                               "  },\n"
                               "  \"decoder\": {\n"
                               "    \"type\": \"Sequence\",\n"
                               "    \"decoders\": [\n"
                               "      {\n"
                               "        \"type\": \"Replace\",\n"
                               "        \"pattern\": {\n"
                               "          \"String\": \"" MARK "\"\n"
                               "        },\n"
                               "        \"content\": \" \"\n"
                               "      },\n"
                               "      {\n"
                               "        \"type\": \"ByteFallback\"\n"
                               "      },\n"
                               "      {\n"
                               "        \"type\": \"Fuse\"\n"
                               "      },\n"
                               "      {\n"
                               "        \"type\": \"Strip\",\n"
                               "        \"content\": \" \",\n"
                               "        \"start\": 1,\n"
                               "        \"stop\": 0\n"
                               "      }\n"
                               "    ]\n"
                               "  },\n"
                               "  \"model\": {\n"
                               "    \"type\": \"BPE\",\n"
                               "    \"dropout\": null,\n"
                               "    \"unk_token\": \"<unk>\",\n"
                               "    \"continuing_subword_prefix\": null,\n"
                               "    \"end_of_word_suffix\": null,\n"
                               "    \"fuse_unk\": true,\n"
                               "    \"byte_fallback\": true,\n"
                               "    \"ignore_merges\": false,\n";

static int is_only_marks(const struct token_text *token) {
    uint32_t at = 0;
    while (at + MARK_BYTES <= token->length && memcmp(token->bytes + at, MARK, MARK_BYTES) == 0)
        at += MARK_BYTES;
    return at == token->length;
}

/* The ways to make `token` of two, by (id of the left, id of the right): merges
 * [TOKEN_BYTES_MAX]. */
static size_t find_merges(const struct tokenizer_bin *bin, const struct token_text *token,
                          struct merge *merges) {
    size_t count = 0;
    for (uint32_t cut = 1; cut < token->length; cut++) {
        if (((unsigned char)token->bytes[cut] & 0xC0) == 0x80) continue; /* inside a character */
        struct merge merge = {.left = tokenizer_bin_find(bin, token->bytes, cut),
                              .right =
                                  tokenizer_bin_find(bin, token->bytes + cut, token->length - cut)};
        if (!merge.left || !merge.right) continue;
        size_t place = count++; /* the left parts are of different lengths, hence different ids */
        for (; place > 0 && merges[place - 1].left->id > merge.left->id; place--)
            merges[place] = merges[place - 1];
        merges[place] = merge;
    }
    return count;
}

static void put_merge(struct buffer *json, const struct merge *merge, int first) {
    char text[2 * TOKEN_BYTES_MAX + 1];
    size_t left = merge->left->length, right = merge->right->length;
    memcpy(text, merge->left->bytes, left);
    text[left] = ' ';
    memcpy(text + left + 1, merge->right->bytes, right);
    buffer_text(json, first ? "\n      " : ",\n      ");
    put_text(json, text, left + 1 + right);
}

static void put_merges(struct buffer *json, const struct tokenizer_bin *bin) {
    struct merge merges[TOKEN_BYTES_MAX];
    int first = 1;
    buffer_text(json, "    \"merges\": [");
    for (int marks = 0; marks <= 1; marks++) {
        for (uint32_t id = WORD_TOKENS_BEGIN; id < bin->vocab; id++) {
            if (is_only_marks(&bin->tokens[id]) != marks) continue;
            size_t count = find_merges(bin, &bin->tokens[id], merges);
            for (size_t i = 0; i < count; i++, first = 0) put_merge(json, &merges[i], first);
        }
    }
    buffer_text(json, first ? "]\n" : "\n    ]\n");
}

pst_status tokenizer_bin_to_json(const struct tokenizer_bin *bin, struct buffer *json,
                                 pst_error *err) {
    buffer_text(json, "{\n"
                      "  \"version\": \"1.0\",\n"
                      "  \"truncation\": null,\n"
                      "  \"padding\": null,\n");
    put_added_tokens(json, bin);
    buffer_text(json, SETTINGS);
    buffer_text(json, "    \"vocab\": {");
    for (uint32_t id = 0; id < bin->vocab; id++) {
        buffer_text(json, id ? ",\n      " : "\n      ");
        put_text(json, bin->tokens[id].bytes, bin->tokens[id].length);
        buffer_format(json, ": %u", id);
    }
    buffer_text(json, "\n    },\n");
    put_merges(json, bin);
    buffer_text(json, "  }\n}");
    return json->failed ? error_memory(err, json->length) : PST_OK;
}
