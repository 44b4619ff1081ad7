/* sandbox.c - see sandbox.h. */
#include "http/sandbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"

char *sandbox_make_folder(const char *folder) {
    char *path = text_format("%s/potstill-serve-XXXXXX", folder);
    if (mkdtemp(path)) return path;
    fail(EXIT_ENVIRONMENT, "--upload-dir %s: no folder can be made in it: %s", folder,
         strerror(errno));
    free(path);
    return NULL;
}

#ifdef __linux__

#include <dirent.h>
#include <sys/prctl.h>

/* -1: not known. */
static int count_threads(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    if (!dir) return -1;
    for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

int sandbox_enter(const struct sandbox_places *places) {
    int threads = count_threads();
    if (threads > 1)
        return fail(EXIT_ENVIRONMENT, "--sandbox: %d threads have begun, which it would not hold",
                    threads);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return fail(EXIT_ENVIRONMENT, "--sandbox: this system does not let a process give up its "
                                      "rights");
    int code = sandbox_files_close(places);
    return code ? code : sandbox_calls_close();
}

#else

int sandbox_enter(const struct sandbox_places *places) {
    (void)places;
    return fail(EXIT_ENVIRONMENT, "--sandbox: only Linux has what it needs");
}

#endif
