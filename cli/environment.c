/* environment.c - see environment.h. */
#include "environment.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "download.h"

extern char **environ;

/* The value of a variable; NULL when unset or empty. */
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *home(void) {
    const char *path = variable("HOME");
    if (path) return path;
    const struct passwd *user = getpwuid(getuid());
    return user && user->pw_dir ? user->pw_dir : "/";
}

char *environment_home_path(const char *path) {
    int is_home = path[0] == '~' && (!path[1] || path[1] == '/');
    return is_home ? text_format("%s%s", home(), path + 1) : text_format("%s", path);
}

char *environment_program(const char *name) {
    const char *at = variable("PATH");
    while (at) {
        struct stat st;
        size_t length = strcspn(at, ":");
        char *path = text_format("%.*s/%s", (int)length, at, name);
        if (*at == '/' && access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return path;
        free(path);
        at = at[length] ? at + length + 1 : NULL;
    }
    return NULL;
}

void environment_read(struct environment *environment, int offline) {
    pst_find_options options;
    pst_find_options_init(&options);
    options.variables = (const char *const *)environ;
    options.home = home();
    options.offline = offline;
    options.model_option = "--model";
    options.adapter_option = "--adapter";
    options.processor_option = "--processor-dir";
    options.warn = say_warning;
    options.progress = download_watch;
    *environment = (struct environment){0};
    pst_finder_new(&options, &environment->finder, NULL); /* fails for want of memory alone */
    need(environment->finder);
    pst_finder_describe(environment->finder, &environment->places);
}

void environment_free(struct environment *environment) {
    pst_finder_free(environment->finder);
    *environment = (struct environment){0};
}
