/* python_repr.h - a double as Python prints it. */
#ifndef PST_BASE_PYTHON_REPR_H
#define PST_BASE_PYTHON_REPR_H

/* The longest is 24 characters, "-2.2250738585072014e-308"; compilers, which see the widths of the
 * fields but not what limits their sum, count 37. */
enum { PYTHON_REPR_SIZE = 40 };

/* Writes repr(value): the shortest digits that read back as `value`, "0.125", "1e-05", "1e+16",
 * "nan". The locale plays no part. */
void python_repr(double value, char text[PYTHON_REPR_SIZE]);

#endif
