/* front_page.h - the page at /, which is one file of the program's own.
 *
 * It loads nothing but what is in it and, for the microphone, one script of this server; its policy
 * has the browser see to that. */
#ifndef POTSTILL_CLI_FRONT_PAGE_H
#define POTSTILL_CLI_FRONT_PAGE_H

#include "http/reply.h"

struct reply front_page_reply(void);
/* What the page gives to the thread of the sound, which takes a script by its address alone. */
struct reply front_page_worklet(void);
/* What there is here, as OpenAPI has it. */
struct reply front_page_api(void);

#endif
