/* neon.c */
typedef int neon_empty;
