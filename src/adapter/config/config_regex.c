/* config_regex.c - see config_regex.h. */
#include "adapter/config/config_regex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

enum {
    /* Longer than a pattern that spells out a hundred modules. */
    PATTERN_BYTES_MAX = 16384,
    /* Backtracks per name. Three `.*` over a name of 60 characters need about 36,000. */
    MATCH_STEPS_MAX = 100000,
    MATCH_HEAP_KIB_MAX = 4096
};

struct config_regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    struct config_regex_place place;
    const char *pattern;
};

/* A construct that PCRE2 reads differently from Python, at *offset; NULL when there is
 * none. Character classes are followed because most of these constructs are plain
 * characters inside one. */
static const char *foreign_construct(const char *pattern, size_t *offset) {
    size_t class_start = 0; /* one past the '[' and '^' that opened it; 0 outside a class */
    for (size_t i = 0; pattern[i]; i++) {
        const char *at = pattern + i;
        *offset = i;
        if (*at == '\\' && at[1]) {
            i++;
        } else if (class_start) {
            if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '='))
                return "a POSIX class";
            if (*at == ']' && i != class_start) class_start = 0;
        } else if (*at == '[') {
            if (at[1] == '^') i++;
            class_start = i + 1;
        } else if (*at == '{' && (at[1] == ',' || at[1] == ' ' || at[1] == '\t')) {
            return "a repeat without a lower bound";
        } else if (*at == '(' && at[1] == '*') {
            return "a PCRE verb";
        } else if (*at == '(' && at[1] == '?') {
            size_t flags = strspn(at + 2, "aiLmsux-");
            if (memchr(at + 2, 'x', flags)) return "verbose mode";
            if (at[2] == '#') return "a comment";
        }
    }
    return NULL;
}

static pst_status compile(struct config_regex *regex, const char *text, size_t before,
                          enum config_regex_span span, pst_error *err) {
    uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ANCHORED;
    if (span == CONFIG_REGEX_WHOLE) options |= PCRE2_ENDANCHORED;
    int code;
    PCRE2_SIZE offset;
    regex->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
    if (regex->code) return PST_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED) return error_memory(err, 0);
    PCRE2_UCHAR reason[128] = "";
    pcre2_get_error_message(code, reason, sizeof reason);
    size_t length = strlen(regex->pattern);
    offset = offset > before ? offset - before : 0;
    return error_set(err, PST_ERR_MODEL, "%s: %s: pattern \"%s\": %s, at offset %zu",
                     regex->place.path, regex->place.option, regex->pattern, (char *)reason,
                     offset < length ? (size_t)offset : length);
}

static pst_status prepare(struct config_regex *regex, const char *before, const char *after,
                          enum config_regex_span span, pst_error *err) {
    size_t offset, length = strlen(regex->pattern);
    if (length > PATTERN_BYTES_MAX)
        return error_set(err, PST_ERR_MODEL, "%s: %s: a pattern has %zu bytes, expected at most %d",
                         regex->place.path, regex->place.option, length, PATTERN_BYTES_MAX);
    const char *foreign = foreign_construct(regex->pattern, &offset);
    if (foreign)
        return error_set(err, PST_ERR_UNSUPPORTED,
                         "%s: %s: pattern \"%s\": %s, at offset %zu, is not supported: Python and "
                         "PCRE2 may read it differently",
                         regex->place.path, regex->place.option, regex->pattern, foreign, offset);
    size_t bytes = strlen(before) + length + strlen(after) + 1;
    char *text = malloc(bytes);
    if (!text) return error_memory(err, bytes);
    snprintf(text, bytes, "%s%s%s", before, regex->pattern, after);
    pst_status status = compile(regex, text, strlen(before), span, err);
    free(text);
    if (status) return status;
    regex->match = pcre2_match_data_create_from_pattern(regex->code, NULL);
    regex->limits = pcre2_match_context_create(NULL);
    if (!regex->match || !regex->limits) return error_memory(err, 0);
    pcre2_set_match_limit(regex->limits, MATCH_STEPS_MAX);
    pcre2_set_heap_limit(regex->limits, MATCH_HEAP_KIB_MAX);
    return PST_OK;
}

pst_status config_regex_new(struct config_regex **regex, struct config_regex_place place,
                            const char *before, const char *pattern, const char *after,
                            enum config_regex_span span, pst_error *err) {
    struct config_regex *made = calloc(1, sizeof *made);
    if (!made) return error_memory(err, sizeof *made);
    made->place = place;
    made->pattern = pattern;
    pst_status status = prepare(made, before, after, span, err);
    if (status) {
        config_regex_free(made);
        return status;
    }
    *regex = made;
    return PST_OK;
}

void config_regex_free(struct config_regex *regex) {
    if (!regex) return;
    pcre2_code_free(regex->code);
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->limits);
    free(regex);
}

pst_status config_regex_match(struct config_regex *regex, const char *subject, int *matched,
                              pst_error *err) {
    int result = pcre2_match(regex->code, (PCRE2_SPTR)subject, strlen(subject), 0, 0, regex->match,
                             regex->limits);
    if (result == PCRE2_ERROR_NOMEMORY) return error_memory(err, 0);
    if (result < 0 && result != PCRE2_ERROR_NOMATCH) {
        PCRE2_UCHAR reason[128] = "";
        pcre2_get_error_message(result, reason, sizeof reason);
        return error_set(err, PST_ERR_MODEL, "%s: %s: pattern \"%s\" on \"%s\": %s",
                         regex->place.path, regex->place.option, regex->pattern, subject,
                         (char *)reason);
    }
    *matched = result >= 0;
    return PST_OK;
}

pst_status config_regex_group_number(struct config_regex *regex, const char *subject,
                                     int64_t *number, pst_error *err) {
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(regex->match);
    int64_t value = 0;
    int valid = pcre2_get_ovector_count(regex->match) > 1 && ends[2] < ends[3];
    for (size_t i = valid ? ends[2] : 0; valid && i < ends[3]; i++) {
        valid = subject[i] >= '0' && subject[i] <= '9' && value < INT64_MAX / 10 - 1;
        if (valid) value = value * 10 + (subject[i] - '0');
    }
    if (!valid)
        return error_set(err, PST_ERR_MODEL,
                         "%s: %s: pattern \"%s\" captures something other than the layer number of "
                         "\"%s\" in its first group",
                         regex->place.path, regex->place.option, regex->pattern, subject);
    *number = value;
    return PST_OK;
}
