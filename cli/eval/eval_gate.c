/* eval_gate.c - see eval_gate.h. */
#include "eval/eval_gate.h"

#include <stdlib.h>

#include "console.h"
#include "whole_file.h"

int eval_gate_check(const struct eval_gate *gate) {
    if (gate->max_wer < 0)
        return fail(EXIT_USAGE, "eval: --max-wer: expected 0 or more, as 0.08 for 8 %%");
    if (!isnan(gate->margin) && !gate->no_worse_than)
        return fail(EXIT_USAGE, "eval: --margin goes with --no-worse-than");
    if (gate->margin < 0) return fail(EXIT_USAGE, "eval: --margin: expected 0 points or more");
    return 0;
}

int eval_gate_read(const struct eval_gate *gate, double *wer) {
    char *text = NULL;
    size_t size;
    if (!gate->no_worse_than) return 0;
    char *why = whole_file_read(gate->no_worse_than, EVAL_SET_BYTES_MAX, &text, &size);
    int code = why ? fail(EXIT_INPUTS, "%s", why) : 0;
    json_t *results = code ? NULL : json_loadb(text, size, 0, NULL);
    const json_t *systems = json_object_get(results, "systems");
    const json_t *last = json_array_get(systems, json_array_size(systems) - 1);
    const json_t *value = json_object_get(json_object_get(last, "wer"), "value");
    if (!code && !json_is_number(value))
        code = fail(EXIT_INPUTS,
                    "%s: has no word error rate, expected the results.json of an "
                    "evaluation",
                    gate->no_worse_than);
    if (wer) *wer = json_number_value(value);
    json_decref(results);
    free(why);
    free(text);
    return code;
}

/* A rate that is not known passes no gate. */
int eval_gate_judge(const struct eval_gate *gate, const struct evaluation *evaluation) {
    const struct eval_system *system = &evaluation->systems[evaluation->count - 1];
    double wer = evaluation->scores[evaluation->count - 1].wer.value, other = 0;
    if (!isnan(gate->max_wer) && !(wer <= gate->max_wer))
        return fail(EXIT_THRESHOLD, "%s: word error rate %.2f %%, expected at most %.2f %%",
                    system->name, 100 * wer, 100 * gate->max_wer);
    if (!gate->no_worse_than) return 0;
    int code = eval_gate_read(gate, &other);
    double margin = isnan(gate->margin) ? 0 : gate->margin / 100;
    /* Rates are printed with ten digits: no rounding shall fail the same results. */
    if (!code && !(wer <= other + margin + 1e-9))
        code = fail(EXIT_THRESHOLD,
                    "%s: word error rate %.2f %%, expected at most %.2f %% (%s and "
                    "%.2f points)",
                    system->name, 100 * wer, 100 * (other + margin), gate->no_worse_than,
                    100 * margin);
    return code;
}
