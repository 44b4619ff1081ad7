/* transcription_form.c - see transcription_form.h. */
#include "serve/transcription_form.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "options.h"

/* One field on its way into the form. */
struct field {
    struct transcription_form *form;
    const char *name, *value, *language;
    struct api_error *error;
};

static int refuse(const struct field *field, const char *param, const char *expected) {
    return api_error_set(field->error, 400, "invalid_value", param, "%s: '%.100s': expected %s",
                         param, field->value, expected);
}

static int set_model(const struct field *field) {
    size_t length = strlen(field->value);
    if (length == 0 || length > FORM_MODEL_MAX)
        return refuse(field, "model", "the name of a model of /v1/models");
    memcpy(field->form->model, field->value, length + 1);
    return 0;
}

static int set_format(const struct field *field) {
    static const char *const names[] = {"json", "text", "srt", "vtt", "verbose_json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(field->value, names[i]) == 0) {
            field->form->format = (enum reply_format)i;
            return 0;
        }
    return refuse(field, "response_format", "json, text, srt, vtt or verbose_json");
}

static int set_language(const struct field *field) {
    if (strcasecmp(field->value, field->language) == 0) return 0;
    return api_error_set(field->error, 400, "invalid_value", "language",
                         "language: '%.100s': this model knows one language, %s", field->value,
                         field->language);
}

static int set_temperature(const struct field *field) {
    double number;
    if (parse_number(field->value, &number) && number == 0) return 0;
    return refuse(field, "temperature", "0: nothing is drawn at random here");
}

static int set_granularity(const struct field *field) {
    if (strcmp(field->value, "word") == 0)
        field->form->words = 1;
    else if (strcmp(field->value, "segment") == 0)
        field->form->segments = 1;
    else
        return refuse(field, "timestamp_granularities", "word or segment");
    return 0;
}

static int set_stream(const struct field *field) {
    const char *value = field->value;
    int on = strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!on && strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return refuse(field, "stream", "true or false");
    field->form->stream = on;
    return 0;
}

static int set_chunking(const struct field *field) {
    if (strcmp(field->value, "auto") == 0) return 0;
    return refuse(field, "chunking_strategy", "auto: the pauses are found as they are");
}

static int set_include(const struct field *field) {
    if (strcmp(field->value, "logprobs") != 0) return refuse(field, "include[]", "logprobs");
    field->form->logprobs = 1;
    return 0;
}

static int set_prompt(const struct field *field) {
    field->form->has_prompt = 1;
    return 0;
}

static int set_file(const struct field *field) {
    return refuse(field, "file", "a part with a file name");
}

static const struct {
    const char *name;
    int (*set)(const struct field *field);
} fields[] = {
    {"model", set_model},
    {"file", set_file},
    {"response_format", set_format},
    {"language", set_language},
    {"temperature", set_temperature},
    {"timestamp_granularities[]", set_granularity},
    {"timestamp_granularities", set_granularity},
    {"stream", set_stream},
    {"chunking_strategy", set_chunking},
    {"prompt", set_prompt},
    {"include[]", set_include},
    {"include", set_include},
};

/* Of OpenAI's API, and not of this server. */
static const char *const unsupported[] = {"keywords[]",
                                          "keywords",
                                          "languages[]",
                                          "languages",
                                          "known_speaker_names[]",
                                          "known_speaker_references[]",
                                          "hotwords",
                                          "known_speakers"};

int form_set(struct transcription_form *form, const char *name, const char *value,
             const char *language, struct api_error *error) {
    const struct field field = {form, name, value, language, error};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(name, fields[i].name) == 0) return fields[i].set(&field);
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (strcmp(name, unsupported[i]) == 0)
            return api_error_set(error, 400, "unsupported_parameter", unsupported[i],
                                 "%s: this server does not have it", name);
    return api_error_set(error, 400, "unknown_parameter", NULL, "there is no field '%.100s'", name);
}

int form_check(const struct transcription_form *form, struct api_error *error) {
    static const char missing[] = "missing_required_parameter";
    if (!form->has_file)
        return api_error_set(error, 400, missing, "file", "file: expected a part with a file");
    if (!form->model[0])
        return api_error_set(error, 400, missing, "model", "model: expected its name");
    if ((form->words || form->segments) && form->format != REPLY_VERBOSE_JSON)
        return api_error_set(error, 400, "invalid_value", "timestamp_granularities",
                             "timestamp_granularities: expected response_format verbose_json");
    if (form->stream && form->format != REPLY_JSON && form->format != REPLY_TEXT)
        return api_error_set(error, 400, "invalid_value", "stream",
                             "stream: expected response_format json or text");
    if (form->logprobs && form->format != REPLY_JSON)
        return api_error_set(error, 400, "invalid_value", "include[]",
                             "include[]: expected response_format json");
    return 0;
}
