/* potstill_tools.h - what is done to models before and after an application runs them.
 *
 * Merging, converting, checking, comparing and importing model folders; reading Core ML packages;
 * scoring texts; profiling a session. The contract is that of potstill.h. */
#ifndef POTSTILL_TOOLS_H
#define POTSTILL_TOOLS_H

#include "potstill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------- merge */

/* An adapter folder and how much of it; 1 is all. */
typedef struct pst_merge_adapter {
    const char *dir;
    double weight;
} pst_merge_adapter;

typedef struct pst_merge_options {
    size_t struct_size;
    /* Folder whose tokenizer and processor files are copied; NULL: the model's. */
    const char *processor_dir;
    /* "float32", "float16", "bfloat16"; NULL: as most of the model's values are. */
    const char *dtype;
    int safe;  /* refuse results that are not finite; else they are warned of */
    int force; /* replace an existing model folder */
    void (*warn)(void *user, const char *message); /* NULL: silent */
    void *user;
    /* Asked several times a second, by any thread that works for the call: other than 0 ends it in
     * PST_ERR_CANCELLED, and the target is as it was. May be NULL. */
    int (*cancelled)(void *user);
} pst_merge_options;

PST_API void pst_merge_options_init_sized(pst_merge_options *options, size_t struct_size);
#define pst_merge_options_init(options) pst_merge_options_init_sized(options, sizeof *(options))

/* Folds `adapters` [count], at least one, into their model: a folder that transformers and
 * pst_model_open() load without any adapter. Weights become W + sum of weight * delta, computed in
 * double precision and rounded once. Where that makes the embedding and the output matrix differ,
 * which were one, the model is stored with two. `target_dir` appears whole or not at all.
 * PST_ERR_MODEL, PST_ERR_UNSUPPORTED: as pst_model_open() and pst_adapter_open(); PST_ERR_IO: the
 * target exists and `force` is not set, or it cannot be written; PST_ERR_CANCELLED. */
PST_API pst_status pst_merge(const char *model_dir, const pst_merge_adapter *adapters, size_t count,
                             const char *target_dir, const pst_merge_options *options,
                             pst_error *err);

/* -------------------------------------------------------------------------------------- convert */

/* How weights are stored; all but float32 compute in float16. */
typedef enum pst_convert_precision {
    PST_CONVERT_FLOAT16 = 0,
    PST_CONVERT_FLOAT32 = 1,  /* for comparison: never on the Neural Engine */
    PST_CONVERT_INT8 = 2,     /* by output channel, symmetric */
    PST_CONVERT_PALETTE8 = 3, /* a table of 256 numbers for each tensor */
    PST_CONVERT_PALETTE6 = 4, /* of 64 */
    PST_CONVERT_PALETTE4 = 5  /* of 16 */
} pst_convert_precision;

/* The oldest system that runs the package. */
typedef enum pst_convert_target {
    PST_CONVERT_IOS16 = 0, /* and macOS 13 */
    PST_CONVERT_IOS15 = 1, /* macOS 12: float16 or float32 weights, float32 inputs and outputs */
    PST_CONVERT_IOS18 = 2  /* macOS 15: lengths are functions of one package; states */
} pst_convert_target;

typedef enum pst_convert_layout {
    PST_CONVERT_SPLIT = 0,  /* a folder: encoders, decoders that the app calls for each token */
    PST_CONVERT_SINGLE = 1, /* one package: samples to token ids */
    /* A folder as of `split`, with one encoder that hears a clip piece by piece; only of
     * streaming models. */
    PST_CONVERT_STREAM = 2
} pst_convert_layout;

/* What the decoder gives for one token. */
typedef enum pst_convert_outputs {
    PST_CONVERT_LOGITS = 0, /* the scores of all tokens */
    /* The token with the highest score, and that: 8 bytes for 64 KB; who runs it decodes greedily
     * and by no rules. */
    PST_CONVERT_TOKEN = 1
} pst_convert_outputs;

/* How the encoder takes samples. */
typedef enum pst_convert_input {
    PST_CONVERT_SAMPLES = 0, /* float32 [1, N] */
    /* float16 [1, 1, N / 64, 64] (with float32 precision float32), for which no operation is left
     * to the CPU; not of streaming models, not for iOS 15. */
    PST_CONVERT_BLOCKS = 1
} pst_convert_input;

typedef struct pst_convert_options {
    size_t struct_size;
    pst_convert_precision precision;
    pst_convert_target target;
    pst_convert_layout layout;
    /* Lengths of clips in seconds, [seconds_count], each from 1 to 30; the layouts `single` and
     * `stream` have one. NULL: 10 and 30, or 10, or 30. */
    const uint32_t *seconds;
    size_t seconds_count;
    int state;                 /* iOS 18: decoder and stream keep their caches themselves */
    int force;                 /* replace what was converted before */
    uint32_t threads;          /* 0: one per core this process may use, at most 8 */
    const char *processor_dir; /* folder whose tokenizer is copied; NULL: the model's */
    void (*warn)(void *user, const char *message); /* NULL: silent */
    void *user;
    /* Asked as pst_merge_options.cancelled is. */
    int (*cancelled)(void *user);
    uint32_t piece_ms; /* of the layout `stream`: of a piece, a multiple of 20; 0: 320 */
    /* 2 to 32: the decoder has a second function, verify_<ahead>, that takes so many tokens of a
     * text in one call, which reads the weights once; `drafts` of pst_decode_options are tried with
     * it. Before iOS 18 it is a package of its own, with the weights again. 0: none. */
    uint32_t ahead;
    /* 1: the merged model's decoder as a checkpoint too, in float16 unless `precision` is float32.
     * Who opens the folder then encodes by the packages and decodes by the engine; by itself the
     * checkpoint cannot be opened. Not for `single`. */
    int with_decoder;
    pst_convert_outputs outputs; /* TOKEN: not for `single`, which gives tokens by itself */
    pst_convert_input input;     /* BLOCKS: of the layout `split` */
    /* A file of texts that are likely to be said, one a line, such as the transcripts that an
     * adapter was trained on: whoever opens the folder has them as `drafts` of
     * pst_model_decode_options(). At most 65,536 tokens. NULL: none. Not for `single`. */
    const char *drafts_file;
} pst_convert_options;

PST_API void pst_convert_options_init_sized(pst_convert_options *options, size_t struct_size);
#define pst_convert_options_init(options) pst_convert_options_init_sized(options, sizeof *(options))

/* Writes `model_dir`, with `adapters` [count] merged into it as pst_merge() does, as Core ML
 * packages for Apple's systems; on any system. The layout `split` makes the folder `target`: an
 * encoder and a decoder for each length, tokenizer.json and potstill.json, which says what is what.
 * `single` makes the package `target`. What is made appears whole or not at all, and is the same
 * for the same input. PST_ERR_MODEL, PST_ERR_IO, PST_ERR_CANCELLED: as pst_merge();
 * PST_ERR_UNSUPPORTED: options that exclude each other. */
PST_API pst_status pst_convert(const char *model_dir, const pst_merge_adapter *adapters,
                               size_t count, const char *target, const pst_convert_options *options,
                               pst_error *err);

/* --------------------------------------------------------------------------------------- verify */

typedef enum pst_severity {
    PST_WARNING = 1, /* works, but perhaps not as meant */
    PST_PROBLEM = 2  /* cannot be used, or not as upstream uses it */
} pst_severity;

/* One thing found. The strings live as long as the call that reports it. */
typedef struct pst_finding {
    pst_severity severity;
    const char *file;    /* its name in the folder; "" when it is the folder itself */
    const char *message; /* tensor or key, what is there, what was expected */
} pst_finding;

typedef struct pst_verify_options {
    size_t struct_size;
    const pst_model *model; /* checks an adapter against this base; NULL: by itself */
    void (*finding)(void *user, const pst_finding *finding); /* NULL: counted only */
    void *user;
} pst_verify_options;

typedef struct pst_verify_summary {
    const char *kind; /* "model", "adapter", "package"; static */
    uint32_t files, tensors;
    uint32_t problems, warnings;
} pst_verify_summary;

PST_API void pst_verify_options_init_sized(pst_verify_options *options, size_t struct_size);
#define pst_verify_options_init(options) pst_verify_options_init_sized(options, sizeof *(options))

/* Checks all of a model or adapter folder, every value of every tensor included, or a Core ML
 * package or a folder of them that was converted, every operation by its types and shapes, and
 * reports each thing found instead of stopping at the first (after 1,000 they are only counted).
 * PST_OK when the check could be made, whatever it found; PST_ERR_MODEL: no such folder;
 * PST_ERR_IO. */
PST_API pst_status pst_verify(const char *dir, const pst_verify_options *options,
                              pst_verify_summary *summary, pst_error *err);

/* Writes a copy of the adapter in `dir` to `target_dir`, which must not be there, with the names of
 * tensors that PEFT looks for: without the parts that torch.compile, DistributedDataParallel, FSDP
 * or an adapter's name put into them, and with the prefix base_model.model. PEFT runs the bare base
 * where names differ. `*fixed` counts the names that were mended; when it is 0 nothing is written.
 * PST_ERR_MODEL: no adapter, or two tensors would get one name; PST_ERR_IO. */
PST_API pst_status pst_adapter_fix_keys(const char *dir, const char *target_dir, uint32_t *fixed,
                                        pst_error *err);

/* ----------------------------------------------------------------------------------------- diff */

/* One tensor of two checkpoints. */
typedef struct pst_tensor_diff {
    const char *name;              /* lives as long as the call that reports it */
    const char *dtype_a, *dtype_b; /* "F32", ...; static; NULL: the checkpoint has no such tensor */
    const char *shape_a, *shape_b; /* "[288, 288]", or NULL; they live as long as `name` */
    uint64_t values;               /* compared: 0 unless both have it, with one shape */
    uint64_t changed;              /* of them, how many differ */
    double norm;                   /* Frobenius norm of b - a */
    double relative;               /* norm over the norm of a; 0 when both are 0 */
    double max_abs;                /* largest |b - a| */
    int64_t rank; /* of b - a as a matrix [first size, the others]; -1: not measured */
} pst_tensor_diff;

typedef struct pst_diff_summary {
    uint32_t tensors; /* in both, with one shape */
    uint32_t changed, only_a, only_b, reshaped;
    double norm, relative; /* over all tensors compared, as if they were one */
    int64_t rank;          /* the largest of any tensor */
} pst_diff_summary;

/* Compares the tensors of two model folders, and calls `row` for each that differs or is not in
 * both, in the order of their names. A singular value of b - a counts towards its rank when it is
 * above all that rounding to the stored types can cause: u * (R + C), with u the unit roundoff of
 * the coarser type (2^-24 for F32) and R, C the largest norms of a row and of a column of either
 * tensor. PST_ERR_MODEL: a folder cannot be read as a checkpoint; PST_ERR_IO. */
PST_API pst_status pst_diff(const char *dir_a, const char *dir_b,
                            void (*row)(void *user, const pst_tensor_diff *diff), void *user,
                            pst_diff_summary *summary, pst_error *err);

/* ---------------------------------------------------------------------------------- fingerprint */

/* What tells the weights of models of one shape apart. */
typedef struct pst_fingerprint {
    char sha256[65]; /* of names and values as float32, in the order of the network; hex */
    double norm;     /* Frobenius norm of all weights, as if they were one matrix */
} pst_fingerprint;

/* Of a checkpoint. It is the same however the same values are stored: in shards, in another order,
 * in a wider type. A converted model has none: PST_ERR_ARGUMENT. */
PST_API pst_status pst_model_fingerprint(const pst_model *model, pst_fingerprint *fingerprint,
                                         pst_error *err);

/* --------------------------------------------------------------------------------------- import */

typedef struct pst_import_options {
    size_t struct_size;
    /* Copied into the folder as LICENSE; NULL: one beside the source, else none. */
    const char *licence_file;
    int force; /* replace an existing folder */
    /* Asked as pst_merge_options.cancelled is. */
    int (*cancelled)(void *user);
    void *user;
} pst_import_options;

PST_API void pst_import_options_init_sized(pst_import_options *options, size_t struct_size);
#define pst_import_options_init(options) pst_import_options_init_sized(options, sizeof *(options))

/* Turns the official ONNX Runtime files of an English Moonshine model (encoder_model.ort,
 * decoder_model_merged.ort, tokenizer.bin in `source_dir`) into a Hugging Face folder that
 * transformers and pst_model_open() load: float32 weights, configs, tokenizer.json. The folder
 * appears whole or not at all. PST_ERR_MODEL: missing files, or of another model;
 * PST_ERR_UNSUPPORTED; PST_ERR_IO: the target exists and `force` is not set, or it cannot be
 * written; PST_ERR_CANCELLED. */
PST_API pst_status pst_import_ort(const char *source_dir, const char *target_dir,
                                  const pst_import_options *options, pst_error *err);

/* ------------------------------------------------------------------------------------- packages */

/* A Core ML package (.mlpackage) with an ML program, of any maker; immutable once open. */
typedef struct pst_package pst_package;

/* PST_ERR_MODEL: not such a package, or damaged; PST_ERR_UNSUPPORTED; PST_ERR_IO. */
PST_API pst_status pst_package_open(const char *dir, pst_package **package, pst_error *err);
PST_API void pst_package_free(pst_package *package);

/* The program as `*text`, NUL-terminated, an operation a line: results, types, parameters; to be
 * released by pst_free(). */
PST_API pst_status pst_package_text(const pst_package *package, char **text, pst_error *err);
/* A JSON object: "specification", "program_bytes", "weight_bytes", "metadata", "functions" (inputs,
 * outputs, states), "constants" by type, and "neural_engine": what is known to keep the Neural
 * Engine from running it, each with its source. `*json` is to be released by pst_free(). */
PST_API pst_status pst_package_report(const pst_package *package, char **json, pst_error *err);

/* --------------------------------------------------------------------------------------- scores */

typedef struct pst_word_counts {
    uint64_t substitutions, deletions, insertions, hits;
} pst_word_counts;

/* What is made equal before texts are compared. */
typedef enum pst_normalization {
    PST_NORMALIZE_NONE = 0,
    /* As the reference script: characters that are neither \w nor white space go, then lower case,
     * then strip. */
    PST_NORMALIZE_SCRIPT = 1,
    /* As BasicTextNormalizer of whisper-normalizer: lower case, without what stands in brackets;
     * marks, symbols and punctuation become spaces. */
    PST_NORMALIZE_WHISPER_BASIC = 2,
    /* As EnglishTextNormalizer of whisper-normalizer: contractions, titles, numbers, money and
     * British spellings are written in one way. */
    PST_NORMALIZE_WHISPER_ENGLISH = 3
} pst_normalization;

/* Aligns two UTF-8 texts word by word as jiwer 4.0.0 does with its default transform, and adds to
 * `counts`. `normalize` is one of pst_normalization, for both texts.
 * PST_ERR_INPUT: a text that is not UTF-8, or too long to align. */
PST_API pst_status pst_score_words(const char *reference, const char *hypothesis, int normalize,
                                   pst_word_counts *counts, pst_error *err);
/* (S + D + I) / (S + D + H); 0 when there is no reference word and nothing was inserted. */
PST_API double pst_word_error_rate(const pst_word_counts *counts);
/* The script's normaliser alone; `*normalized` is to be released by pst_free(). PST_ERR_INPUT. */
PST_API pst_status pst_normalize_text(const char *text, char **normalized, pst_error *err);

/* ----------------------------------------------------------------------------------- evaluation */

/* A normalisation, and words of the caller's own that count as equal: immutable once open, any
 * number of threads may use it. */
typedef struct pst_normalizer pst_normalizer;

/* `map` is the text of a map, or NULL: a line "FROM = TO" writes the words TO, which may be none,
 * where the words FROM stand; both are normalised first. The longest FROM that fits comes first.
 * Blank lines, and those that begin with "#", are passed over. `map_name` is its name in messages.
 * PST_ERR_INPUT: a line that is none of these. */
PST_API pst_status pst_normalizer_open(pst_normalization kind, const char *map,
                                       const char *map_name, pst_normalizer **normalizer,
                                       pst_error *err);
PST_API void pst_normalizer_free(pst_normalizer *normalizer);
/* `*normalized` is to be released by pst_free(). NULL normalizer: PST_NORMALIZE_NONE.
 * PST_ERR_INPUT: not UTF-8. */
PST_API pst_status pst_normalizer_apply(const pst_normalizer *normalizer, const char *text,
                                        char **normalized, pst_error *err);

typedef enum pst_edit_kind {
    PST_EDIT_EQUAL = 0,
    PST_EDIT_SUBSTITUTION = 1,
    PST_EDIT_DELETION = 2,
    PST_EDIT_INSERTION = 3
} pst_edit_kind;

/* A step of the way from the reference to the hypothesis. */
typedef struct pst_edit {
    pst_edit_kind kind;
    const char *reference;  /* the word; NULL of an insertion */
    const char *hypothesis; /* the word; NULL of a deletion */
} pst_edit;

/* Two texts beside each other, both normalised. */
typedef struct pst_alignment {
    pst_edit *edits; /* [edit_count] in the order of the texts */
    size_t edit_count;
    pst_word_counts counts;
    /* Code points of the reference, spaces between words among them, and the least number of them
     * to be changed, left out or added. */
    uint64_t characters, character_errors;
} pst_alignment;

/* Aligns as pst_score_words(). pst_alignment_free() in any case. PST_ERR_INPUT: as there. */
PST_API pst_status pst_eval_align(const pst_normalizer *normalizer, const char *reference,
                                  const char *hypothesis, pst_alignment *alignment, pst_error *err);
PST_API void pst_alignment_free(pst_alignment *alignment);

/* A sum of one column divided by the sum of another; with `minus`, less the same of two others:
 * a word error rate, or by how much two differ. */
typedef struct pst_eval_ratio {
    size_t over, under; /* columns */
    int minus;
    size_t minus_over, minus_under;
} pst_eval_ratio;

typedef struct pst_eval_interval {
    double value;     /* of all units; NaN when what it is divided by is 0 */
    double low, high; /* 95 % of the samples lie between them */
    /* How likely a value so far from 0 on this side is if there is none: twice the share of samples
     * on the other side, at most 1. */
    double p;
} pst_eval_interval;

/* Bootstrap: draws `samples` times as many units as there are, with repetition, from `values`
 * [units, columns], and gives the interval of each of `ratios` [count]. All are of the same draws,
 * so that differences are paired. Sum up what belongs together (the utterances of a speaker) to one
 * unit first. The same seed gives the same intervals everywhere. PST_ERR_ARGUMENT: no unit, no
 * sample, or a column that is not there. */
PST_API pst_status pst_eval_bootstrap(const double *values, size_t units, size_t columns,
                                      const pst_eval_ratio *ratios, size_t count, uint32_t samples,
                                      uint64_t seed, pst_eval_interval *intervals, pst_error *err);

/* NIST's matched-pairs test of two systems over the same references (MAPSSWE). */
typedef struct pst_eval_matched {
    size_t segments; /* stretches with errors, between two words that both systems have right */
    double mean;     /* errors of b less those of a, a segment */
    double deviation;
    double z; /* 0 when there are fewer than two segments, or all differ by the same */
    double p; /* of a z so far from 0, on either side */
} pst_eval_matched;

/* `a` and `b` [count] are alignments of the same references, by the same normaliser.
 * PST_ERR_ARGUMENT: references that differ. */
PST_API pst_status pst_eval_matched_pairs(const pst_alignment *a, const pst_alignment *b,
                                          size_t count, pst_eval_matched *matched, pst_error *err);

/* Holm's correction of the p values [count] of tests that were done together, in place. */
PST_API void pst_eval_holm(double *p, size_t count);

/* ------------------------------------------------------------------------------------- profiles */

typedef enum pst_stage {
    PST_STAGE_STEM = 0, /* samples to frames */
    PST_STAGE_ENCODER,  /* frames to encoder states */
    PST_STAGE_CROSS,    /* keys and values of the cross-attention */
    PST_STAGE_DECODER,  /* tokens to logits, or to the best of them */
    PST_STAGE_SEARCH,   /* rules and the choice of tokens, text */
    PST_STAGE_COUNT,
    PST_STAGE_DETAIL = PST_STAGE_COUNT /* a part of what another span covers */
} pst_stage;

/* A stretch of work of one thread. */
typedef struct pst_span {
    const char *name; /* static */
    pst_stage stage;
    uint32_t thread;           /* 0: the caller's */
    uint64_t start_ns, end_ns; /* of a clock that only goes forward */
} pst_span;

/* The name of a stage ("stem", "encoder", "cross_kv", "decoder", "search"); never NULL. */
PST_API const char *pst_stage_name(pst_stage stage);
/* From the next clip on the session records what its threads do (`on` 1), or does not (0). */
PST_API pst_status pst_session_record(pst_session *session, int on, pst_error *err);
/* The record of the last clip: [*count], valid until the next one; NULL when there is none.
 * `*lost` (may be NULL): spans for which there was no memory. */
PST_API const pst_span *pst_session_spans(pst_session *session, size_t *count, size_t *lost);
/* Wall-clock milliseconds of each stage by `spans` [count]: where threads work on several at once,
 * each stage has its share of that time, so that stages add up to the time of all work. */
PST_API pst_status pst_spans_by_stage(const pst_span *spans, size_t count,
                                      double ms[PST_STAGE_COUNT], pst_error *err);

/* What a stage has to do, whoever does it: operations (a multiply and an add are two) by the
 * precision they are done in, and bytes of weights and caches that it has to read from beyond the
 * second-level cache. */
typedef struct pst_work {
    double operations[3]; /* by pst_precision */
    double bytes;
} pst_work;

/* The work of a clip of `samples` whose transcript has `tokens` (start token included), greedy or
 * with `beams`. PST_STAGE_SEARCH is left at 0: it is bookkeeping. */
PST_API void pst_model_work(const pst_model *model, size_t samples, size_t tokens, size_t beams,
                            pst_work work[PST_STAGE_COUNT]);

/* What this machine can do at best. */
typedef struct pst_peak {
    double operations_per_second[3]; /* by pst_precision, with the model's instruction set */
    double bytes_per_second;         /* read from a block of 40 MB */
} pst_peak;

/* Measures it with `threads` threads, in about a second. PST_ERR_IO: a thread cannot be started. */
PST_API pst_status pst_measure_peak(const pst_model *model, uint32_t threads, pst_peak *peak,
                                    pst_error *err);

/* ---------------------------------------------------------------------------------------- files */

/* Writes a file as every call above does: `bytes` [length] under a temporary name beside `path`,
 * synced, then renamed, so that whoever reads `path` finds the old file or the whole new one. What
 * killed processes left of it is removed. PST_ERR_IO. */
PST_API pst_status pst_write_file(const char *path, const void *bytes, size_t length,
                                  pst_error *err);
/* The hex digits of the SHA-256 of `bytes` [length], and of a file; one that is missing is
 * PST_ERR_MODEL. */
PST_API pst_status pst_sha256(const void *bytes, size_t length, char hex[65], pst_error *err);
PST_API pst_status pst_sha256_file(const char *path, char hex[65], pst_error *err);

/* The entry of `names` [count] that `typed` was probably meant to be: the first that begins with
 * it, else the one with the fewest letters to change; NULL: it is like none. */
PST_API const char *pst_nearest_name(const char *typed, const char *const *names, size_t count);

#ifdef __cplusplus
}
#endif

#endif
