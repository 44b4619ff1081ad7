/* make_folder.c - see make_folder.h. */
#include "make_folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "console.h"

/* Makes a folder; one that is there already will do. 0, or errno. */
static int make_one(const char *path) {
    return mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
}

int make_folder(const char *folder) {
    char *path = text_format("%s", folder);
    int error_number = 0;
    for (size_t i = 1; path[0] && path[i] && !error_number; i++) {
        if (path[i] != '/') continue;
        path[i] = '\0';
        error_number = make_one(path);
        path[i] = '/';
    }
    if (!error_number) error_number = make_one(path);
    struct stat st;
    if (!error_number && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) error_number = ENOTDIR;
    free(path);
    return error_number ? fail(EXIT_ENVIRONMENT, "%s: %s", folder, strerror(error_number)) : 0;
}
