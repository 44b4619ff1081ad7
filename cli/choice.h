/* choice.h - what the command line says of a model, its adapters and how to compute. */
#ifndef POTSTILL_CLI_CHOICE_H
#define POTSTILL_CLI_CHOICE_H

#include <stdint.h>

#include "options.h"

/* Where to compute, in the order of --device: names of the reference scripts and those that this
 * program adds. */
enum device_choice { DEVICE_AUTO, DEVICE_CPU, DEVICE_MIL, DEVICE_COREML, DEVICE_MPS, DEVICE_CUDA };

/* What the command line says; NULL and -1 where it says nothing. */
struct engine_choice {
    const char *model;
    const char *revision;
    struct option_texts adapters; /* "DIR" or "DIR:WEIGHT" */
    const char *adapter;          /* one more, a name whole */
    double adapter_scale;         /* 0: not given */
    const char *processor;
    int offline;
    int64_t threads;
    int cpu;           /* enum pst_cpu */
    int precision;     /* enum pst_precision */
    int window_bounds; /* 1: inclusive */
    int no_cache;
    int device;          /* enum device_choice */
    int strict_device;   /* that one or none */
    int units;           /* pst_compute_units */
    const char *decoder; /* model whose decoder goes on from a package's encoder */
    int read_files;      /* no option: the command may run for long (pst_model_options) */
};

#endif
