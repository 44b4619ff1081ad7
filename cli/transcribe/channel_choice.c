/* channel_choice.c - see channel_choice.h. */
#include "transcribe/channel_choice.h"

#include <math.h>
#include <string.h>

#include "potstill.h"

/* As many as the library reads. */
enum { CHANNEL_MAX = 128 };

int channel_choose(const struct command *command, const char *wish, uint32_t *channel) {
    double number = 0;
    if (wish && strcmp(wish, "split") == 0)
        *channel = PST_CHANNEL_EACH;
    else if (wish && parse_number(wish, &number) && number >= 1 && number <= CHANNEL_MAX &&
             number == rint(number))
        *channel = (uint32_t)number;
    else if (!wish || strcmp(wish, "mix") == 0)
        *channel = 0;
    else
        return usage_error(command,
                           "--channels '%s': expected mix, split or the number of a channel, from "
                           "1 to %d",
                           wish, CHANNEL_MAX);
    return 0;
}
