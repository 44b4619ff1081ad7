/* main.c - `potstill COMMAND ...`: finds the command, parses its options, runs it.
 *
 * options.h defines what a command is; the commands are in commands/cmd_*.c. Standard output has
 * results only, standard error messages; the exit codes are in console.h. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bus_error.h"
#include "command_table.h"
#include "completion/completions.h"
#include "console.h"
#include "environment.h"
#include "output.h"
#include "potstill_tools.h"

static int run_completion(const void *values, char **operands, int operand_count);

/* Here, because it is about all of them. */
static const struct command command_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .summary = "print what completes this command line in a shell",
    .details = "Prints a script that lets a shell complete commands, options, their choices and\n"
               "paths. An installed program has it in place already; else:\n"
               "\n"
               "bash   eval \"$(potstill completion bash)\" in ~/.bashrc\n"
               "zsh    eval \"$(potstill completion zsh)\" in ~/.zshrc, after compinit\n"
               "fish   potstill completion fish | source in ~/.config/fish/config.fish",
    .operands_min = 1,
    .operands_max = 1,
    .defaults = "",
    .values_size = 1,
    .run = run_completion,
};

static const struct command *const commands[] = {
    &command_transcribe,
    &command_live,
    &command_serve,
    &command_run_stt,
    &command_eval,
    &command_score,
    &command_inspect,
    &command_merge,
    &command_convert,
    &command_diff,
    &command_verify,
    &command_import,
    &command_pull,
    &command_vad,
    &command_bench,
    &command_completion,
    NULL,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] - 1 };

static void print_version(void) {
    char info[1024];
    pst_build_info(info, sizeof info);
    printf("potstill %s\n%s\n", pst_version(), info);
}

static void print_help(void) {
    printf("potstill - run fine-tuned Moonshine speech models\n\n"
           "usage: potstill COMMAND [OPTIONS] ...\n\n"
           "Commands:\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    printf("  %-12s %s\n\n", "help", "show the help of a command");
    printf("Options:\n"
           "  -h, --help   show this help\n"
           "  --version    show the version, the instruction sets in use and the libraries\n\n"
           "Exit codes: 0 all done, 1 some inputs failed, 2 wrong usage,\n"
           "3 model or adapter not usable, 4 environment (memory, disk, device),\n"
           "5 a threshold of eval was missed.\n");
}

static const struct command *find_command(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    return NULL;
}

static int unknown_command(const char *typed) {
    const char *names[COMMANDS + 2] = {"--help", "--version"};
    for (int i = 0; i < COMMANDS; i++) names[2 + i] = commands[i]->name;
    const char *closest = pst_nearest_name(typed, names, COMMANDS + 2);
    const char *kind = typed[0] == '-' ? "option" : "command";
    if (!closest) return usage_error(NULL, "unknown %s %s", kind, typed);
    return usage_error(NULL, "unknown %s %s (did you mean %s?)", kind, typed, closest);
}

/* Flushes what was printed without a command: 0, or an exit code when it could not be written. */
static int flush(void) {
    struct output output;
    output_open(&output, NULL);
    return output_close(&output, 1);
}

static int help(const struct command *command) {
    if (command)
        options_help(command);
    else
        print_help();
    return flush();
}

static int run_completion(const void *values, char **operands, int operand_count) {
    static const struct {
        const char *name;
        void (*print)(FILE *out, const struct command *const *commands);
    } shells[] = {{"bash", completions_bash}, {"zsh", completions_zsh}, {"fish", completions_fish}};
    (void)values;
    (void)operand_count;
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(operands[0], shells[i].name) == 0) {
            shells[i].print(stdout, commands);
            return flush();
        }
    return usage_error(&command_completion, "unknown shell %s: expected %s", operands[0],
                       command_completion.synopsis);
}

/* The part of an argument that may be a path: all of it, what follows "--name=", or "-o". */
static const char *path_of(const char *argument) {
    const char *equals = strchr(argument, '=');
    if (argument[0] != '-' || !argument[1]) return argument;
    if (argument[1] != '-') return argument + 2;
    return equals ? equals + 1 : argument;
}

/* A shell replaces ~ only at the start of a word, so "--model=~/tiny" comes as it was typed.
 * Returns `argument`, or in fresh memory what was meant; a folder called ~ is left alone. */
static char *expand_home(char *argument) {
    const char *path = path_of(argument);
    if (path[0] != '~' || (path[1] && path[1] != '/') || access(path, F_OK) == 0) return argument;
    char *whole = environment_home_path(path);
    char *expanded = text_format("%.*s%s", (int)(path - argument), argument, whole);
    free(whole);
    return expanded;
}

static int run_expanded(const struct command *command, int argc, char **argv) {
    int operand_count = 0;
    void *values = need(malloc(command->values_size));
    memcpy(values, command->defaults, command->values_size);
    int code = EXIT_USAGE;
    switch (options_parse(command, argc, argv, values, &operand_count)) {
    case PARSE_OK: code = command->run(values, argv, operand_count); break;
    case PARSE_HELP: code = help(command); break;
    case PARSE_ERROR: break;
    }
    options_release(command, values);
    free(values);
    return code;
}

/* Runs the command on a copy of the arguments, as parsing moves them. */
static int run_command(const struct command *command, int argc, char **argv) {
    char **given = need(calloc((size_t)argc + 1, sizeof *given));
    char **moved = need(calloc((size_t)argc + 1, sizeof *moved));
    for (int i = 0; i < argc; i++) given[i] = moved[i] = expand_home(argv[i]);
    int code = run_expanded(command, argc, moved);
    for (int i = 0; i < argc; i++)
        if (given[i] != argv[i]) free(given[i]);
    free(given);
    free(moved);
    return code;
}

/* A program started with a standard stream closed would get its number for the next file it opens,
 * and print its results into that. The numbers are taken here by /dev/null opened the other way
 * round, so that reading and writing still fail. */
static void occupy_standard_streams(void) {
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", modes[fd]) != fd) _exit(EXIT_ENVIRONMENT);
}

int main(int argc, char **argv) {
    occupy_standard_streams();
    bus_error_say();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is noticed by the write that fails */
    signal(SIGXFSZ, SIG_IGN); /* as is a file that grows past a limit */
    if (argc < 2) return usage_error(NULL, "expected a command");
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        print_version();
        return flush();
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help(NULL);
    int is_help = strcmp(name, "help") == 0;
    if (is_help && argc == 2) return help(NULL);
    const char *wanted = is_help ? argv[2] : name;
    const struct command *command = find_command(wanted);
    if (!command) return unknown_command(wanted);
    return is_help ? help(command) : run_command(command, argc - 2, argv + 2);
}
