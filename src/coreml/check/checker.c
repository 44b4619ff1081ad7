/* checker.c - see checker.h. */
#include "coreml/check/checker.h"

#include <stdarg.h>
#include <stdio.h>

static void report(struct checker *checker, pst_severity severity, const char *format,
                   va_list list) {
    char text[512];
    if (checker->failed) return;
    vsnprintf(text, sizeof text, format, list);
    checker->report(checker->user, severity, text);
}

void checker_problem(struct checker *checker, const char *format, ...) {
    va_list list;
    va_start(list, format);
    report(checker, PST_PROBLEM, format, list);
    va_end(list);
}

void checker_warning(struct checker *checker, const char *format, ...) {
    va_list list;
    va_start(list, format);
    report(checker, PST_WARNING, format, list);
    va_end(list);
}
