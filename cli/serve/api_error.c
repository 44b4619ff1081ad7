/* api_error.c - see api_error.h. */
#include "serve/api_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console.h"
#include "json_text.h"

int api_error_set(struct api_error *error, int status, const char *code, const char *param,
                  const char *format, ...) {
    if (error->status) return -1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    error->status = status;
    error->code = code;
    error->param = param;
    return -1;
}

void api_error_of_library(struct api_error *error, const pst_error *err, char *detail) {
    snprintf(detail, sizeof err->message, "%s", err->message);
    switch (err->code) {
    case PST_ERR_INPUT:
        api_error_set(error, 400, "invalid_value", "file", "%s", err->message);
        break;
    case PST_ERR_ARGUMENT:
        api_error_set(error, 400, "invalid_value", "model", "%s", err->message);
        break;
    case PST_ERR_MEMORY:
        api_error_set(error, 503, "server_overloaded", NULL, "there is no memory for this now");
        break;
    default: api_error_set(error, 500, NULL, NULL, "the server failed; its log says why"); break;
    }
}

static const char *type_of(int status) {
    if (status == 401) return "authentication_error";
    if (status == 429) return "rate_limit_exceeded";
    return status >= 500 ? "server_error" : "invalid_request_error";
}

static json_t *text_or_null(const char *text) {
    return text ? json_text(text) : json_null();
}

json_t *api_error_json(const struct api_error *error) {
    json_t *inner = need(json_object());
    json_object_set_new(inner, "message", json_text(error->message));
    json_object_set_new(inner, "type", json_text(type_of(error->status)));
    json_object_set_new(inner, "param", text_or_null(error->param));
    json_object_set_new(inner, "code", text_or_null(error->code));
    return inner;
}

char *api_error_body(const struct api_error *error) {
    json_t *outer = need(json_object());
    json_object_set_new(outer, "error", api_error_json(error));
    char *body = need(json_dumps(outer, 0));
    json_decref(outer);
    return body;
}
