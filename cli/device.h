/* device.h - where to compute: the engine on the CPU, or a converted model's packages.
 *
 * The names are those of the reference scripts (cuda is one, to be refused with a reason) and of
 * what this program adds to them. */
#ifndef POTSTILL_CLI_DEVICE_H
#define POTSTILL_CLI_DEVICE_H

#include "potstill.h"

enum device { DEVICE_AUTO, DEVICE_CPU, DEVICE_MIL, DEVICE_COREML, DEVICE_MPS, DEVICE_CUDA };

#define DEVICE_NAMES "auto|cpu|mil|coreml|mps|cuda"

const char *device_name(enum device device);

/* The device that `chosen` means for the model called `model` (NULL: none was named): a converted
 * model has one of its own. Fails where this system has it not: 0, or an exit code with the reason
 * said. */
int device_settle(const char *command, enum device chosen, const char *model, enum device *device);
/* Do packages compute, not the engine? */
int device_is_package(enum device device);
/* What `chosen` means on `device`; mps is Core ML on CPU and GPU. 0, or an exit code. */
int device_units(const char *command, enum device device, int chosen, pst_compute_units *units);
/* Is the checkpoint itself beside the packages of the folder `model`? */
int device_has_checkpoint(const char *model);

#endif
