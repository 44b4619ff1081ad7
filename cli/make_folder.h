/* make_folder.h - the folder for results. */
#ifndef POTSTILL_CLI_MAKE_FOLDER_H
#define POTSTILL_CLI_MAKE_FOLDER_H

/* Makes a folder and those above it; one that is there already will do. 0, or an exit code with the
 * reason printed. */
int make_folder(const char *folder);

#endif
