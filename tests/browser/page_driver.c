/* page_driver.c - the page of a results.json: page_driver RESULTS PAGE [FROM [EMBED_BYTES]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval/report_page.h"
#include "cli/whole_file.h"

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
    char *results = NULL;
    size_t length = 0;
    char *why = whole_file_read(argv[1], (size_t)1 << 30, &results, &length);
    FILE *page = why ? NULL : fopen(argv[2], "wb");
    int code = page ? report_page_write(page, results, length, &sounds) : 1;
    if (page && fclose(page)) code = 1;
    if (why) fprintf(stderr, "%s\n", why);
    free(why);
    free(results);
    free(folder);
    return code;
}
