/* report_driver.c - a JSON list on standard input to the report that run-stt writes, for Python to
 * compare: [model_id, adapter_dir, processor_dir, device, [[prediction, reference, audio_path,
 * error], ...]], each a string or null. */
#include <jansson.h>
#include <stdio.h>

#include "cli/commands/report.h"

static const char *text_at(const json_t *list, size_t index) {
    return json_string_value(json_array_get(list, index));
}

int main(void) {
    json_t *input = json_loadf(stdin, 0, NULL);
    const json_t *samples = json_array_get(input, 4);
    struct report report = {.model_id = text_at(input, 0),
                            .adapter_dir = text_at(input, 1),
                            .processor_dir = text_at(input, 2),
                            .device = text_at(input, 3)};
    pst_error err;
    pst_status status = PST_OK;
    report_open(&report);
    for (size_t i = 0; !status && i < json_array_size(samples); i++) {
        const json_t *item = json_array_get(samples, i);
        const struct report_sample sample = {text_at(item, 0), text_at(item, 1), text_at(item, 2),
                                             text_at(item, 3)};
        status = report_add(&report, &sample, &err);
    }
    if (status)
        fprintf(stderr, "%s\n", err.message);
    else
        report_print(&report, stdout);
    report_close(&report);
    json_decref(input);
    return status != PST_OK;
}
