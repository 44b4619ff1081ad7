/* screen.c - see screen.h. */
#include "live/screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utf8proc.h>

#include "console.h"
#include "potstill.h"

static size_t width_of(const struct screen *screen) {
    struct winsize size;
    if (ioctl(fileno(screen->terminal), TIOCGWINSZ, &size) || !size.ws_col) return 80;
    return size.ws_col;
}

/* Bytes of the character at `text`, and the columns it takes. */
static size_t character(const char *text, size_t length, size_t *columns) {
    utf8proc_int32_t code;
    utf8proc_ssize_t bytes =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)length, &code);
    int width = bytes > 0 ? utf8proc_charwidth(code) : 1;
    *columns = width > 0 ? (size_t)width : 0;
    return bytes > 0 ? (size_t)bytes : 1;
}

/* The byte of `text` from which on it takes at most `columns` columns. */
static size_t tail_of(const char *text, size_t columns) {
    size_t length = strlen(text), all = 0, width;
    for (size_t at = 0; at < length; all += width) at += character(text + at, length - at, &width);
    size_t at = 0;
    while (all > columns) {
        at += character(text + at, length - at, &width);
        all -= width;
    }
    while (text[at] == ' ') at++;
    return at;
}

/* Control characters would move the cursor. */
static void print_text(FILE *terminal, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        fputc((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i], terminal);
}

void screen_hear(struct screen *screen, const float *samples, size_t count) {
    float level = (float)screen->level;
    for (size_t i = 0; i < count; i++)
        if (fabsf(samples[i]) > level) level = fabsf(samples[i]);
    screen->level = (double)level;
    screen->seconds += (double)count / PST_SAMPLE_RATE_HZ;
}

void screen_text(struct screen *screen, const char *text, size_t committed) {
    free(screen->text);
    screen->text = need(strdup(text));
    screen->committed = committed;
}

void screen_clear(struct screen *screen) {
    if (screen->shown) fputs("\r\033[J", screen->terminal);
    fflush(screen->terminal);
    screen->shown = 0;
}

/* "[====    ] 1:02 ": a mark for each 6 dB above -48. */
static size_t print_meter(struct screen *screen) {
    double above = screen->level > 0 ? 20 * log10(screen->level) + 48 : 0;
    int marks = above > 0 ? (int)fmin(ceil(above / 6), 8) : 0;
    long whole = (long)screen->seconds;
    int printed = fprintf(screen->terminal, "[%.*s%*s] %ld:%02ld ", marks, "========", 8 - marks,
                          "", whole / 60, whole % 60);
    screen->level = 0;
    return printed > 0 ? (size_t)printed : 0;
}

void screen_draw(struct screen *screen) {
    size_t width = width_of(screen);
    if (width < 24) return; /* no room for a word */
    fputs("\r\033[J", screen->terminal);
    size_t used = print_meter(screen) + 1; /* the last column stays free, or the row would wrap */
    const char *text = screen->text ? screen->text : "";
    size_t from = tail_of(text, width - used), length = strlen(text);
    size_t committed = screen->committed > from ? screen->committed : from;
    print_text(screen->terminal, text + from, committed - from);
    fputs("\033[2m", screen->terminal);
    print_text(screen->terminal, text + committed, length - committed);
    fputs("\033[0m", screen->terminal);
    fflush(screen->terminal);
    screen->shown = 1;
}

void screen_line(struct screen *screen, const char *text) {
    screen_clear(screen);
    free(screen->text);
    screen->text = NULL;
    screen->committed = 0;
    if (!*text) return;
    print_text(screen->terminal, text, strlen(text));
    fputc('\n', screen->terminal);
    fflush(screen->terminal);
}
