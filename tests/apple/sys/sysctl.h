/* sysctl.h - the one call that runner_coreml.m makes, for a syntax check (see README.md). */
#pragma once

#include <stddef.h>

int sysctlbyname(const char *name, void *value, size_t *size, void *new_value, size_t new_size);
