/* inspect_package.h - what a Core ML package holds. */
#ifndef POTSTILL_CLI_INSPECT_PACKAGE_H
#define POTSTILL_CLI_INSPECT_PACKAGE_H

/* Prints the program of the package `dir` and a report on it, or, `as_json`, the report alone;
 * `name` is what the user calls it. Returns an exit code with the reason printed. */
int inspect_package(const char *name, const char *dir, int as_json);

#endif
