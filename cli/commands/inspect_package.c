/* inspect_package.c - see inspect_package.h. */
#include "inspect_package.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "console.h"
#include "json_text.h"
#include "output.h"
#include "potstill_tools.h"

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static long long number_at(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_features(FILE *stream, const char *what, const json_t *features) {
    for (size_t i = 0; i < json_array_size(features); i++) {
        const json_t *feature = json_array_get(features, i);
        fprintf(stream, "%-9s %-22s %s%s\n", what, text_at(feature, "name"),
                text_at(feature, "type"),
                json_is_true(json_object_get(feature, "flexible")) ? " by default" : "");
    }
}

static void print_functions(FILE *stream, const json_t *functions) {
    for (size_t i = 0; i < json_array_size(functions); i++) {
        const json_t *function = json_array_get(functions, i);
        fprintf(stream, "\nfunction  %s\n", text_at(function, "name"));
        print_features(stream, "input", json_object_get(function, "inputs"));
        print_features(stream, "state", json_object_get(function, "states"));
        print_features(stream, "output", json_object_get(function, "outputs"));
    }
}

static void print_sizes(FILE *stream, const json_t *report) {
    const json_t *constants = json_object_get(report, "constants");
    fprintf(stream, "\n%-9s %10s %14s\n", "type", "constants", "bytes");
    for (size_t i = 0; i < json_array_size(constants); i++) {
        const json_t *size = json_array_get(constants, i);
        fprintf(stream, "%-9s %10lld %14lld\n", text_at(size, "type"), number_at(size, "constants"),
                number_at(size, "bytes"));
    }
}

static void print_engine(FILE *stream, const json_t *engine) {
    const json_t *findings = json_object_get(engine, "findings");
    fprintf(stream, "\nNeural Engine: %zu of the known obstacles in %lld operations\n",
            json_array_size(findings), number_at(engine, "operations"));
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *finding = json_array_get(findings, i);
        fprintf(stream, "  %s\n    %lld times, first %s\n    %s\n", text_at(finding, "rule"),
                number_at(finding, "count"), text_at(finding, "first"), text_at(finding, "source"));
    }
}

static void print_report(FILE *stream, const char *program, const json_t *report) {
    const char *key;
    json_t *value, *metadata = json_object_get(report, "metadata");
    fprintf(stream, "%s\n%-24s %lld\n%-24s %lld\n%-24s %lld\n", program, "specification",
            number_at(report, "specification"), "program bytes", number_at(report, "program_bytes"),
            "weight bytes", number_at(report, "weight_bytes"));
    json_object_foreach(metadata, key, value) {
        fprintf(stream, "%-24s %s\n", key, json_string_value(value));
    }
    print_functions(stream, json_object_get(report, "functions"));
    print_sizes(stream, report);
    print_engine(stream, json_object_get(report, "neural_engine"));
}

static int print(const char *name, const char *program, json_t *report, int as_json) {
    struct output output;
    int code = output_open(&output, NULL);
    if (code) return code;
    if (as_json) {
        json_object_set_new(report, "path", json_text(name));
        json_print(output.stream, report, JSON_INDENT(2) | JSON_SORT_KEYS);
    } else {
        print_report(output.stream, program, report);
    }
    return output_close(&output, 1);
}

int inspect_package(const char *name, const char *dir, int as_json) {
    pst_package *package = NULL;
    pst_error err;
    char *program = NULL, *json = NULL;
    int code = 0;
    if (pst_package_open(dir, &package, &err) || pst_package_text(package, &program, &err) ||
        pst_package_report(package, &json, &err)) {
        code = fail(exit_code_of(&err), "%s", err.message);
    } else {
        json_t *report = need(json_loads(json, 0, NULL));
        code = print(name, program, report, as_json);
        json_decref(report);
    }
    pst_free(program);
    pst_free(json);
    pst_package_free(package);
    return code;
}
