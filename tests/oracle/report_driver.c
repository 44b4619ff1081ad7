/* report_driver.c - a JSON list on standard input to the report the library writes, for Python to
 * compare: [model_id, adapter_dir, processor_dir, device, [[prediction, reference, audio_path,
 * error], ...]], each a string or null. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "potstill.h"

static const char *text_at(const json_t *list, size_t index) {
    return json_string_value(json_array_get(list, index));
}

static pst_status fill(const json_t *input, pst_report **report, pst_error *err) {
    pst_status status = pst_report_new(text_at(input, 0), text_at(input, 1), text_at(input, 2),
                                       text_at(input, 3), report, err);
    const json_t *samples = json_array_get(input, 4);
    for (size_t i = 0; !status && i < json_array_size(samples); i++) {
        const json_t *item = json_array_get(samples, i);
        pst_report_sample sample = {.prediction = text_at(item, 0),
                                    .reference = text_at(item, 1),
                                    .audio_path = text_at(item, 2),
                                    .error = text_at(item, 3)};
        status = pst_report_add(*report, &sample, err);
    }
    return status;
}

int main(void) {
    json_t *input = json_loadf(stdin, 0, NULL);
    pst_report *report = NULL;
    pst_error err = {0};
    char *json = NULL;
    pst_status status = fill(input, &report, &err);
    if (!status) status = pst_report_json(report, &json, &err);
    if (status)
        fprintf(stderr, "%s\n", err.message);
    else
        fputs(json, stdout);
    free(json);
    pst_report_free(report);
    json_decref(input);
    return status != PST_OK;
}
