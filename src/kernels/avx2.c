/* avx2.c */
typedef int avx2_empty;
