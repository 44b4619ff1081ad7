/* findings.c - see findings.h. */
#include "base/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* Findings reported: nobody reads more. */
enum { FINDINGS_MAX = 1000 };

/* Was this reported before? Remembers it if not. */
static int is_seen(struct findings *findings, const char *file, const char *message) {
    struct buffer line = {0};
    buffer_format(&line, "%s: %s", file, message);
    int seen = 0;
    for (size_t at = 0; line.data && at < findings->seen.length && !seen;
         at += strlen(findings->seen.data + at) + 1)
        seen = strcmp(findings->seen.data + at, line.data) == 0;
    if (line.failed) findings->seen.failed = 1;
    if (!seen && line.data) buffer_append(&findings->seen, line.data, line.length + 1);
    buffer_free(&line);
    return seen;
}

void findings_add(struct findings *findings, pst_severity severity, const char *file,
                  const char *message) {
    char name[256];
    size_t dir = strlen(findings->dir);
    if (strncmp(message, findings->dir, dir) == 0) {
        const char *rest = message + dir;
        while (*rest == '/') rest++;
        const char *colon = strstr(rest, ": ");
        if (colon && (size_t)(colon - rest) < sizeof name) {
            snprintf(name, sizeof name, "%.*s", (int)(colon - rest), rest);
            file = name;
            message = colon + 2;
        }
    }
    uint32_t before = findings->problems + findings->warnings;
    if (before < FINDINGS_MAX && is_seen(findings, file, message)) return;
    if (severity == PST_PROBLEM)
        findings->problems++;
    else
        findings->warnings++;
    if (before >= FINDINGS_MAX) return;
    pst_finding finding = {severity, file, message};
    if (findings->report) findings->report(findings->user, &finding);
}

void findings_addf(struct findings *findings, pst_severity severity, const char *file,
                   const char *format, ...) {
    pst_error note; /* for its safe text */
    char text[sizeof note.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&note, PST_OK, "%s", text);
    findings_add(findings, severity, file, note.message);
}

pst_status findings_check(struct findings *findings, pst_status status, const char *file,
                          const pst_error *found, pst_error *err) {
    if (status == PST_OK) return PST_OK;
    if (status == PST_ERR_MEMORY) {
        if (err) *err = *found;
        return status;
    }
    findings_add(findings, PST_PROBLEM, file, found->message);
    return PST_OK;
}
