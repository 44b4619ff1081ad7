/* avx512.c */
typedef int avx512_empty;
