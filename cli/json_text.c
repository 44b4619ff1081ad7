/* json_text.c - see json_text.h. */
#include "json_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "console.h"

json_t *json_text(const char *text) {
    json_t *string = json_string(text);
    if (string) return string;
    char *clean = need(malloc(3 * strlen(text) + 1));
    char *end = clean;
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x80) {
            *end++ = *at;
        } else {
            memcpy(end, "\xEF\xBF\xBD", 3);
            end += 3;
        }
    }
    *end = '\0';
    string = need(json_string(clean));
    free(clean);
    return string;
}

/* Bytes of the UTF-8 character at `at`; 0: it is none. */
static size_t character_bytes(const char *at) {
    unsigned char first = (unsigned char)at[0];
    if (first < 0x80) return 1;
    utf8proc_int32_t point;
    size_t length = strnlen(at, 4);
    utf8proc_ssize_t taken =
        utf8proc_iterate((const utf8proc_uint8_t *)at, (utf8proc_ssize_t)length, &point);
    return taken > 0 ? (size_t)taken : 0;
}

void json_print_text(FILE *stream, const char *text) {
    fputc('"', stream);
    while (*text) {
        unsigned char byte = (unsigned char)*text;
        size_t bytes = character_bytes(text);
        if (byte == '"' || byte == '\\')
            fprintf(stream, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(stream, "\\u%04x", byte);
        else if (bytes == 0)
            fputs("\xEF\xBF\xBD", stream);
        else
            fwrite(text, 1, bytes, stream);
        text += bytes ? bytes : 1;
    }
    fputc('"', stream);
}

void json_print_number(FILE *stream, double number) {
    if (isfinite(number))
        fprintf(stream, "%.10g", number);
    else
        fputs("null", stream);
}

void json_print(FILE *stream, const json_t *object, size_t flags) {
    char *text = need(json_dumps(object, flags));
    fprintf(stream, "%s\n", text);
    free(text);
}

const char *json_kind_text(const json_t *value) {
    static const char *const kinds[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null",
    };
    return value ? kinds[json_typeof(value)] : "missing";
}
