/* python_repr.c - see python_repr.h.
 *
 * The digits are found by trial: one digit, two, and so on until they read back as the same number;
 * seventeen always do. Digits and exponent are handled apart and read back as an integer times a
 * power of ten, so no decimal point, which a locale may write as a comma, is ever parsed. */
#include "base/python_repr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MAX = 17 };

/* 0.d1d2d3... times 10^point */
struct decimal {
    char digits[DIGITS_MAX + 1];
    int count;
    int point;
};

/* `value` > 0, correctly rounded to `count` digits. */
static struct decimal round_to(double value, int count) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    struct decimal decimal = {.count = count};
    char *exponent = strchr(text, 'e');
    int filled = 0;
    for (const char *c = text; c < exponent && filled < count; c++)
        if (*c >= '0' && *c <= '9') decimal.digits[filled++] = *c;
    decimal.point = atoi(exponent + 1) + 1;
    return decimal;
}

static int reads_as(const struct decimal *decimal, double value) {
    char text[64];
    snprintf(text, sizeof text, "%se%d", decimal->digits, decimal->point - decimal->count);
    return strtod(text, NULL) == value;
}

/* Adds one to the last digit; returns 0 on 9...9, whose successor fewer digits were tried for. */
static int step_up(struct decimal *decimal) {
    for (int i = decimal->count - 1; i >= 0; i--) {
        if (decimal->digits[i] != '9') {
            decimal->digits[i]++;
            return 1;
        }
        decimal->digits[i] = '0';
    }
    return 0;
}

static struct decimal shortest(double value) {
    for (int count = 1; count < DIGITS_MAX; count++) {
        struct decimal decimal = round_to(value, count);
        if (reads_as(&decimal, value)) return decimal;
        /* Above a power of two doubles lie twice as far apart as below. The nearest decimal may
         * then miss on the narrow side where its neighbour, a little farther away, hits on the wide
         * one: 2**-44 is 5.684341886080802e-14, though 5.684341886080801e-14 is nearer. */
        if (step_up(&decimal) && reads_as(&decimal, value)) return decimal;
    }
    return round_to(value, DIGITS_MAX);
}

/* Python writes positions -3 to 16 of the point plainly, others with an exponent. */
static void lay_out(const struct decimal *decimal, char *text, size_t size) {
    const char *digits = decimal->digits;
    int count = decimal->count, point = decimal->point;
    if (point < -3 || point > 16)
        snprintf(text, size, "%c%s%se%c%02d", digits[0], count > 1 ? "." : "", digits + 1,
                 point > 0 ? '+' : '-', abs(point - 1));
    else if (point <= 0)
        snprintf(text, size, "0.%.*s%s", -point, "000", digits);
    else if (point < count)
        snprintf(text, size, "%.*s.%s", point, digits, digits + point);
    else
        snprintf(text, size, "%s%.*s.0", digits, point - count, "0000000000000000");
}

void python_repr(double value, char text[PYTHON_REPR_SIZE]) {
    int negative = signbit(value) && !isnan(value);
    if (negative) *text++ = '-';
    size_t size = PYTHON_REPR_SIZE - (size_t)negative;
    value = fabs(value);
    if (isnan(value) || isinf(value) || value == 0) {
        snprintf(text, size, "%s", isnan(value) ? "nan" : value == 0 ? "0.0" : "inf");
        return;
    }
    struct decimal decimal = shortest(value);
    lay_out(&decimal, text, size);
}
