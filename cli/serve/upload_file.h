/* upload_file.h - a file for what a client sends. */
#ifndef POTSTILL_CLI_UPLOAD_FILE_H
#define POTSTILL_CLI_UPLOAD_FILE_H

/* Without a name: it is gone with its descriptor, however the program ends. -1: it cannot be, and
 * errno says why. */
int upload_file_new(const char *folder);

#endif
