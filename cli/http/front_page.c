/* front_page.c - see front_page.h. */
#include "http/front_page.h"

#include <stdlib.h>

#include "console.h"
#include "page/page_template.h"

static int print_part(void *user, const char *name, size_t length, FILE *out) {
    (void)user;
#define IS(text) page_name_is(name, length, text)
    if (IS("title")) fputs("Potstill: speech to text", out);
    if (IS("heading")) fputs("Speech to text", out);
    if (IS("style")) page_source_print(out, &front_style);
    if (IS("script")) page_source_print(out, &front_script);
#undef IS
    return 0; /* its policy is in the head of the reply */
}

/* 'self' is this server, which has one script beside the page; all it sends has its type, and
 * browsers do not guess. Sound comes from the reader, as blobs. */
static void print_policy(FILE *out) {
    page_policy_print(out, "'self' ", &front_script, &front_style,
                      "; img-src data:; media-src blob:; connect-src 'self'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
}

struct reply front_page_reply(void) {
    struct reply reply = {.status = 200, .content_type = "text/html; charset=utf-8"};
    size_t policy_length = 0;
    FILE *out = need(open_memstream(&reply.policy, &policy_length));
    print_policy(out);
    fclose(out);
    out = need(open_memstream(&reply.body, &reply.length));
    page_template_print(out, &front_html, print_part, NULL);
    fclose(out);
    need(reply.policy);
    need(reply.body);
    return reply;
}

static int print_version(void *user, const char *name, size_t length, FILE *out) {
    (void)user, (void)name, (void)length; /* nothing else is left open in it */
    fputs(pst_version(), out);
    return 0;
}

struct reply front_page_api(void) {
    struct reply reply = {.status = 200, .content_type = "application/json"};
    FILE *out = need(open_memstream(&reply.body, &reply.length));
    page_template_print(out, &front_api, print_version, NULL);
    fclose(out);
    need(reply.body);
    return reply;
}

struct reply front_page_worklet(void) {
    char *body = text_format("%s", (const char *)front_worklet.bytes);
    return (struct reply){.status = 200,
                          .content_type = "text/javascript; charset=utf-8",
                          .body = body,
                          .length = front_worklet.length};
}
