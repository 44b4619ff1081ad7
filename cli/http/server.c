/* server.c - see server.h. */
#include "http/server.h"

#include <stdio.h>

void server_make_id(struct server *server, char *id, size_t size) {
    unsigned long long number = atomic_fetch_add(&server->ids, 1);
    snprintf(id, size, "req_%s%08llx", server->id_start, number);
}
