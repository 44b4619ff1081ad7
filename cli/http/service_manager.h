/* service_manager.h - who has started the server and wants to know how it is, as systemd does.
 *
 * The protocol is that of sd_notify(3): the variable NOTIFY_SOCKET names a socket that takes words
 * as datagrams. */
#ifndef POTSTILL_CLI_SERVICE_MANAGER_H
#define POTSTILL_CLI_SERVICE_MANAGER_H

/* A socket to it; -1: nobody asks, or cannot be reached, which is said. */
int service_manager_open(void);
void service_manager_close(int socket);

/* It serves; it reads its settings again, and will tell that it serves; it ends. -1: nobody. */
void service_manager_ready(int socket);
void service_manager_reloading(int socket);
void service_manager_stopping(int socket);

#endif
