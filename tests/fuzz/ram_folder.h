/* ram_folder.h - a folder for the targets whose readers take one, in memory where the system has
 * that: on a disk a target manages a few inputs a second. */
#ifndef POTSTILL_TESTS_FUZZ_RAM_FOLDER_H
#define POTSTILL_TESTS_FUZZ_RAM_FOLDER_H

#include <stddef.h>

/* The folder of this process, removed with what is in it when the process ends in good order. */
const char *ram_folder(void);
/* "<folder>/<name>", valid until the next call. */
const char *ram_folder_path(const char *name);
/* Writes a file of the folder in place, and the folders in its name when it is new. */
void ram_folder_write(const char *name, const void *data, size_t size);
void ram_folder_remove(const char *name);

#endif
