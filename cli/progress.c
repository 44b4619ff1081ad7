/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int shown; /* the line is on the screen */

/* A line that wraps could not be cleared, so names are cut. */
static void print_name(const char *name, int width) {
    for (const char *end = name + width; *name && name < end; name++)
        fputc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name, stderr);
}

void progress_show(size_t index, size_t total, const char *name) {
    if (total < 2 || !isatty(STDERR_FILENO)) return;
    const char *slash = strrchr(name, '/');
    progress_clear();
    fprintf(stderr, "[%zu/%zu] ", index + 1, total);
    print_name(slash && slash[1] ? slash + 1 : name, 48); /* leaves room for the counters */
    fflush(stderr);
    shown = 1;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Draws "[###-----]  43% 46.5/108.4 MB 5.2 MB/s 0:12 left model.safetensors": 79 columns at most,
 * with 50 GB on a fast line and the name cut to 19. */
static void draw_transfer(const char *name, double received, double total, double rate) {
    enum { BAR = 8 };
    char bar[BAR + 1], left[16] = "";
    int filled = (int)(BAR * received / total);
    double seconds = rate > 0 ? (total - received) / rate : 0;
    for (int i = 0; i < BAR; i++) bar[i] = i < filled ? '#' : '-';
    bar[BAR] = '\0';
    if (rate > 0 && seconds < 360000) /* 100 hours: not worth a wider column */
        snprintf(left, sizeof left, "%d:%02d left", (int)(seconds / 60), (int)seconds % 60);
    progress_clear();
    fprintf(stderr, "[%s] %3.0f%% %.1f/%.1f MB %.1f MB/s %s ", bar, 100 * received / total,
            received / 1e6, total / 1e6, rate / 1e6, left);
    print_name(name, 19);
    fflush(stderr);
    shown = 1;
}

void progress_transfer(const char *name, uint64_t received, uint64_t total) {
    static double began, drawn;
    static uint64_t had; /* when it began */
    static uint64_t of;
    if (!name || !total || !isatty(STDERR_FILENO)) return;
    double time = now();
    if (of != total || received < had) {
        began = time, drawn = 0;
        had = received, of = total;
    }
    if (time - drawn < 0.1) return; /* nobody reads faster than that */
    drawn = time;
    double rate = time > began ? (double)(received - had) / (time - began) : 0;
    draw_transfer(name, (double)received, (double)total, rate);
}

void progress_clear(void) {
    if (!shown) return;
    fputs("\r\033[K", stderr); /* ECMA-48: erase to the end of the line */
    fflush(stderr);
    shown = 0;
}
