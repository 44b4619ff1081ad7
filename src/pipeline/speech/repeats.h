/* repeats.h - how much of a text is said again and again. */
#ifndef PST_PIPELINE_REPEATS_H
#define PST_PIPELINE_REPEATS_H

/* Bytes of the text for each byte of it compressed, nearly as zlib has it; 0 for an empty one. */
double repeats_ratio(const char *text);

#endif
