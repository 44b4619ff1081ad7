/* sandbox.h - what the process may no longer do once it serves.
 *
 * Everything that a request can reach is then walled: files by Landlock, calls of the kernel by
 * seccomp. Both last until the process ends. Linux alone has them. */
#ifndef POTSTILL_CLI_SANDBOX_H
#define POTSTILL_CLI_SANDBOX_H

/* What it still needs of the disk; NULL: nothing. */
struct sandbox_places {
    const char *adapters;               /* a folder to read */
    const char *key_file, *admin_file;  /* to read again */
    const char *uploads, *uploads_into; /* a folder to write into, and the one it is taken out of */
};

/* Before there is a second thread: those that exist would stay outside. 0, or an exit code with the
 * reason printed. */
int sandbox_enter(const struct sandbox_places *places);

/* A new folder in `folder` for files of its own, to be freed; NULL with the reason printed. */
char *sandbox_make_folder(const char *folder);

/* The two halves of it. 0, or an exit code. */
int sandbox_files_close(const struct sandbox_places *places);
int sandbox_calls_close(void);

#endif
