/* screen.h - lines of text as they grow, on a terminal.
 *
 * Completed lines are lines. Below them is one row for the line at hand: a meter of the level, the
 * time, and as much of the end of the text as fits; what is committed plain, the rest dim. It is
 * drawn anew at each change, by the width that the terminal has then. */
#ifndef POTSTILL_CLI_SCREEN_H
#define POTSTILL_CLI_SCREEN_H

#include <stddef.h>
#include <stdio.h>

struct screen {
    FILE *terminal;
    char *text; /* of the line at hand; NULL: none */
    size_t committed;
    double level;   /* of the loudest sample since the row was drawn last */
    double seconds; /* heard so far */
    int shown;
};

/* What is heard. */
void screen_hear(struct screen *screen, const float *samples, size_t count);
/* The text of the line at hand. */
void screen_text(struct screen *screen, const char *text, size_t committed);
/* A line that is complete; an empty one is not shown. */
void screen_line(struct screen *screen, const char *text);
void screen_draw(struct screen *screen);
/* Takes the row away: something else is to be printed, or all is over. */
void screen_clear(struct screen *screen);

#endif
