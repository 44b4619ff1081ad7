/* routes.c - see routes.h. */
#include "http/routes.h"

#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "http/front_page.h"
#include "json_text.h"

static struct reply reply_text(int status, const char *text) {
    return (struct reply){.status = status,
                          .content_type = "text/plain; charset=utf-8",
                          .body = text_format("%s\n", text),
                          .length = strlen(text) + 1};
}

/* ------------------------------------------------------------------------------------ operation */

static struct reply answer_health(struct server *server, const char *rest, const char *body,
                                  size_t length) {
    (void)server, (void)rest, (void)body, (void)length;
    return reply_text(200, "ok");
}

/* For load balancers: whether to send more. */
static struct reply answer_ready(struct server *server, const char *rest, const char *body,
                                 size_t length) {
    (void)rest, (void)body, (void)length;
    if (atomic_load(&server->draining)) return reply_text(503, "draining");
    pthread_mutex_lock(&server->queue.mutex);
    int full = server->queue.seconds >= server->queue.seconds_max;
    pthread_mutex_unlock(&server->queue.mutex);
    return full ? reply_text(503, "busy") : reply_text(200, "ready");
}

static struct reply answer_metrics(struct server *server, const char *rest, const char *body,
                                   size_t length) {
    struct reply reply = {.status = 200, .content_type = "text/plain; version=0.0.4"};
    struct metric_gauges gauges = {.adapters = adapter_shelf_count(&server->shelf),
                                   .connections = connections_count(&server->connections),
                                   .live = live_slots_count(&server->live),
                                   .draining = atomic_load(&server->draining)};
    (void)rest, (void)body, (void)length;
    pthread_mutex_lock(&server->queue.mutex);
    gauges.queued = server->queue.length;
    gauges.queued_seconds = server->queue.seconds;
    pthread_mutex_unlock(&server->queue.mutex);
    FILE *stream = need(open_memstream(&reply.body, &reply.length));
    metrics_print(&server->metrics, &gauges, stream);
    fclose(stream);
    need(reply.body);
    return reply;
}

/* --------------------------------------------------------------------------------------- models */

static struct reply answer_models(struct server *server, const char *rest, const char *body,
                                  size_t length) {
    (void)rest, (void)body, (void)length;
    return reply_json(200, adapter_shelf_models(&server->shelf, NULL));
}

static struct reply no_model(const char *name) {
    struct api_error error = {.status = 0};
    api_error_set(&error, 404, "model_not_found", "model", "there is no model '%.100s' here", name);
    return reply_error(&error);
}

static struct reply answer_model(struct server *server, const char *rest, const char *body,
                                 size_t length) {
    json_t *entry = adapter_shelf_models(&server->shelf, rest);
    (void)body, (void)length;
    return entry ? reply_json(200, entry) : no_model(rest);
}

static struct reply refuse(const char *param, const char *message) {
    struct api_error error = {.status = 0};
    api_error_set(&error, 400, "invalid_value", param, "%s", message);
    return reply_error(&error);
}

/* vLLM's two calls; `lora_path` is the name of a folder here. */
static struct reply answer_load(struct server *server, const char *rest, const char *body,
                                size_t length) {
    pst_error err;
    json_t *object = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(object, "lora_name"));
    const char *path = json_string_value(json_object_get(object, "lora_path"));
    struct reply reply;
    (void)rest;
    if (!name)
        reply = refuse("lora_name", "lora_name: expected an object with the name of an adapter");
    else if (adapter_shelf_load(&server->shelf, name, path ? path : name, &err))
        reply = refuse("lora_name", err.message);
    else
        reply = reply_json(200, adapter_shelf_models(&server->shelf, name));
    json_decref(object);
    return reply;
}

static struct reply answer_unload(struct server *server, const char *rest, const char *body,
                                  size_t length) {
    json_t *object = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
    const char *name = json_string_value(json_object_get(object, "lora_name"));
    struct reply reply;
    (void)rest;
    if (!name)
        reply = refuse("lora_name", "lora_name: expected an object with the name of an adapter");
    else if (!adapter_shelf_take_off(&server->shelf, name))
        reply = no_model(name);
    else
        reply = reply_json(200, json_pack("{s:s, s:b}", "id", name, "deleted", 1));
    json_decref(object);
    return reply;
}

static struct reply answer_translations(struct server *server, const char *rest, const char *body,
                                        size_t length) {
    (void)server, (void)rest, (void)body, (void)length;
    return refuse("model", "this model does not translate");
}

/* ----------------------------------------------------------------------------------------- page */

static struct reply answer_page(struct server *server, const char *rest, const char *body,
                                size_t length) {
    (void)server, (void)rest, (void)body, (void)length;
    return front_page_reply();
}

static struct reply answer_worklet(struct server *server, const char *rest, const char *body,
                                   size_t length) {
    (void)server, (void)rest, (void)body, (void)length;
    return front_page_worklet();
}

static struct reply answer_api(struct server *server, const char *rest, const char *body,
                               size_t length) {
    (void)server, (void)rest, (void)body, (void)length;
    return front_page_api();
}

/* ---------------------------------------------------------------------------------------- table */

static const struct route routes[] = {
    {"POST", "/v1/audio/transcriptions", ROUTE_TRANSCRIBE, KEY_CLIENT, NULL},
    {"GET", "/v1/realtime", ROUTE_LIVE, KEY_CLIENT, NULL},
    {"POST", "/v1/audio/translations", ROUTE_PLAIN, KEY_CLIENT, answer_translations},
    {"GET", "/v1/models", ROUTE_PLAIN, KEY_CLIENT, answer_models},
    {"GET", "/v1/models/", ROUTE_PLAIN, KEY_CLIENT, answer_model},
    {"POST", "/v1/load_lora_adapter", ROUTE_PLAIN, KEY_ADMIN, answer_load},
    {"POST", "/v1/unload_lora_adapter", ROUTE_PLAIN, KEY_ADMIN, answer_unload},
    {"GET", "/healthz", ROUTE_PLAIN, KEY_NONE, answer_health},
    {"GET", "/readyz", ROUTE_PLAIN, KEY_NONE, answer_ready},
    {"GET", "/metrics", ROUTE_PLAIN, KEY_METRICS, answer_metrics},
    {"GET", "/", ROUTE_PLAIN, KEY_NONE, answer_page},
    {"GET", "/microphone.js", ROUTE_PLAIN, KEY_NONE, answer_worklet},
    {"GET", "/openapi.json", ROUTE_PLAIN, KEY_NONE, answer_api},
};

/* Whether the path is the route's, and what is behind it. */
static const char *rest_of(const struct route *route, const char *path) {
    size_t length = strlen(route->path);
    int open = length > 1 && route->path[length - 1] == '/';
    if (strncmp(path, route->path, length) != 0) return NULL;
    return open == (path[length] != '\0') ? path + length : NULL;
}

const struct route *route_find(const char *method, const char *path, const char **rest,
                               const char **allow, struct api_error *error) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        *rest = rest_of(&routes[i], path);
        if (!*rest) continue;
        if (strcmp(routes[i].method, wanted) == 0) return &routes[i];
        *allow = routes[i].method[0] == 'G' ? "GET, HEAD" : "POST";
        api_error_set(error, 405, "method_not_allowed", NULL, "%.20s: expected %s", method, *allow);
        return NULL;
    }
    api_error_set(error, 404, "not_found", NULL, "there is nothing at %.100s", path);
    return NULL;
}
