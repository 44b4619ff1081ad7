/* bus_error.h - says what has happened when a mapped file is not there any more.
 *
 * Model files are mapped, not read: one that is cut short or whose disk goes away while it is in
 * use ends the program by a signal (SIGBUS). The library handles none; the program says which
 * file. */
#ifndef POTSTILL_CLI_BUS_ERROR_H
#define POTSTILL_CLI_BUS_ERROR_H

void bus_error_say(void);

#endif
