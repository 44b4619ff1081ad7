/* service_manager.c - see service_manager.h. */
#include "http/service_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "console.h"

/* "/path", or "@name" of a socket that is in no folder: its address begins with a NUL. */
static int read_address(const char *name, struct sockaddr_un *address, socklen_t *size) {
    size_t length = strlen(name);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address->sun_path)
        return -1;
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') address->sun_path[0] = '\0';
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

void service_manager_close(int fd) {
    if (fd >= 0) close(fd);
}

int service_manager_open(void) {
    struct sockaddr_un address;
    socklen_t size;
    const char *name = getenv("NOTIFY_SOCKET");
    if (!name) return -1;
    if (read_address(name, &address, &size)) {
        say("NOTIFY_SOCKET=%.100s: expected /PATH or @NAME", name);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, size) == 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        return fd;
    }
    say("NOTIFY_SOCKET=%.100s: cannot be reached: %s", name, strerror(errno));
    service_manager_close(fd);
    return -1;
}

/* Whether it is heard is not the server's business. */
static void tell(int fd, const char *words) {
    if (fd < 0) return;
    ssize_t sent = send(fd, words, strlen(words), 0);
    (void)sent;
}

void service_manager_ready(int fd) {
    tell(fd, "READY=1\nSTATUS=serves");
}

void service_manager_reloading(int fd) {
    char words[96];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long us = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    snprintf(words, sizeof words, "RELOADING=1\nMONOTONIC_USEC=%lld", us);
    tell(fd, words);
}

void service_manager_stopping(int fd) {
    tell(fd, "STOPPING=1\nSTATUS=ends when what is at work is done");
}
