"""The C ABI: the structs of potstill.h and potstill_tools.h that this package uses, field by field.

One class a struct, named as it (``pst_clip_result`` is ``ClipResult``); the headers say what fields
mean. ``library`` checks their sizes when it loads the shared library, the tests their names.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)

WARN = CFUNCTYPE(None, c_void_p, c_char_p)
ASK = CFUNCTYPE(c_int, c_void_p)


class Error(Structure):
    _fields_ = [
        ("code", c_int),
        ("message", c_char * 512),
    ]


class HubProgress(Structure):
    _fields_ = [
        ("file", c_char_p),
        ("received", c_uint64),
        ("total", c_uint64),
        ("id", c_char_p),
    ]


HUB_PROGRESS = CFUNCTYPE(c_int, c_void_p, POINTER(HubProgress))


class FindOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("variables", POINTER(c_char_p)),
        ("home", c_char_p),
        ("user_agent", c_char_p),
        ("ca_file", c_char_p),
        ("offline", c_int),
        ("model_option", c_char_p),
        ("adapter_option", c_char_p),
        ("processor_option", c_char_p),
        ("warn", WARN),
        ("progress", HUB_PROGRESS),
        ("user", c_void_p),
    ]


class FinderInfo(Structure):
    _fields_ = [
        ("models_dir", c_char_p),
        ("hub_cache", c_char_p),
        ("weights_cache", c_char_p),
        ("moonshine_voice_cache", c_char_p),
        ("model", c_char_p),
        ("model_is_chosen", c_int),
        ("endpoint", c_char_p),
        ("offline", c_int),
    ]


class ModelOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("processor_dir", c_char_p),
        ("cpu", c_int),
        ("precision", c_int),
        ("cache_dir", c_char_p),
        ("prepare", c_int),
        ("device", c_int),
        ("units", c_int),
        ("decoder_dir", c_char_p),
        ("warn", WARN),
        ("user", c_void_p),
        ("inclusive_windows", c_int),
        ("read_files", c_int),
    ]


class ModelInfo(Structure):
    _fields_ = [
        ("model_type", c_char_p),
        ("dtype", c_char_p),
        ("kernels", c_char_p),
        ("precision", c_char_p),
        ("parameters", c_uint64),
        ("file_bytes", c_uint64),
        ("tensors", c_uint32),
        ("dim", c_uint32),
        ("heads", c_uint32),
        ("head_dim", c_uint32),
        ("rotary_dim", c_uint32),
        ("encoder_layers", c_uint32),
        ("decoder_layers", c_uint32),
        ("encoder_ffn", c_uint32),
        ("decoder_ffn", c_uint32),
        ("vocab", c_uint32),
        ("max_position_embeddings", c_uint32),
        ("max_length", c_uint32),
        ("tied_embeddings", c_int),
        ("device", c_char_p),
        ("layout", c_char_p),
        ("samples_max", c_size_t),
        ("num_beams_max", c_uint32),
        ("do_sample", c_int),
    ]


class AdapterOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("warn", WARN),
        ("user", c_void_p),
        ("adapter_scale", c_double),
    ]


class AdapterInfo(Structure):
    _fields_ = [
        ("peft_type", c_char_p),
        ("base_model", c_char_p),
        ("parameters", c_uint64),
        ("file_bytes", c_uint64),
        ("modules", c_uint32),
        ("rank_min", c_uint32),
        ("rank_max", c_uint32),
        ("rslora", c_int),
    ]


class Audio(Structure):
    _fields_ = [
        ("samples", POINTER(c_float)),
        ("count", c_size_t),
        ("duration", c_double),
        ("source_rate_hz", c_int),
        ("source_channels", c_int),
    ]


class AudioOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("ffmpeg", c_char_p),
        ("ffmpeg_silence_ms", c_uint32),
        ("channel", c_uint32),
        ("seconds_max", c_double),
    ]


class SequenceBias(Structure):
    _fields_ = [
        ("tokens", POINTER(c_int32)),
        ("count", c_size_t),
        ("bias", c_float),
    ]


class AlignmentHead(Structure):
    _fields_ = [
        ("layer", c_uint32),
        ("head", c_uint32),
        ("lag", c_int32),
    ]


class DecodeOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("num_beams", c_uint32),
        ("max_new_tokens", c_uint32),
        ("max_length", c_uint32),
        ("min_length", c_uint32),
        ("min_new_tokens", c_uint32),
        ("repetition_penalty", c_float),
        ("no_repeat_ngram_size", c_uint32),
        ("length_penalty", c_float),
        ("early_stopping", c_int),
        ("suppress_tokens", POINTER(c_int32)),
        ("suppress_tokens_count", c_size_t),
        ("begin_suppress_tokens", POINTER(c_int32)),
        ("begin_suppress_tokens_count", c_size_t),
        ("sequence_bias", POINTER(SequenceBias)),
        ("sequence_bias_count", c_size_t),
        ("forced_bos_token_id", c_int32),
        ("forced_eos_token_id", c_int32),
        ("skip_logprob", c_int),
        ("bad_words_ids", POINTER(SequenceBias)),
        ("bad_words_ids_count", c_size_t),
        ("exponential_decay_start", c_uint32),
        ("exponential_decay_factor", c_float),
        ("renormalize_logits", c_int),
        ("stop_loops", c_int),
        ("word_timestamps", c_int),
        ("alignment_heads", POINTER(AlignmentHead)),
        ("alignment_heads_count", c_size_t),
        ("cancelled", ASK),
        ("cancelled_user", c_void_p),
        ("drafts", POINTER(SequenceBias)),
        ("drafts_count", c_size_t),
    ]


class Word(Structure):
    _fields_ = [
        ("text", c_char_p),
        ("offset", c_size_t),
        ("start", c_double),
        ("end", c_double),
        ("probability", c_double),
        ("confidence", c_double),
    ]


class Transcript(Structure):
    _fields_ = [
        ("text", c_char_p),
        ("tokens", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("avg_logprob", c_double),
        ("score", c_float),
        ("margin", c_float),
        ("truncated", c_int),
        ("flags", c_uint32),
        ("no_speech_prob", c_double),
        ("compression_ratio", c_double),
        ("words", POINTER(Word)),
        ("word_count", c_size_t),
        ("confidence", c_double),
        ("channel", c_uint32),
        ("steps", c_uint32),
        ("token_logprobs", POINTER(c_float)),
    ]


class Clip(Structure):
    _fields_ = [
        ("path", c_char_p),
        ("fd", c_int),
        ("samples", c_void_p),  # float32, by the address: pointers of ctypes cost more
        ("sample_count", c_size_t),
        ("tag", c_void_p),
        ("decode", POINTER(DecodeOptions)),
    ]


class VadOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("weights", c_char_p),
        ("cpu", c_int),
        ("threshold", c_double),
        ("neg_threshold", c_double),
        ("min_speech_duration_ms", c_double),
        ("min_silence_duration_ms", c_double),
        ("max_speech_duration_s", c_double),
        ("speech_pad_ms", c_double),
        ("audio", POINTER(AudioOptions)),
    ]


class StreamOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_uint32),
        ("adapters", POINTER(c_void_p)),
        ("adapter_weights", POINTER(c_double)),
        ("adapter_count", c_size_t),
        ("decode", POINTER(DecodeOptions)),
        ("vad", c_void_p),
        ("pause_s", c_double),
        ("pad_s", c_double),
        ("line_max_s", c_double),
        ("update_s", c_double),
        ("threshold", c_double),
        ("rate_hz", c_uint32),
        ("guard", c_int),
    ]


class StreamEvent(Structure):
    _fields_ = [
        ("kind", c_int),
        ("line", c_uint64),
        ("first", c_uint64),
        ("samples", c_uint64),
        ("text", c_char_p),
        ("committed", c_size_t),
        ("tokens", POINTER(c_int32)),
        ("token_count", c_size_t),
        ("avg_logprob", c_double),
        ("truncated", c_int),
        ("flags", c_uint32),
        ("no_speech_prob", c_double),
        ("token_logprobs", POINTER(c_float)),
    ]


class Segment(Structure):
    _fields_ = [
        ("start", c_double),
        ("end", c_double),
        ("transcript", POINTER(Transcript)),
    ]


class ClipResult(Structure):
    _fields_ = [
        ("index", c_size_t),
        ("tag", c_void_p),
        ("error", POINTER(Error)),
        ("duration", c_double),
        ("transcript", POINTER(Transcript)),
        ("segments", POINTER(Segment)),
        ("segment_count", c_size_t),
        ("warning", c_char_p),
        ("warnings", POINTER(c_char_p)),
        ("warning_count", c_size_t),
        ("work_seconds", c_double),
    ]


class ClipProgress(Structure):
    _fields_ = [
        ("index", c_size_t),
        ("tag", c_void_p),
        ("done", c_double),
        ("total", c_double),
        ("segments", POINTER(Segment)),
        ("segment_count", c_size_t),
    ]


NEXT = CFUNCTYPE(c_int, c_void_p, POINTER(Clip))
DELIVER = CFUNCTYPE(c_int, c_void_p, POINTER(ClipResult))
PROGRESS = CFUNCTYPE(c_int, c_void_p, POINTER(ClipProgress))
# Not used from Python, so their arguments are not declared.
ADJUST = CFUNCTYPE(None)
RECALL = CFUNCTYPE(c_void_p)


class SessionOptions(Structure):
    _fields_ = [("struct_size", c_size_t), ("threads", c_uint32)]


class BatchOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("threads", c_uint32),
        ("window_seconds", c_double),
        ("normalize", c_int),
        ("adapters", POINTER(c_void_p)),
        ("weights", POINTER(c_double)),
        ("adapter_count", c_size_t),
        ("decode", POINTER(DecodeOptions)),
        ("adjust", ADJUST),
        ("next", NEXT),
        ("deliver", DELIVER),
        ("user", c_void_p),
        ("progress", PROGRESS),
        ("vad", c_void_p),
        ("guard", c_int),
        ("audio", POINTER(AudioOptions)),
        ("recall", RECALL),
        ("session", c_void_p),
    ]


class MergeAdapter(Structure):
    _fields_ = [
        ("dir", c_char_p),
        ("weight", c_double),
    ]


class MergeOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("processor_dir", c_char_p),
        ("dtype", c_char_p),
        ("safe", c_int),
        ("force", c_int),
        ("warn", WARN),
        ("user", c_void_p),
        ("cancelled", ASK),
    ]


class ConvertOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("precision", c_int),
        ("target", c_int),
        ("layout", c_int),
        ("seconds", POINTER(c_uint32)),
        ("seconds_count", c_size_t),
        ("state", c_int),
        ("force", c_int),
        ("threads", c_uint32),
        ("processor_dir", c_char_p),
        ("warn", WARN),
        ("user", c_void_p),
        ("cancelled", ASK),
        ("piece_ms", c_uint32),
        ("ahead", c_uint32),
        ("with_decoder", c_int),
        ("outputs", c_int),
        ("input", c_int),
        ("drafts_file", c_char_p),
    ]


class Finding(Structure):
    _fields_ = [
        ("severity", c_int),
        ("file", c_char_p),
        ("message", c_char_p),
    ]


FINDING = CFUNCTYPE(None, c_void_p, POINTER(Finding))


class VerifyOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("model", c_void_p),
        ("finding", FINDING),
        ("user", c_void_p),
    ]


class VerifySummary(Structure):
    _fields_ = [
        ("kind", c_char_p),
        ("files", c_uint32),
        ("tensors", c_uint32),
        ("problems", c_uint32),
        ("warnings", c_uint32),
    ]


class WordCounts(Structure):
    _fields_ = [
        ("substitutions", c_uint64),
        ("deletions", c_uint64),
        ("insertions", c_uint64),
        ("hits", c_uint64),
    ]
