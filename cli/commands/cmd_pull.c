/* cmd_pull.c - models and adapters from the Hugging Face hub into its cache. */
#include <stdio.h>

#include "command_table.h"
#include "console.h"
#include "environment.h"
#include "locate.h"
#include "output.h"

static int run(const void *values, char **operands, int operand_count);

struct values {
    const char *revision;
};

static const struct values defaults = {0};

static const struct option options[] = {
    {"revision", 0, OPTION_TEXT, "R", offsetof(struct values, revision),
     "branch, tag or commit (default: main)"},
    {0},
};

const struct command command_pull = {
    .name = "pull",
    .synopsis = "ID ...",
    .summary = "download a model or adapter from the Hugging Face hub",
    .details = "Brings models and adapters, each named like UsefulSensors/moonshine-tiny, into\n"
               "the Hugging Face cache, which Python shares, and prints the folder of each. What\n"
               "is there already is not downloaded again; a branch that has moved on is.\n"
               "\n"
               "A private or gated one needs a token: `hf auth login`, or HF_TOKEN.",
    .groups = {{"Options", options, 0}},
    .operands_min = 1,
    .operands_max = INT32_MAX,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* Pulls and prints the folder. 0, or an exit code with the reason printed. */
static int pull(const struct environment *environment, const struct values *values, const char *id,
                struct output *output) {
    char *dir = NULL;
    int code = locate_latest(environment, id, values->revision, &dir);
    if (code) return code;
    fprintf(output->stream, "%s\n", dir);
    pst_free(dir);
    return output_flush(output);
}

static int run(const void *chosen, char **operands, int operand_count) {
    struct environment environment;
    struct output output;
    environment_read(&environment, 0);
    int code = output_open(&output, NULL);
    for (int i = 0; !code && i < operand_count; i++)
        code = pull(&environment, chosen, operands[i], &output);
    int closed = output_close(&output, 1);
    environment_free(&environment);
    return code ? code : closed;
}
