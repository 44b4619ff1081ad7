/* console.c - see console.h. */
#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

void *need(void *memory) {
    if (memory) return memory;
    fputs("potstill: out of memory\n", stderr);
    exit(EXIT_ENVIRONMENT);
}

__attribute__((format(printf, 1, 0))) static char *format_list(const char *format, va_list list) {
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = need(malloc(size));
    text[0] = '\0';
    if (length >= 0) vsnprintf(text, size, format, list);
    return text;
}

char *text_format(const char *format, ...) {
    va_list list;
    va_start(list, format);
    char *text = format_list(format, list);
    va_end(list);
    return text;
}

char *text_error(const char *name, const pst_error *err) {
    size_t length = strlen(name);
    int named = strncmp(err->message, name, length) == 0 && err->message[length] == ':';
    return named ? text_format("%s", err->message) : text_format("%s: %s", name, err->message);
}

__attribute__((format(printf, 1, 0))) static void say_list(const char *format, va_list list) {
    char *text = format_list(format, list);
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    progress_break();
    fprintf(stderr, "potstill: %s\n", text);
    free(text);
}

void say(const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
}

void say_warning(void *user, const char *message) {
    (void)user;
    say("%s", message);
}

int fail(int code, const char *format, ...) {
    va_list list;
    va_start(list, format);
    say_list(format, list);
    va_end(list);
    return code;
}

int exit_code_of(const pst_error *err) {
    switch (err->code) {
    case PST_OK: return EXIT_DONE;
    case PST_ERR_ARGUMENT: return EXIT_USAGE;
    case PST_ERR_INPUT: return EXIT_INPUTS;
    case PST_ERR_MODEL:
    case PST_ERR_NOT_FOUND:
    case PST_ERR_ACCESS:
    case PST_ERR_UNSUPPORTED: return EXIT_MODEL;
    default: return EXIT_ENVIRONMENT;
    }
}
