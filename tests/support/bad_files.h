/* bad_files.h - the folders of tests/bad: every file in one must be refused, with its own
 * message. */
#ifndef PST_TESTS_BAD_FILES_H
#define PST_TESTS_BAD_FILES_H

#include <stdio.h>
#include <string.h>

struct bad_file {
    const char *name;
    const char *message; /* a part of the message that it must give */
};

/* Prints what went wrong and returns 0 when `message` is not the one expected, or is not one
 * line that begins with the name of the file. */
static inline int bad_file_message_fits(const struct bad_file *file, const char *path,
                                        const char *message) {
    size_t length = strlen(path);
    int fits = strncmp(message, path, length) == 0 && message[length] == ':' &&
               strstr(message + length, file->message) && !strchr(message, '\n');
    if (!fits)
        fprintf(stderr, "%s: expected \"%s\", got \"%s\"\n", file->name, file->message, message);
    return fits;
}

#endif
