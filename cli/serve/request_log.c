/* request_log.c - see request_log.h. */
#include "serve/request_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "console.h"
#include "json_text.h"

static void print_text(FILE *stream, const char *key, const char *text) {
    fprintf(stream, ",\"%s\":", key);
    json_print_text(stream, text);
}

static void print_time(FILE *stream) {
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    fprintf(stream, "{\"time\":\"%s.%03ldZ\"", text, now.tv_nsec / 1000000);
}

/* Written at once, so that lines of several threads do not mix. */
void request_log_write(const struct request_line *line) {
    char *text = NULL;
    size_t length = 0;
    FILE *stream = need(open_memstream(&text, &length));
    print_time(stream);
    print_text(stream, "level", line->status >= 500 ? "error" : "info");
    print_text(stream, "event", "request");
    print_text(stream, "request_id", line->id);
    print_text(stream, "client", line->client);
    print_text(stream, "method", line->method);
    print_text(stream, "path", line->path);
    fprintf(stream, ",\"status\":%d,\"bytes\":%llu,\"seconds\":%.6f", line->status,
            (unsigned long long)line->bytes, line->request_seconds);
    if (line->model[0]) {
        print_text(stream, "model", line->model);
        fprintf(stream, ",\"audio_seconds\":%.3f,\"wait_seconds\":%.6f,\"work_seconds\":%.6f",
                line->audio_seconds, line->wait_seconds, line->work_seconds);
    }
    if (line->detail[0]) print_text(stream, "detail", line->detail);
    fputs("}\n", stream);
    fclose(stream);
    fwrite(need(text), 1, length, stderr);
    free(text);
}
