/* hub_reply.c - see hub_reply.h. */
#include "hub/hub_reply.h"

#include <string.h>
#include <strings.h>

enum { DIGITS_MAX = 18 }; /* decimal digits that an int64_t holds, whatever they are */

/* Bytes of a line; not NUL-terminated. */
struct span {
    const char *text;
    size_t length;
};

void hub_reply_clear(struct hub_reply *reply) {
    memset(reply, 0, sizeof *reply);
    reply->length = reply->linked_size = -1;
    reply->range_start = reply->range_total = reply->retry_after = -1;
}

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trim(struct span span) {
    while (span.length && is_blank(span.text[0])) span.text++, span.length--;
    while (span.length && is_blank(span.text[span.length - 1])) span.length--;
    return span;
}

static int is(struct span span, const char *word) {
    return span.length == strlen(word) && strncasecmp(span.text, word, span.length) == 0;
}

/* Cuts the digits at the front of `span`; -1 when there are none, or too many. */
static int64_t take_number(struct span *span) {
    int64_t number = 0;
    size_t digits = 0;
    while (digits < span->length && span->text[digits] >= '0' && span->text[digits] <= '9') {
        if (digits == DIGITS_MAX) return -1;
        number = number * 10 + (span->text[digits++] - '0');
    }
    span->text += digits;
    span->length -= digits;
    return digits ? number : -1;
}

/* A number and nothing else, or -1. */
static int64_t whole_number(struct span span) {
    int64_t number = take_number(&span);
    return span.length ? -1 : number;
}

/* W/"abc", "abc" or abc: abc, if it is a digest. */
static void keep_etag(char etag[HUB_ETAG_SIZE], struct span span) {
    if (span.length >= 2 && strncmp(span.text, "W/", 2) == 0) span.text += 2, span.length -= 2;
    if (span.length >= 2 && span.text[0] == '"' && span.text[span.length - 1] == '"')
        span.text++, span.length -= 2;
    memset(etag, 0, HUB_ETAG_SIZE);
    if (span.length >= HUB_ETAG_SIZE) return;
    memcpy(etag, span.text, span.length);
    if (!hub_is_etag(etag)) memset(etag, 0, HUB_ETAG_SIZE);
}

static void keep_commit(char commit[HUB_COMMIT_SIZE], struct span span) {
    memset(commit, 0, HUB_COMMIT_SIZE);
    if (span.length != HUB_COMMIT_SIZE - 1) return;
    memcpy(commit, span.text, span.length);
    if (!hub_is_commit(commit)) memset(commit, 0, HUB_COMMIT_SIZE);
}

/* An address in printable ASCII; other characters must be encoded in an address. */
static void keep_location(char location[HUB_LOCATION_SIZE], struct span span) {
    location[0] = '\0';
    if (span.length >= HUB_LOCATION_SIZE) return;
    for (size_t i = 0; i < span.length; i++)
        if (span.text[i] <= ' ' || span.text[i] > '~') return;
    memcpy(location, span.text, span.length);
    location[span.length] = '\0';
}

/* "bytes 5-9/10". */
static void keep_range(struct hub_reply *reply, struct span span) {
    reply->range_start = reply->range_total = -1;
    if (span.length < 6 || strncasecmp(span.text, "bytes ", 6) != 0) return;
    span = trim((struct span){span.text + 6, span.length - 6});
    int64_t start = take_number(&span);
    if (start < 0 || !span.length || span.text[0] != '-') return;
    span.text++, span.length--;
    int64_t last = take_number(&span);
    if (last < start || !span.length || span.text[0] != '/') return;
    span.text++, span.length--;
    int64_t total = whole_number(span);
    if (total <= last) return;
    reply->range_start = start;
    reply->range_total = total;
}

static enum hub_refusal refusal_of(struct span span) {
    if (is(span, "RepoNotFound")) return HUB_REFUSAL_REPO;
    if (is(span, "RevisionNotFound")) return HUB_REFUSAL_REVISION;
    if (is(span, "EntryNotFound")) return HUB_REFUSAL_ENTRY;
    if (is(span, "GatedRepo")) return HUB_REFUSAL_GATED;
    return HUB_REFUSAL_NONE;
}

static void begin(struct hub_reply *reply, struct span line) {
    hub_reply_clear(reply);
    const char *space = memchr(line.text, ' ', line.length);
    if (!space) return;
    struct span rest = {space + 1, line.length - (size_t)(space + 1 - line.text)};
    int64_t status = take_number(&rest);
    if (status >= 100 && status <= 999) reply->status = (int)status;
}

void hub_reply_line(struct hub_reply *reply, const char *line, size_t length) {
    struct span whole = {line, length};
    if (length >= 5 && strncmp(line, "HTTP/", 5) == 0) {
        begin(reply, whole);
        return;
    }
    const char *colon = memchr(line, ':', length);
    if (!colon) return;
    struct span name = {line, (size_t)(colon - line)};
    struct span value = trim((struct span){colon + 1, length - name.length - 1});
    if (is(name, "X-Repo-Commit")) keep_commit(reply->commit, value);
    if (is(name, "ETag")) keep_etag(reply->etag, value);
    if (is(name, "X-Linked-Etag")) keep_etag(reply->linked_etag, value);
    if (is(name, "Location")) keep_location(reply->location, value);
    if (is(name, "Content-Length")) reply->length = whole_number(value);
    if (is(name, "X-Linked-Size")) reply->linked_size = whole_number(value);
    if (is(name, "Content-Range")) keep_range(reply, value);
    if (is(name, "Retry-After")) reply->retry_after = whole_number(value);
    if (is(name, "X-Error-Code")) reply->refusal = refusal_of(value);
    if (is(name, "Content-Encoding")) reply->encoded = value.length && !is(value, "identity");
}
