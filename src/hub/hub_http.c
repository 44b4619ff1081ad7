/* hub_http.c - see hub_http.h. */
#include "hub/hub_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"

static const uint32_t PATIENCE_MS = 10000;      /* huggingface_hub's default */
static const long BODY_CHUNK_BYTES = 256 << 10; /* 16 times libcurl's: fewer calls on fast lines */

static const size_t HEAD_BYTES_MAX = 256 << 10; /* the hub's have some 4 KB */

/* A server that sends a byte now and then is never silent, and never done. Within so many times the
 * silence allowed the head must be there; and the body must bring, on average, what the slowest of
 * modems did. */
enum { WINDOW_PATIENCES = 3, BYTES_PER_SECOND_MIN = 1000 };

static uint64_t now_ms(void) {
    return clock_now_ns() / 1000000;
}

/* -------------------------------------------------------------------------------- addresses */

/* A part of an address in fresh memory, NULL when there is none. Free with curl_free(). */
static char *part_of(const char *url, CURLUPart part) {
    char *text = NULL;
    CURLU *handle = curl_url();
    if (handle && curl_url_set(handle, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK)
        curl_url_get(handle, part, &text, CURLU_DEFAULT_PORT);
    curl_url_cleanup(handle);
    return text;
}

static int same_part(const char *a, const char *b, CURLUPart part) {
    char *of_a = part_of(a, part), *of_b = part_of(b, part);
    int same = of_a && of_b && strcasecmp(of_a, of_b) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return same;
}

int hub_http_same_origin(const char *a, const char *b) {
    return same_part(a, b, CURLUPART_SCHEME) && same_part(a, b, CURLUPART_HOST) &&
           same_part(a, b, CURLUPART_PORT);
}

static int has_scheme(const char *url, const char *scheme) {
    char *found = part_of(url, CURLUPART_SCHEME);
    int has = found && strcasecmp(found, scheme) == 0;
    curl_free(found);
    return has;
}

/* Copies a text of libcurl into memory of our own, and frees it. */
static char *adopt(char *theirs) {
    char *ours = theirs ? strdup(theirs) : NULL;
    curl_free(theirs);
    return ours;
}

char *hub_http_host(const char *url) {
    return adopt(part_of(url, CURLUPART_HOST));
}

char *hub_http_resolve(const char *base, const char *location) {
    char *url = NULL;
    CURLU *handle = curl_url();
    if (handle && *location &&
        curl_url_set(handle, CURLUPART_URL, base, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_set(handle, CURLUPART_URL, location, CURLU_DISALLOW_USER) == CURLUE_OK)
        curl_url_get(handle, CURLUPART_URL, &url, 0);
    curl_url_cleanup(handle);
    return adopt(url);
}

/* ---------------------------------------------------------------------------- opening, closing */

static pst_status check_token(const char *token, pst_error *err) {
    for (const char *at = token; *at; at++)
        if (*at <= ' ' || *at > '~')
            return error_set(err, PST_ERR_ARGUMENT,
                             "the hub token has a character that no token has, expected printable "
                             "ASCII without blanks");
    return PST_OK;
}

static pst_status check_endpoint(const char *endpoint, pst_error *err) {
    if (has_scheme(endpoint, "https") || has_scheme(endpoint, "http")) return PST_OK;
    return error_set(err, PST_ERR_ARGUMENT,
                     "%s: not an endpoint, expected https://HOST or http://HOST", endpoint);
}

pst_status hub_http_open(struct hub_http *http, const pst_hub_options *options, pst_error *err) {
    *http = (struct hub_http){.options = options};
    const char *endpoint = options->endpoint ? options->endpoint : "https://huggingface.co";
    pst_status status = options->token ? check_token(options->token, err) : PST_OK;
    if (!status) status = check_endpoint(endpoint, err);
    if (status) return status;
    http->endpoint = strdup(endpoint);
    http->curl = curl_easy_init();
    if (!http->endpoint || !http->curl) {
        hub_http_close(http);
        return error_memory(err, 0);
    }
    size_t length = strlen(http->endpoint);
    while (length > 0 && http->endpoint[length - 1] == '/') http->endpoint[--length] = '\0';
    return PST_OK;
}

void hub_http_close(struct hub_http *http) {
    if (http->curl) curl_easy_cleanup(http->curl);
    free(http->endpoint);
    *http = (struct hub_http){0};
}

/* -------------------------------------------------------------------------------- the caller */

pst_status hub_http_report(struct hub_http *http, pst_error *err) {
    const pst_hub_options *options = http->options;
    if (!http->cancelled && options->progress)
        http->cancelled = options->progress(options->user, &http->progress) != 0;
    return http->cancelled ? error_set(err, PST_ERR_CANCELLED, "the download was stopped") : PST_OK;
}

pst_status hub_http_wait(struct hub_http *http, uint32_t milliseconds, pst_error *err) {
    enum { SLICE_MS = 100 }; /* a wish to stop is seen within a tenth of a second */
    const struct timespec slice = {.tv_nsec = SLICE_MS * 1000000L};
    uint64_t end = now_ms() + milliseconds;
    pst_status status = hub_http_report(http, err);
    while (!status && now_ms() < end) {
        nanosleep(&slice, NULL);
        status = hub_http_report(http, err);
    }
    return status;
}

/* --------------------------------------------------------------------------------- a request */

struct call {
    struct hub_http *http;
    const struct hub_request *request;
    struct hub_reply *reply;
    pst_status status; /* of the sink or the caller's function */
    pst_error *err;
    size_t head_bytes;
    uint64_t window_ms;  /* when the window began that the speed is measured over */
    size_t window_bytes; /* what came since */
    int in_body;
    int silent;   /* ended because the server said nothing */
    int slow;     /* or too little */
    int unwanted; /* ended because the body is of a reply without a file */
};

static size_t take_header(char *line, size_t size, size_t count, void *user) {
    struct call *call = user;
    call->http->touched_ms = now_ms();
    call->head_bytes += size * count;
    if (call->head_bytes > HEAD_BYTES_MAX) {
        call->status = error_set(call->err, PST_ERR_IO, "the head of an answer has over %zu bytes",
                                 HEAD_BYTES_MAX);
        return 0;
    }
    hub_reply_line(call->reply, line, size * count);
    return size * count;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *user) {
    struct call *call = user;
    call->http->touched_ms = now_ms();
    if (!call->in_body) call->window_ms = call->http->touched_ms;
    call->in_body = 1;
    call->window_bytes += size * count;
    call->unwanted =
        !call->request->sink || (call->reply->status != 200 && call->reply->status != 206);
    if (call->unwanted) return 0;
    call->status =
        call->request->sink(call->request->user, call->reply, bytes, size * count, call->err);
    return call->status ? 0 : size * count;
}

/* Has the window passed, and brought too little? */
static int is_slow(struct call *call, uint64_t now) {
    uint64_t window = (uint64_t)WINDOW_PATIENCES * call->http->patience_ms;
    if (now - call->window_ms <= window) return 0;
    if (!call->in_body || call->window_bytes * 1000 < window * BYTES_PER_SECOND_MIN) return 1;
    call->window_ms = now;
    call->window_bytes = 0;
    return 0;
}

/* libcurl calls this several times a second, also while nothing comes. */
static int watch(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                 curl_off_t up) {
    (void)down_total, (void)down, (void)up_total, (void)up;
    struct call *call = user;
    if (!call->status) call->status = hub_http_report(call->http, call->err);
    uint64_t now = now_ms();
    call->silent = now - call->http->touched_ms > call->http->patience_ms;
    call->slow = !call->silent && is_slow(call, now);
    return call->status || call->silent || call->slow;
}

/* Adds "name: value" to `list`; 0 when memory ran out. */
static int add_header(struct curl_slist **list, const char *name, const char *value) {
    struct buffer line = {0};
    buffer_format(&line, "%s: %s", name, value);
    struct curl_slist *longer = line.failed ? NULL : curl_slist_append(*list, line.data);
    buffer_free(&line);
    if (longer) *list = longer;
    return longer != NULL;
}

static int add_headers(const struct hub_http *http, const struct hub_request *request,
                       struct curl_slist **list) {
    const pst_hub_options *options = http->options;
    int added = add_header(list, "Accept-Encoding", "identity");
    if (added && request->offset) {
        /* Not CURLOPT_RESUME_FROM: libcurl would take a server that ignores it for an error. */
        char range[40];
        snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)request->offset);
        added = add_header(list, "Range", range);
    }
    if (added && options->token && *options->token &&
        hub_http_same_origin(request->url, http->endpoint)) {
        struct buffer bearer = {0};
        buffer_format(&bearer, "Bearer %s", options->token);
        added = !bearer.failed && add_header(list, "Authorization", bearer.data);
        buffer_free(&bearer);
    }
    return added;
}

static void set_up(struct call *call, struct curl_slist *headers, char *curl_error) {
    struct hub_http *http = call->http;
    const pst_hub_options *options = http->options;
    const char *agent = options->user_agent ? options->user_agent : "potstill/" PST_VERSION;
    CURL *curl = http->curl;
    curl_easy_reset(curl); /* connections stay open */
    curl_easy_setopt(curl, CURLOPT_URL, call->request->url);
    curl_easy_setopt(curl, CURLOPT_NOBODY, call->request->sink ? 0L : 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, agent);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (options->ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* a library leaves signals alone */
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's are not the hub's */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)http->patience_ms);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, BODY_CHUNK_BYTES);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_error);
}

static int is_cut(CURLcode code) {
    static const CURLcode cuts[] = {CURLE_PARTIAL_FILE, CURLE_RECV_ERROR,         CURLE_SEND_ERROR,
                                    CURLE_GOT_NOTHING,  CURLE_OPERATION_TIMEDOUT, CURLE_HTTP2,
                                    CURLE_HTTP2_STREAM};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
        if (code == cuts[i]) return 1;
    return 0;
}

/* What the result of libcurl means; `err` is filled when it is a failure. */
static enum hub_outcome outcome_of(struct call *call, CURLcode code, const char *curl_error) {
    if (code == CURLE_OK && call->reply->status) return HUB_ANSWERED;
    if (call->status) return HUB_FAILED; /* the error is filled already */
    if (call->unwanted && call->reply->status) return HUB_ANSWERED;
    char *host = hub_http_host(call->request->url);
    const char *name = host ? host : "the hub";
    const char *why = *curl_error ? curl_error : curl_easy_strerror(code);
    double window = WINDOW_PATIENCES * (call->http->patience_ms / 1000.0);
    if (call->silent)
        error_set(call->err, PST_ERR_IO, "%s: sent nothing for %.1f seconds", name,
                  call->http->patience_ms / 1000.0);
    else if (call->slow && call->in_body)
        error_set(call->err, PST_ERR_IO, "%s: sent less than %d bytes a second for %.1f seconds",
                  name, BYTES_PER_SECOND_MIN, window);
    else if (call->slow)
        error_set(call->err, PST_ERR_IO, "%s: gave no whole answer within %.1f seconds", name,
                  window);
    else
        error_set(call->err, PST_ERR_IO, "%s: %s", name,
                  code == CURLE_OK ? "sent no status line" : why);
    free(host);
    return call->silent || call->slow || is_cut(code) ? HUB_CUT : HUB_FAILED;
}

/* What should be encrypted is not sent in clear. */
static pst_status check_url(const struct hub_http *http, const char *url, pst_error *err) {
    if (has_scheme(url, "https")) return PST_OK;
    if (has_scheme(url, "http") && has_scheme(http->endpoint, "http")) return PST_OK;
    char *host = hub_http_host(url);
    pst_status status =
        error_set(err, PST_ERR_IO, "%s points to an address at %s that is not https",
                  http->endpoint, host ? host : "no host");
    free(host);
    return status;
}

enum hub_outcome hub_http_send(struct hub_http *http, const struct hub_request *request,
                               struct hub_reply *reply, pst_error *err) {
    char curl_error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    struct call call = {.http = http, .request = request, .reply = reply, .err = err};
    const pst_hub_options *options = http->options;
    uint32_t patience = request->sink ? options->download_timeout_ms : options->etag_timeout_ms;
    http->patience_ms = patience ? patience : PATIENCE_MS;
    hub_reply_clear(reply);
    if (check_url(http, request->url, err)) return HUB_FAILED;
    enum hub_outcome outcome = HUB_FAILED;
    if (add_headers(http, request, &headers)) {
        set_up(&call, headers, curl_error);
        http->touched_ms = call.window_ms = now_ms();
        outcome = outcome_of(&call, curl_easy_perform(http->curl), curl_error);
    } else {
        error_memory(err, 0);
    }
    curl_slist_free_all(headers);
    return outcome;
}
