/* result_formats.c - see result_formats.h. */
#include "result_formats.h"

#include "caption_file.h"
#include "result_json.h"
#include "segment_table.h"

const struct format result_formats[RESULT_FORMATS] = {
    [RESULT_TEXT] = {"txt", segments_print_text, 1, 0, 0, 0},
    [RESULT_JSON] = {"json", result_print_json, 1, 1, 0, 1},
    [RESULT_JSONL] = {"jsonl", result_print_json, 1, 1, 0, 1},
    [RESULT_SRT] = {"srt", caption_print_srt, 0, 0, 1, 0},
    [RESULT_VTT] = {"vtt", caption_print_vtt, 0, 0, 1, 0},
    [RESULT_TSV] = {"tsv", segments_print_tsv, 0, 0, 0, 0},
    [RESULT_CSV] = {"csv", segments_print_csv, 0, 0, 0, 0},
    [RESULT_WHISPER_JSON] = {"json", result_print_whisper, 0, 1, 0, 0},
};
