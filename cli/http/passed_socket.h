/* passed_socket.h - a socket that whoever started the program has opened for it, as systemd does.
 *
 * The protocol is that of sd_listen_fds(3): the variables LISTEN_PID and LISTEN_FDS, and
 * descriptors from 3 on. */
#ifndef POTSTILL_CLI_PASSED_SOCKET_H
#define POTSTILL_CLI_PASSED_SOCKET_H

/* Into `fd`, -1 where there is none. 0, or an exit code with the reason printed. */
int passed_socket(int *fd);

#endif
