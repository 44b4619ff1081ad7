/* cmd_serve.c - transcriptions over HTTP, by the API that clients of OpenAI's speak.
 *
 * What is said of a server on the command line becomes its parts here; http/ runs it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command_table.h"
#include "console.h"
#include "decoding.h"
#include "engine.h"
#include "environment.h"
#include "locate.h"
#include "speech_choice.h"
#include "transcribe/subtitle_choice.h"

#ifdef POTSTILL_HTTP
#include "http/http_daemon.h"
#include "http/passed_socket.h"
#include "http/sandbox.h"
#include "http/serve_run.h"
#endif

static int run(const void *values, char **operands, int operand_count);

struct values {
    struct engine_choice engine;
    struct decoding_choice decoding;
    struct speech_choice speech;
    struct subtitle_choice subtitles;
    struct option_texts adapters, aliases, origins;
    const char *adapter_folder, *host, *key_file, *admin_key_file, *upload_folder, *language;
    int64_t port, connections, live; /* -1: not given */
    double upload_mib, audio_seconds, queue_seconds, deadline, live_idle, drain_delay, drain;
    int insecure, sandbox, ffmpeg;
};

/* Realtime sessions that may be there: a core carries three times as many that speak without a
 * pause to Moonshine tiny, and about so many to the base model, which computes thrice as much. */
enum { LIVE_PER_THREAD = 8 };

static const struct values defaults = {
    .engine = {.precision = PST_PRECISION_AUTO},
    .decoding = {DECODING_NOTHING_CHOSEN},
    .speech = SPEECH_CHOICE(400), /* as of transcribe, whose texts these are */
    .subtitles = SUBTITLE_CHOICE,
    .host = "127.0.0.1",
    .port = 8080,
    .upload_folder = "/tmp",
    .language = "en",
    .connections = 512,
    .live = -1,
    .live_idle = 300,
    .upload_mib = 25, /* OpenAI's own limit */
    .audio_seconds = 4 * 3600,
    .queue_seconds = 4 * 3600,
    .drain = 30,
};

#define AT(field) offsetof(struct values, field)
static const struct option options[] = {
    {"model", 0, OPTION_TEXT, "M", AT(engine.model),
     "model: folder, imported name or hub id (default: $POTSTILL_MODEL, else moonshine-tiny)"},
    {"adapter", 0, OPTION_TEXTS, "NAME=DIR[:WEIGHT]", AT(adapters),
     "an adapter that requests may name as their model: folder or hub id, its scale times WEIGHT "
     "(default: 1); again for more"},
    {"adapter-dir", 0, OPTION_TEXT, "DIR", AT(adapter_folder),
     "every folder in DIR is an adapter by its name; with an admin key they are loaded and "
     "unloaded while the server runs"},
    {"alias", 0, OPTION_TEXTS, "NAME", AT(aliases),
     "a name that means the model as well, as whisper-1, for clients that cannot be told another; "
     "again for more"},
    {"language", 0, OPTION_TEXT, "L", AT(language),
     "the language of the model: requests for another are refused (default: en)"},
    {0},
};

static const struct option server_options[] = {
    {"host", 0, OPTION_TEXT, "H", AT(host), "address to listen on (default: 127.0.0.1)"},
    {"port", 0, OPTION_COUNT, "N", AT(port), "port; 0: any that is free (default: 8080)"},
    {"api-key-file", 0, OPTION_TEXT, "F", AT(key_file),
     "keys, one a line: requests need one of them (default: none is needed)"},
    {"admin-key-file", 0, OPTION_TEXT, "F", AT(admin_key_file),
     "keys of those who may load and unload adapters (default: nobody may)"},
    {"insecure", 0, OPTION_FLAG, NULL, AT(insecure),
     "listen where others can reach it without --api-key-file"},
    {"sandbox", 0, OPTION_FLAG, NULL, AT(sandbox),
     "before it listens give up, for good, all files but --adapter-dir, keys and uploads, all "
     "programs and all connections of its own (Linux)"},
    {"ffmpeg", 0, OPTION_FLAG, NULL, AT(ffmpeg),
     "take what libsndfile does not read as well (m4a, mp4, webm ...), through the program ffmpeg "
     "on the PATH"},
    {"upload-dir", 0, OPTION_TEXT, "DIR", AT(upload_folder),
     "folder for files while they are transcribed (default: /tmp)"},
    {"max-upload-mib", 0, OPTION_NUMBER, "X", AT(upload_mib),
     "largest body that is taken, in MiB (default: 25)"},
    {"max-audio-seconds", 0, OPTION_NUMBER, "S", AT(audio_seconds),
     "longest sound that is taken (default: 14400)"},
    {"max-queue-seconds", 0, OPTION_NUMBER, "S", AT(queue_seconds),
     "sound that may wait; what is more is told to come back later (default: 14400)"},
    {"max-connections", 0, OPTION_COUNT, "N", AT(connections),
     "connections at a time (default: 512)"},
    {"max-realtime", 0, OPTION_COUNT, "N", AT(live),
     "realtime sessions at a time; 0: none (default: 8 for each of --threads)"},
    {"realtime-idle", 0, OPTION_NUMBER, "S", AT(live_idle),
     "a realtime session ends when nothing has come for so long; 0: never (default: 300)"},
    {"origin", 0, OPTION_TEXTS, "ORIGIN", AT(origins),
     "https://HOST whose pages may begin realtime sessions, besides this server's own; again for "
     "more"},
    {"timeout", 0, OPTION_NUMBER, "S", AT(deadline),
     "longest time of a request, from its head; 0: any (default: 0)"},
    {"drain-delay", 0, OPTION_NUMBER, "S", AT(drain_delay),
     "at the end: time in which /readyz says no already and requests are still taken (default: 0)"},
    {"drain-timeout", 0, OPTION_NUMBER, "S", AT(drain),
     "then: time in which what is at work may be done (default: 30)"},
    {0},
};

const struct command command_serve = {
    .name = "serve",
    .synopsis = "",
    .summary = "transcribe over HTTP, as OpenAI's API does",
    .details = "Answers what clients of OpenAI's audio API ask, with one model and any number of\n"
               "adapters on it. Texts are those of potstill transcribe.\n"
               "\n"
               "POST /v1/audio/transcriptions  a file to text: json, text, srt, vtt,\n"
               "                               verbose_json, or as a stream of events; model is\n"
               "                               the model, an adapter, or several: a+b:0.5\n"
               "WS   /v1/realtime              sound as it comes, to text as it is spoken\n"
               "GET  /v1/models                the model and its adapters\n"
               "POST /v1/load_lora_adapter, /v1/unload_lora_adapter\n"
               "                               {\"lora_name\": NAME}, with an admin key\n"
               "GET  /healthz, /readyz         does it run; shall more be sent\n"
               "GET  /metrics                  for Prometheus; with a key if not on this machine\n"
               "\n"
               "Each request is a line of JSON on standard error. SIGTERM ends the server when\n"
               "what is at work is done, SIGHUP reads keys and new adapters. It speaks HTTP\n"
               "alone: on a network let a proxy with TLS stand before it.",
    .groups =
        {
            {"Options", options, 0},
            {NULL, engine_processor_options, AT(engine)},
            {"Server", server_options, 0},
            {"Computing", engine_model_options, AT(engine)},
            {NULL, engine_adapter_options, AT(engine)},
            {NULL, engine_compute_options, AT(engine)},
            {"Speech and subtitles", speech_guard_options, AT(speech)},
            {NULL, detector_options, AT(speech)},
            {NULL, speech_options, AT(speech)},
            {NULL, subtitle_layout_options, AT(subtitles)},
            {"Decoding, as in transformers", decoding_options, AT(decoding)},
        },
    .operands_max = 0,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = run,
};

/* False for NAN. */
static int is_within(double value, double least, double most) {
    return value >= least && value <= most;
}

static int check(const struct values *values) {
    enum { SECONDS_MAX = 1000 * 3600, MIB_MAX = 16 * 1024 };
    if (values->ffmpeg && values->sandbox)
        return usage_error(&command_serve, "--ffmpeg: --sandbox lets no program be started");
    if (values->port > 65535) return usage_error(&command_serve, "--port: expected 0 to 65535");
    if (!is_within(values->upload_mib, 0.001, MIB_MAX))
        return usage_error(&command_serve, "--max-upload-mib: expected 0.001 to %d", MIB_MAX);
    if (!is_within(values->audio_seconds, 1, SECONDS_MAX) ||
        !is_within(values->queue_seconds, 1, SECONDS_MAX))
        return usage_error(&command_serve,
                           "--max-audio-seconds and --max-queue-seconds: expected 1 to %d",
                           SECONDS_MAX);
    if (!is_within(values->deadline, 0, SECONDS_MAX) || !is_within(values->drain, 0, SECONDS_MAX) ||
        !is_within(values->drain_delay, 0, SECONDS_MAX) ||
        !is_within(values->live_idle, 0, SECONDS_MAX))
        return usage_error(&command_serve,
                           "--timeout, --drain-delay, --drain-timeout and --realtime-idle: "
                           "expected 0 to %d",
                           SECONDS_MAX);
    if (values->live > 10000)
        return usage_error(&command_serve, "--max-realtime: expected 0 to 10000");
    if (values->connections < 10 || values->connections > 100000)
        return usage_error(&command_serve, "--max-connections: expected 10 to 100000");
    int code = subtitle_choice_check(&command_serve, &values->subtitles);
    return code ? code : decoding_check(&command_serve, &values->decoding);
}

#ifdef POTSTILL_HTTP

static int put_adapter(struct adapter_shelf *shelf, const struct environment *environment,
                       const char *text) {
    pst_error err;
    double weight;
    char *dir = NULL, *name = text_format("%s", text), *equals = strchr(name, '=');
    int code = 0;
    if (equals) *equals = '\0';
    if (!equals || !adapter_name_is_valid(name) || strcmp(name, shelf->base) == 0)
        code =
            usage_error(&command_serve,
                        "--adapter %s: expected NAME=DIR, with a name of letters, digits, \".\", "
                        "\"_\" and \"-\" that is not the model's",
                        text);
    char *place = code ? NULL : locate_split_weight(equals + 1, &weight);
    if (!code) code = locate(environment, place, PST_FIND_ADAPTER, NULL, &dir);
    if (!code && adapter_shelf_put(shelf, name, dir, weight, &err)) code = fail_model(&err);
    pst_free(dir);
    free(place);
    free(name);
    return code;
}

static int fill_shelf(struct adapter_shelf *shelf, const struct engine *engine,
                      const struct values *values) {
    int code = 0;
    adapter_shelf_open(shelf);
    for (size_t i = 0; i < values->adapters.count && !code; i++)
        code = put_adapter(shelf, &engine->environment, values->adapters.items[i]);
    if (!code) adapter_shelf_load_all(shelf);
    return code;
}

/* As many as a session would have threads. */
static int count_workers(struct engine *engine, const struct values *values, size_t *workers) {
    int code = engine_open_session(engine, &values->engine);
    if (code) return code;
    *workers = pst_session_threads(engine->session);
    pst_session_free(engine->session);
    engine->session = NULL;
    return 0;
}

static struct server_settings settings_of(const struct values *values, size_t workers, int socket) {
    return (struct server_settings){
        .host = values->host,
        .port = (unsigned)values->port,
        .socket = socket,
        .key_file = values->key_file,
        .admin_key_file = values->admin_key_file,
        .upload_folder = values->upload_folder,
        .upload_bytes_max = (uint64_t)(values->upload_mib * 1024 * 1024),
        .queue_seconds_max = values->queue_seconds,
        .deadline_seconds = values->deadline,
        .drain_delay_seconds = values->drain_delay,
        .drain_seconds = values->drain,
        .connections_max = (unsigned)values->connections,
        .live_max = values->live < 0 ? LIVE_PER_THREAD * workers : (size_t)values->live,
        .live_idle_seconds = values->live_idle,
        .origins = values->origins.items,
        .origin_count = values->origins.count,
        .workers = workers < WORK_WORKERS_MAX ? workers : WORK_WORKERS_MAX,
        .local = http_host_is_local(values->host, socket),
    };
}

/* With uploads in a folder of the process's own, where it has a sandbox. */
static int run_server(struct server *server, struct server_settings *settings, int sandbox) {
    if (!sandbox) return serve_run(server);
    char *folder = sandbox_make_folder(settings->upload_folder);
    if (!folder) return EXIT_ENVIRONMENT;
    settings->sandboxed_in = settings->upload_folder;
    settings->upload_folder = folder;
    int code = serve_run(server);
    rmdir(folder);
    free(folder);
    return code;
}

static int serve(const struct values *values, struct engine *engine,
                 const struct decoding *decoding, const pst_vad *vad) {
    struct server server = {.settings = NULL};
    pst_audio_options audio;
    size_t workers = 0;
    int socket, code = count_workers(engine, values, &workers);
    if (!code) code = passed_socket(&socket);
    if (code) return code;
    struct server_settings settings = settings_of(values, workers, socket);
    if (!settings.local && !values->key_file && !values->insecure)
        return usage_error(&command_serve,
                           "%s%s can be reached by others: expected --api-key-file, or "
                           "--insecure",
                           socket < 0 ? "--host " : "the socket that was passed",
                           socket < 0 ? values->host : "");
    char *ffmpeg = values->ffmpeg ? environment_program("ffmpeg") : NULL;
    if (values->ffmpeg && !ffmpeg)
        return fail(EXIT_ENVIRONMENT, "--ffmpeg: this program is not on the PATH");
    pst_audio_options_init(&audio);
    audio.seconds_max = values->audio_seconds;
    audio.ffmpeg = ffmpeg;
    char *base = adapter_shelf_root(engine->model_name);
    server.settings = &settings;
    server.transcriber =
        (struct transcriber){.model = engine->model,
                             .vad = vad,
                             .decode = &decoding->options,
                             .audio = &audio,
                             .language = values->language,
                             .guard = !values->speech.no_guard,
                             .subtitles = subtitle_choice_style(&values->subtitles)};
    server.shelf = (struct adapter_shelf){.model = engine->model,
                                          .base = base,
                                          .aliases = values->aliases.items,
                                          .alias_count = values->aliases.count,
                                          .folder = values->adapter_folder,
                                          .adapter_scale = values->engine.adapter_scale,
                                          .created = (long)time(NULL)};
    code = fill_shelf(&server.shelf, engine, values);
    if (!code) code = run_server(&server, &settings, values->sandbox);
    adapter_shelf_close(&server.shelf);
    free(base);
    free(ffmpeg);
    return code;
}

#else

static int serve(const struct values *values, struct engine *engine,
                 const struct decoding *decoding, const pst_vad *vad) {
    (void)values, (void)engine, (void)decoding, (void)vad;
    return fail(EXIT_ENVIRONMENT, "this program was built without libmicrohttpd and libwslay: it "
                                  "cannot serve");
}

#endif

static int run(const void *chosen, char **operands, int operand_count) {
    const struct values *values = chosen;
    struct engine engine = {.model = NULL};
    struct decoding decoding = {.options = {0}};
    pst_vad *vad = NULL;
    (void)operands, (void)operand_count;
    int code = check(values);
    if (code) return code;
    struct engine_choice choice = values->engine;
    choice.read_files = 1; /* files may change under a server */
    code = engine_open(&engine, &choice, "serve");
    if (!code) code = decoding_build(&decoding, &values->decoding, engine.model);
    if (!code)
        code = speech_open(&values->speech, &engine.environment, engine.model_dir, 0, NULL, &vad);
    if (!code) code = serve(values, &engine, &decoding, vad);
    pst_vad_free(vad);
    decoding_free(&decoding);
    engine_close(&engine);
    return code;
}
