/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "seconds.h"

static int shown;       /* the line is on the screen */
static int below;       /* it is to be below the line of the cursor, which has text */
static int shown_below; /* it is */
static double item_began;

/* A line that wraps could not be cleared, so names are cut. */
static void print_name(const char *name, int width) {
    for (const char *end = name + width; *name && name < end; name++)
        fputc((unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name, stderr);
}

/* Where the cursor's line has text, makes room below it (IND and RI, which keep the column), and
 * draws there with the cursor kept. */
static void begin_line(void) {
    progress_clear();
    if (below) fputs("\033D\033M\0337\033[B\r", stderr);
    shown_below = below;
}

static void end_line(void) {
    if (shown_below) fputs("\0338", stderr);
    fflush(stderr);
    shown = 1;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void progress_show(size_t index, size_t total, const char *name) {
    item_began = seconds_now();
    if (total < 2 || !isatty(STDERR_FILENO)) return;
    begin_line();
    fprintf(stderr, "[%zu/%zu] ", index + 1, total);
    print_name(file_name(name), 48); /* leaves room for the counters */
    end_line();
}

/* "1:02:03" or "2:03" */
static void print_time(double seconds) {
    long whole = (long)seconds;
    if (whole >= 3600)
        fprintf(stderr, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        fprintf(stderr, "%ld:%02ld", whole / 60, whole % 60);
}

/* Draws "[3/10]  21% 12:30/59:59 45.1x 1:03 left talk.wav": 79 columns at most, with 99 hours, a
 * speed of 9999.9, five digits of inputs and the name cut to 19. */
void progress_sound(size_t index, size_t count, const char *name, double done, double total) {
    if (!isatty(STDERR_FILENO)) return;
    double passed = seconds_now() - item_began, speed = passed > 0 ? done / passed : 0;
    begin_line();
    if (count > 1) fprintf(stderr, "[%zu/%zu] ", index + 1, count);
    if (total > 0) fprintf(stderr, "%3.0f%% ", done < total ? 100 * done / total : 100);
    print_time(done);
    if (total > 0) {
        fputc('/', stderr);
        print_time(total);
    }
    fprintf(stderr, " %.1fx ", speed);
    if (total > done && speed > 0) {
        print_time((total - done) / speed);
        fputs(" left ", stderr);
    }
    print_name(file_name(name), 19);
    end_line();
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
    begin_line();
    fprintf(stderr, "[%s] %3.0f%% %.1f/%.1f MB %.1f MB/s %s ", bar, 100 * received / total,
            received / 1e6, total / 1e6, rate / 1e6, left);
    print_name(name, 19);
    end_line();
}

void progress_transfer(const char *name, uint64_t received, uint64_t total) {
    static double began, drawn;
    static uint64_t had; /* when it began */
    static uint64_t of;
    if (!name || !total || !isatty(STDERR_FILENO)) return;
    double time = seconds_now();
    if (of != total || received < had) {
        began = time, drawn = 0;
        had = received, of = total;
    }
    if (time - drawn < 0.1) return; /* nobody reads faster than that */
    drawn = time;
    double rate = time > began ? (double)(received - had) / (time - began) : 0;
    draw_transfer(name, (double)received, (double)total, rate);
}

void progress_within_line(int within) {
    below = within && isatty(STDOUT_FILENO);
}

void progress_clear(void) {
    if (!shown) return;
    /* ECMA-48: erase to the end of the line; below, with the cursor kept. */
    fputs(shown_below ? "\0337\033[B\r\033[K\0338" : "\r\033[K", stderr);
    fflush(stderr);
    shown = 0;
}

void progress_break(void) {
    progress_clear();
    if (!below || !isatty(STDERR_FILENO)) return;
    fputc('\n', stderr);
    below = 0; /* nothing is to its left any more */
}
