/* fuzz_score.c - two files of any bytes, divided by the first NUL byte, as `potstill score` reads
 * them: they are refused, or the score is JSON whose counts fit the number of lines. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/command_table.h"
#include "cli/console.h"
#include "ram_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds) {
    if (!holds) abort();
}

/* Runs the command, what it prints going to the file "out". */
static int run_apart(const void *values) {
    static int own = -1;
    fflush(stdout);
    if (own < 0) own = dup(STDOUT_FILENO);
    int out = open(ram_folder_path("out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    require(out >= 0 && dup2(out, STDOUT_FILENO) >= 0);
    int code = command_score.run(values, NULL, 0);
    fflush(stdout);
    require(dup2(own, STDOUT_FILENO) >= 0);
    close(out);
    return code;
}

static int score(int normalize) {
    char ref[256], hyp[256];
    snprintf(ref, sizeof ref, "%s", ram_folder_path("ref"));
    snprintf(hyp, sizeof hyp, "%s", ram_folder_path("hyp"));
    char *arguments[] = {"--ref", ref, "--hyp", hyp, "--format", "json", "--no-normalize"};
    int count = normalize ? 6 : 7, operands = 0;
    void *values = malloc(command_score.values_size);
    require(values != NULL);
    memcpy(values, command_score.defaults, command_score.values_size);
    require(options_parse(&command_score, count, arguments, values, &operands) == PARSE_OK);
    int code = run_apart(values);
    options_release(&command_score, values);
    free(values);
    return code;
}

static void check_score(size_t lines_max) {
    json_error_t error;
    json_t *root = json_load_file(ram_folder_path("out"), 0, &error);
    json_int_t words = json_integer_value(json_object_get(root, "words"));
    json_int_t hits = json_integer_value(json_object_get(root, "hits"));
    json_int_t lines = json_integer_value(json_object_get(root, "lines"));
    require(json_is_object(root) && hits >= 0 && words >= hits);
    require(lines >= 0 && (size_t)lines <= lines_max);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size, rest = nul ? size - length - 1 : 0;
    ram_folder_write("ref", data, length);
    ram_folder_write("hyp", nul ? nul + 1 : data, rest);
    for (int normalize = 0; normalize < 2; normalize++) {
        int code = score(normalize);
        require(code == EXIT_DONE || code == EXIT_INPUTS);
        if (code == EXIT_DONE) check_score(length < rest ? length : rest);
    }
    return 0;
}
