/* caption_file.h - subtitles as SubRip (.srt) and WebVTT (.vtt), in the shapes of
 * openai-whisper. */
#ifndef POTSTILL_CLI_CAPTION_FILE_H
#define POTSTILL_CLI_CAPTION_FILE_H

#include "result_style.h"

void caption_print_srt(FILE *stream, const struct result *result, const struct result_style *style);
void caption_print_vtt(FILE *stream, const struct result *result, const struct result_style *style);

#endif
