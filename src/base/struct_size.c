/* struct_size.c - how large the structs of the public headers are, for other languages.
 *
 * C programs have sizeof. A binding that declares the structs again asks here, when it is loaded,
 * whether it has them as this library was compiled with them. */
#include <string.h>

#include "potstill_tools.h"

#define ROW(type)                                                                                  \
    { #type, sizeof(type) }
static const struct {
    const char *name;
    size_t bytes;
} rows[] = {
    ROW(pst_error),
    ROW(pst_hub_progress),
    ROW(pst_hub_options),
    ROW(pst_search),
    ROW(pst_find_options),
    ROW(pst_finder_info),
    ROW(pst_model_options),
    ROW(pst_model_info),
    ROW(pst_encoder_info),
    ROW(pst_adapter_options),
    ROW(pst_adapter_info),
    ROW(pst_adapter_module),
    ROW(pst_audio),
    ROW(pst_audio_options),
    ROW(pst_session_options),
    ROW(pst_sequence_bias),
    ROW(pst_alignment_head),
    ROW(pst_decode_options),
    ROW(pst_word),
    ROW(pst_transcript),
    ROW(pst_clip),
    ROW(pst_vad_options),
    ROW(pst_speech),
    ROW(pst_source_options),
    ROW(pst_stream_options),
    ROW(pst_stream_event),
    ROW(pst_segment),
    ROW(pst_clip_result),
    ROW(pst_clip_progress),
    ROW(pst_segment_place),
    ROW(pst_batch_options),
    ROW(pst_merge_adapter),
    ROW(pst_merge_options),
    ROW(pst_convert_options),
    ROW(pst_finding),
    ROW(pst_verify_options),
    ROW(pst_verify_summary),
    ROW(pst_tensor_diff),
    ROW(pst_diff_summary),
    ROW(pst_fingerprint),
    ROW(pst_import_options),
    ROW(pst_word_counts),
    ROW(pst_edit),
    ROW(pst_alignment),
    ROW(pst_eval_ratio),
    ROW(pst_eval_interval),
    ROW(pst_eval_matched),
    ROW(pst_span),
    ROW(pst_work),
    ROW(pst_peak),
};

size_t pst_struct_size(const char *name) {
    for (size_t i = 0; name && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0) return rows[i].bytes;
    return 0;
}
