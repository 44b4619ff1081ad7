/* test_hub_reply.c - the headers of the hub, and what passes for none of them. */
#include "support/test.h"

#include <string.h>

#include "hub/hub_reply.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA256 COMMIT "0123456789abcdef01234567"

static void read_lines(struct hub_reply *reply, const char *const *lines) {
    hub_reply_clear(reply);
    for (; *lines; lines++) hub_reply_line(reply, *lines, strlen(*lines));
}
#define READ(reply, ...) read_lines(reply, (const char *const[]){__VA_ARGS__, NULL})

static void reads_what_the_hub_sends(void **state) {
    (void)state;
    struct hub_reply reply;
    READ(&reply, "HTTP/2 302 \r\n", "etag: \"abc\"\r\n", "X-Linked-ETag:  W/\"" SHA256 "\" \r\n",
         "x-linked-size: 390992\r\n", "X-REPO-COMMIT:" COMMIT "\r\n", "Location: /a/b?c=d\r\n",
         "X-Error-Code: GatedRepo\r\n", "Retry-After: 7\r\n", "Content-Encoding: identity\r\n",
         "\r\n");
    assert_int_equal(reply.status, 302);
    assert_string_equal(reply.etag, "");
    assert_string_equal(reply.linked_etag, SHA256);
    assert_string_equal(reply.commit, COMMIT);
    assert_string_equal(reply.location, "/a/b?c=d");
    assert_int_equal(reply.linked_size, 390992);
    assert_int_equal(reply.length, -1);
    assert_int_equal(reply.refusal, HUB_REFUSAL_GATED);
    assert_int_equal(reply.retry_after, 7);
    assert_false(reply.encoded);
}

static void a_status_line_begins_anew(void **state) {
    (void)state;
    struct hub_reply reply;
    READ(&reply, "HTTP/1.1 103 Early Hints", "ETag: " COMMIT, "Content-Length: 5",
         "HTTP/1.1 200 OK", "Content-Encoding: gzip");
    assert_int_equal(reply.status, 200);
    assert_string_equal(reply.etag, "");
    assert_int_equal(reply.length, -1);
    assert_true(reply.encoded);
}

static void refuses_what_is_no_number(void **state) {
    (void)state;
    static const char *const lines[] = {
        "Content-Length: -1",      "Content-Length: 1e3", "Content-Length: 12 34",
        "Content-Length: 0x10",    "Content-Length:",     "Content-Length: 9999999999999999999",
        "Content-Length: \xD9\xA1"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct hub_reply reply;
        READ(&reply, "HTTP/1.1 200", lines[i]);
        assert_int_equal(reply.length, -1);
    }
}

static void refuses_what_is_no_digest(void **state) {
    (void)state;
    static const char *const lines[] = {
        "ETag: \"" COMMIT, "ETag: \"../../x\"", "ETag: " SHA256 "0",
        "ETag: \"\"",      "ETag: W/",          "ETag: 0123456789ABCDEF0123456789ABCDEF01234567"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct hub_reply reply;
        READ(&reply, "HTTP/1.1 200", "ETag: " COMMIT, lines[i]);
        assert_string_equal(reply.etag, "");
    }
}

static void reads_ranges(void **state) {
    (void)state;
    struct hub_reply reply;
    READ(&reply, "HTTP/1.1 206", "Content-Range: bytes 5-9/10");
    assert_int_equal(reply.range_start, 5);
    assert_int_equal(reply.range_total, 10);
    static const char *const wrong[] = {"bytes */10",   "bytes 5-4/10",  "bytes 5-10/10",
                                        "bytes 5-9/*",  "bytes 5-9",     "bytes -9/10",
                                        "chars 5-9/10", "bytes 5-9/10x", "bytes"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[64] = "Content-Range: ";
        strcat(line, wrong[i]);
        READ(&reply, "HTTP/1.1 206", line);
        assert_int_equal(reply.range_start, -1);
        assert_int_equal(reply.range_total, -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_hub_sends),
        cmocka_unit_test(a_status_line_begins_anew),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(refuses_what_is_no_digest),
        cmocka_unit_test(reads_ranges),
    };
    return cmocka_run_group_tests_name("hub reply", tests, NULL, NULL);
}
