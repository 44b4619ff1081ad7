/* test_multipart.c - forms as clients send them and as they should not, whole and byte by byte. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#include "serve/multipart.h"

#define TYPE "multipart/form-data; boundary=b"
#define PART "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n"

static char seen[20000];
static size_t seen_length;

static void note(const char *bytes, size_t count) {
    assert_true(count < sizeof seen - seen_length);
    memcpy(seen + seen_length, bytes, count);
    seen[seen_length += count] = '\0';
}

static int begin(void *user, const struct multipart_part *part) {
    char text[600];
    (void)user;
    snprintf(text, sizeof text, part->has_filename ? "[%s %s]" : "[%s%s]", part->name,
             part->filename);
    note(text, strlen(text));
    return strcmp(part->name, "stop") == 0;
}

static int data(void *user, const char *bytes, size_t count) {
    (void)user;
    note(bytes, count);
    return 0;
}

static int end(void *user) {
    (void)user;
    note("$", 1);
    return 0;
}

static const struct multipart_calls calls = {begin, data, end};

static const char *parse(const char *type, const char *body, size_t piece) {
    static struct multipart multipart;
    size_t size = strlen(body);
    seen[seen_length = 0] = '\0';
    int status = multipart_begin(&multipart, type, &calls, NULL);
    for (size_t at = 0; !status && at < size; at += piece)
        status = multipart_feed(&multipart, body + at, size - at < piece ? size - at : piece);
    if (!status) status = multipart_end(&multipart);
    return status ? multipart.problem ? multipart.problem : "stopped" : NULL;
}

static void forms(void **state) {
    (void)state;
    static const struct {
        const char *type, *body, *seen;
    } cases[] = {
        {TYPE, "--b--", ""},
        {TYPE, PART "1\r\n--b--\r\n", "[x]1$"},
        {TYPE,
         "to skip\r\n" PART "\r\n--b \t\r\n" /* blanks behind a boundary */
         "content-disposition:form-data; name=y; filename=\"a \\\"b\\\".wav\"\r\n"
         "Content-Type: audio/wav\r\n\r\n\r\n-\r\n--\r\n--c\r\r\n--b--\r\nignored",
         "[x]$[y a \"b\".wav]\r\n-\r\n--\r\n--c\r$"},
        {"Multipart/Form-Data; charset=utf-8; boundary=\"b\"", PART "1\r\n--b--", "[x]1$"},
        {TYPE, "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"\"\r\n\r\n\r\n--b--",
         "[x ]$"},
        {TYPE,
         "--b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"C:\\a\"\r\n\r\n\r\n--b--",
         "[x C:\\a]$"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 300; piece += piece < 4 ? 1 : 57) {
            const char *problem = parse(cases[i].type, cases[i].body, piece);
            if (problem) fail_msg("case %zu: %s", i, problem);
            assert_string_equal(seen, cases[i].seen);
        }
}

static void what_is_no_form(void **state) {
    (void)state;
    static const struct {
        const char *type, *body, *problem;
    } cases[] = {
        {NULL, "", "expected Content-Type"},
        {"application/json", "", "expected Content-Type"},
        {"multipart/form-data", "", "expected a boundary"},
        {"multipart/form-data; boundary=", "", "expected a boundary"},
        {"multipart/form-data; boundary=\"b", "", "expected a boundary"},
        {"multipart/form-dataX; boundary=b", "", "expected Content-Type"},
        {TYPE, "", "ends before"},
        {TYPE, PART "1\r\n--b-", "ends before"},
        {TYPE, "--bb\r\n", "followed by something else"},
        {TYPE, "--b\r\n\r\n1\r\n--b--", "no Content-Disposition"},
        {TYPE, "--b\r\nContent-Disposition: inline; name=x\r\n\r\n\r\n--b--", "no Content-Disp"},
        {TYPE, "--b\r\nContent-Disposition: form-data\r\n\r\n\r\n--b--", "no name"},
        {TYPE, "--b\r\nContent-Disposition: form-data; name=\"x\r\n\r\n\r\n--b--", "no name"},
        {TYPE,
         "--b\r\nContent-Disposition: form-data; name=x\r\nContent-Transfer-Encoding: base64\r\n"
         "\r\n\r\n--b--",
         "Transfer-Encoding"},
        {TYPE, "--b\r\nContent-Disposition: form-data; name=stop\r\n\r\n\r\n--b--", "stopped"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = parse(cases[i].type, cases[i].body, 1);
        if (!problem || !strstr(problem, cases[i].problem))
            fail_msg("case %zu: %s", i, problem ? problem : "accepted");
    }
}

static void limits(void **state) {
    (void)state;
    char body[20000] = "--b\r\nContent-Disposition: form-data; name=x\r\nX: ";
    size_t length = strlen(body);
    memset(body + length, 'y', MULTIPART_HEAD_MAX);
    assert_non_null(strstr(parse(TYPE, body, 7), "head of a part is too long"));
    snprintf(body, sizeof body, "--b\r\nContent-Disposition: form-data; name=%0300d\r\n\r\n", 1);
    assert_non_null(strstr(parse(TYPE, body, 7), "no name, or one that is too long"));
    *body = '\0';
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++) strcat(body, PART "1\r\n");
    assert_non_null(strstr(parse(TYPE, body, 7), "too many parts"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(what_is_no_form),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
