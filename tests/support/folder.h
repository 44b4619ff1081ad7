/* folder.h - what is in a folder. */
#ifndef PST_TESTS_FOLDER_H
#define PST_TESTS_FOLDER_H

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/* Files and folders whose names do not begin with a dot; -1: it is no folder. */
static inline int folder_entries(const char *folder) {
    DIR *dir = opendir(folder);
    int count = 0;
    if (!dir) return -1;
    for (struct dirent *entry; (entry = readdir(dir));) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* Removes all files, if it is there. */
static inline void folder_empty(const char *folder) {
    DIR *dir = opendir(folder);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
}

#endif
