/* page_driver.c - the page of a results.json: page_driver RESULTS PAGE [FROM [EMBED_BYTES]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/eval/report_page.h"

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: page_driver RESULTS PAGE [FROM [EMBED_BYTES]]\n");
        return 2;
    }
    char *folder = strdup(argv[2]), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash) *slash = '\0';
    struct report_sounds sounds = {
        .from = argc > 3 ? argv[3] : NULL,
        .folder = slash ? folder : NULL,
        .embed_bytes = argc > 4 ? strtoul(argv[4], NULL, 10) : 0,
    };
    json_error_t error;
    json_t *results = json_load_file(argv[1], 0, &error);
    if (!results) {
        fprintf(stderr, "%s: line %d: %s\n", argv[1], error.line, error.text);
        return 1;
    }
    FILE *page = fopen(argv[2], "wb");
    int code = page ? report_page_write(page, results, &sounds) : 1;
    if (page && fclose(page)) code = 1;
    json_decref(results);
    free(folder);
    return code;
}
