/* tokenizer_driver.c - encodes and decodes what test_tokenizer.py sends.
 *
 *     tokenizer_driver FOLDER            answers records until stdin ends:
 *     'E', add_special_tokens, text   -> status, ids
 *     'D', skip_special_tokens, ids   -> status, text
 *     tokenizer_driver FOLDER --time N   prints the least CPU time of N openings, in ms */
#include <time.h>

#include "driver_io.h"
#include "tokenizer/tokenizer.h"

static void encode(const struct tokenizer *tokenizer) {
    pst_error err;
    int32_t *ids = NULL;
    size_t count = 0;
    uint32_t length, add = read_number();
    char *text = read_items(1, &length);
    pst_status status = tokenizer_encode(tokenizer, text, length, (int)add, &ids, &count, &err);
    write_status(status, &err);
    if (!status) write_items(ids, sizeof *ids, count);
    free(ids);
    free(text);
}

static void decode(const struct tokenizer *tokenizer) {
    pst_error err;
    struct buffer text = {0};
    uint32_t count, skip = read_number();
    int32_t *ids = read_items(sizeof *ids, &count);
    pst_status status = tokenizer_decode(tokenizer, ids, count, (int)skip, &text, &err);
    write_status(status, &err);
    if (!status) write_items(text.data, 1, text.length);
    buffer_free(&text);
    free(ids);
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* other programs' work does not count */
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int time_open(const char *dir, int times) {
    double best = 1e9;
    for (int i = 0; i < times; i++) {
        struct tokenizer *tokenizer;
        double start = now_ms();
        if (tokenizer_open(&tokenizer, dir, NULL)) return 1;
        double taken = now_ms() - start;
        if (taken < best) best = taken;
        tokenizer_free(tokenizer);
    }
    printf("%.2f\n", best);
    return 0;
}

int main(int argc, char **argv) {
    pst_error err;
    struct tokenizer *tokenizer;
    if (argc < 2) return 2;
    if (argc == 4 && strcmp(argv[2], "--time") == 0) return time_open(argv[1], atoi(argv[3]));
    if (tokenizer_open(&tokenizer, argv[1], &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (int kind; (kind = getchar()) != EOF; fflush(stdout)) {
        if (kind == 'E') encode(tokenizer);
        if (kind == 'D') decode(tokenizer);
    }
    tokenizer_free(tokenizer);
    return 0;
}
