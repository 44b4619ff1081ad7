/* potstill.h - run fine-tuned Moonshine speech models.
 *
 * Three objects. A `pst_model` is a checkpoint, or what was converted from one for Core ML:
 * immutable once open, any number of threads may read it. A `pst_adapter` is a LoRA (or related)
 * adapter, checked against its model and just as immutable. A `pst_session` computes for one thread
 * at a time: it has the scratch memory and the worker threads. Free adapters and sessions before
 * their model.
 *
 *     pst_error err;
 *     pst_model *model = NULL;
 *     pst_adapter *adapter = NULL;
 *     pst_session *session = NULL;
 *     pst_audio audio = {0};
 *     pst_transcript *out = NULL;
 *     if (pst_model_open("moonshine-tiny", NULL, &model, &err) ||
 *         pst_adapter_open(model, "my_adapter", NULL, &adapter, &err) ||
 *         pst_session_new(model, NULL, &session, &err) ||
 *         pst_session_use_adapter(session, adapter, &err) ||
 *         pst_audio_read("clip.flac", &audio, &err) ||
 *         pst_transcribe(session, audio.samples, audio.count, NULL, &out, &err))
 *         fprintf(stderr, "%s\n", err.message);
 *     else
 *         puts(out->text);
 *     pst_transcript_free(out);
 *     pst_audio_free(&audio);
 *     pst_session_free(session);
 *     pst_adapter_free(adapter);
 *     pst_model_free(model);
 *
 * potstill_tools.h has what is done to models before and after: merge, convert, verify, diff,
 * import, packages, scores, profiles.
 *
 * The contract:
 *  1. Samples are mono float32 at 16,000 Hz, in [-1, 1]. Texts and paths are UTF-8, or what bytes
 *     the file system has.
 *  2. Every call that can fail returns a pst_status and fills an optional caller-owned pst_error.
 *     A message says what, where, and what was expected. On failure no out-parameter is touched.
 *     Each call may return PST_ERR_ARGUMENT (a NULL pointer that must not be NULL, an option out of
 *     range) and PST_ERR_MEMORY; comments name the others.
 *  3. What a call returns is the caller's, to be released by the matching _free; _free takes NULL.
 *  4. No call prints, exits, reads the environment, installs a handler or keeps process-wide state.
 *  5. The same input, model, options and instruction set give the same tokens for any number of
 *     threads.
 *  6. Option structs are set up by their _init and passed by pointer; NULL means the defaults. They
 *     grow at their end: `struct_size` tells the library which fields the program was compiled
 *     with, and those that it does not have keep their defaults. A newer program may use an older
 *     library as long as it sets no field that the library does not have: that is
 *     PST_ERR_UNSUPPORTED. C programs call TYPE_init(&options), a macro that adds the size; other
 *     languages call TYPE_init_sized().
 */
#ifndef POTSTILL_H
#define POTSTILL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(PST_BUILD_SHARED) || defined(__GNUC__)
#define PST_API __attribute__((visibility("default")))
#else
#define PST_API
#endif

#define PST_VERSION_MAJOR 0
#define PST_VERSION_MINOR 1
#define PST_VERSION_PATCH 0
#define PST_VERSION "0.1.0"

#define PST_SAMPLE_RATE_HZ 16000

/* ------------------------------------------------------------------------------------- errors */

typedef enum pst_status {
    PST_OK = 0,
    /* The call itself is wrong: a NULL pointer, an option out of range. */
    PST_ERR_ARGUMENT = 1,
    /* Audio or text that cannot be used. */
    PST_ERR_INPUT = 2,
    /* A model or adapter file is missing, damaged or does not fit. */
    PST_ERR_MODEL = 3,
    /* Valid, but a feature that this version does not have; the message names it. */
    PST_ERR_UNSUPPORTED = 4,
    /* The system refused to read or write. */
    PST_ERR_IO = 5,
    PST_ERR_MEMORY = 6,
    /* The caller's function asked to stop. */
    PST_ERR_CANCELLED = 7,
    /* No such model on this machine; the hub may have it. */
    PST_ERR_NOT_FOUND = 8,
    /* The hub has no such model, or does not give it without a token that has access: it does not
     * tell which. */
    PST_ERR_ACCESS = 9,
    /* This machine lacks what was asked for: an instruction set, Core ML. */
    PST_ERR_DEVICE = 10
} pst_status;

/* An error record, owned by the caller. `message` is UTF-8, one line, without a final period. */
typedef struct pst_error {
    pst_status code;
    char message[512];
} pst_error;

/* The name of a status ("model", "memory", ...); never NULL. */
PST_API const char *pst_status_name(pst_status status);

/* "0.1.0": the version of the library linked in, PST_VERSION being that of the header. */
PST_API const char *pst_version(void);

/* One line about this build and machine: kernel sets usable here, libraries and their versions.
 * Writes at most `size` bytes with the final NUL; returns the length it would have needed. */
PST_API size_t pst_build_info(char *text, size_t size);

/* Bytes of the struct `name` ("pst_clip") of this header or potstill_tools.h as the library was
 * compiled with it, for languages that declare structs again; 0: there is no such struct. */
PST_API size_t pst_struct_size(const char *name);

/* Releases the arrays and texts that calls return without a _free of their own. */
PST_API void pst_free(void *memory);

/* ------------------------------------------------------------------------------ finding models */

/* How far a download is. */
typedef struct pst_hub_progress {
    const char *file;  /* being received; NULL while the hub is asked what there is */
    uint64_t received; /* bytes of this pull so far */
    uint64_t total;    /* bytes that this pull will receive; 0: not known yet */
    const char *id;    /* what is pulled */
} pst_hub_progress;

/* How the Hugging Face hub, or a server that behaves like it, is reached. */
typedef struct pst_hub_options {
    size_t struct_size;
    const char *endpoint;   /* NULL: "https://huggingface.co"; plain http only where this says so */
    const char *cache_dir;  /* the Hugging Face cache, shared with Python; made when missing */
    const char *token;      /* sent to the endpoint and to no other host; NULL or "": none */
    const char *user_agent; /* NULL: "potstill/" PST_VERSION */
    const char *ca_file;    /* PEM certificates to trust; NULL: the system's */
    int offline;            /* send nothing at all */
    int no_symlinks;        /* real files in snapshots/, as on file systems without links */
    uint32_t etag_timeout_ms;     /* silence allowed when asking about a file; 0: 10 s */
    uint32_t download_timeout_ms; /* silence allowed in a download; 0: 10 s */
    uint64_t file_bytes_max;      /* 0: 50 GB, the hub's own limit */
    /* Called several times a second; other than 0 ends in PST_ERR_CANCELLED. May be NULL. */
    int (*progress)(void *user, const pst_hub_progress *progress);
    void *user;
} pst_hub_options;

PST_API void pst_hub_options_init_sized(pst_hub_options *options, size_t struct_size);
#define pst_hub_options_init(options) pst_hub_options_init_sized(options, sizeof *(options))

/* Where models are looked for. All pointers may be NULL; the library reads no environment. */
typedef struct pst_search {
    size_t struct_size;
    const char *models_dir; /* folder of imported models: <models_dir>/moonshine-tiny/config.json */
    const char *hub_cache;  /* Hugging Face cache: <hub_cache>/models--org--name/snapshots/... */
    const char *revision;   /* branch, tag or commit on the hub; NULL: "main" */
    const pst_hub_options *hub; /* to download what is not here, into hub_cache; NULL: never */
} pst_search;

PST_API void pst_search_init_sized(pst_search *search, size_t struct_size);
#define pst_search_init(search) pst_search_init_sized(search, sizeof *(search))

/* Finds the folder of a model or an adapter by what a user types: an existing folder as it is, a
 * name below models_dir, or a hub id ("org/name") in the local cache, under both names of the
 * organisation that publishes Moonshine; what none of them has is downloaded, if `search` has a
 * hub. `required` is the file that must be there: "config.json", "adapter_config.json" or
 * "tokenizer.json". `*dir` is to be released by pst_free().
 * PST_ERR_NOT_FOUND: a hub id that is not in the cache, and `search` has no hub or is offline;
 * PST_ERR_MODEL: neither a folder nor a hub id, or one without `required`; and as
 * pst_hub_pull(). */
PST_API pst_status pst_find_model(const char *name, const char *required, const pst_search *search,
                                  char **dir, pst_error *err);

/* Downloads the files of a model, an adapter or a processor (by `required`, as above; NULL:
 * whichever it is) from the hub into the cache, as Python's huggingface_hub lays it out, so that
 * either finds what the other has downloaded. `revision` NULL is "main". Every file's SHA-256 or
 * git SHA-1 is checked before it gets its name. `*dir` is the snapshot's folder, to be released by
 * pst_free().
 * PST_ERR_ACCESS; PST_ERR_MODEL: the repository lacks the revision or files; PST_ERR_IO: network,
 * disk, offline; PST_ERR_CANCELLED: by `progress`.
 *
 * Proxies are found by libcurl in its usual variables. libcurl before 7.84 sets itself up at the
 * first call in a way that is not safe for threads: there, a program with several threads calls
 * curl_global_init() at its start. */
PST_API pst_status pst_hub_pull(const char *id, const char *revision, const char *required,
                                const pst_hub_options *options, char **dir, pst_error *err);

/* What a name is to be the name of. */
typedef enum pst_find_kind {
    PST_FIND_ANY = 0,        /* an adapter or a model, whichever it is */
    PST_FIND_MODEL = 1,      /* a checkpoint, or by its path what pst_convert() has made of one */
    PST_FIND_CHECKPOINT = 2, /* a folder of config.json */
    PST_FIND_ADAPTER = 3,    /* an adapter's folder, or one that has a single such folder inside */
    PST_FIND_PROCESSOR = 4   /* a folder of tokenizer.json */
} pst_find_kind;

/* What finding depends on besides names: the environment, and who asks. */
typedef struct pst_find_options {
    size_t struct_size;
    /* "NAME=value" as in environ, NULL at the end: where things are, how the hub is reached, the
     * default model (docs/HUB.md and the manual page list them). NULL: there are none. */
    const char *const *variables;
    const char *home;       /* the user's folder, where HOME is not among them; NULL: "/" */
    const char *user_agent; /* as pst_hub_options */
    const char *ca_file;    /* as pst_hub_options, where SSL_CERT_FILE is not among them */
    int offline;            /* download nothing, whatever the variables say */
    /* How those who will read the messages choose a model, an adapter, a processor: "--model",
     * "--adapter", "--processor-dir". NULL: "model", "adapter", "processor_dir". */
    const char *model_option, *adapter_option, *processor_option;
    /* Called, perhaps on any thread that finds, with one-line messages about what is done though it
     * may not be meant. May be NULL. */
    void (*warn)(void *user, const char *message);
    int (*progress)(void *user, const pst_hub_progress *progress); /* as pst_hub_options */
    void *user;
} pst_find_options;

PST_API void pst_find_options_init_sized(pst_find_options *options, size_t struct_size);
#define pst_find_options_init(options) pst_find_options_init_sized(options, sizeof *(options))

/* Finds what people name, as the command line does: one order of places, one set of messages. It
 * keeps copies of its options and does not change: any number of threads may use it. */
typedef struct pst_finder pst_finder;

/* `warn` is called for a variable whose value means nothing. */
PST_API pst_status pst_finder_new(const pst_find_options *options, pst_finder **finder,
                                  pst_error *err);
PST_API void pst_finder_free(pst_finder *finder);

/* Where a finder looks; texts live as long as it does. */
typedef struct pst_finder_info {
    const char *models_dir;            /* of imported models */
    const char *hub_cache;             /* of the Hugging Face hub */
    const char *weights_cache;         /* for pst_model_options; NULL: there is no home for one */
    const char *moonshine_voice_cache; /* of the Python package moonshine_voice */
    const char *model;                 /* to use where none is named */
    int model_is_chosen;               /* by POTSTILL_MODEL */
    const char *endpoint;              /* of the hub */
    int offline;
} pst_finder_info;

PST_API void pst_finder_describe(const pst_finder *finder, pst_finder_info *info);

/* The folder of what `name` names: a folder of that name, an imported model, what the hub cache
 * has under that id, what the hub has. `revision` (NULL: "main") is a branch, tag or commit on the
 * hub. `*dir` is to be released by pst_free().
 * PST_ERR_MODEL: it is something else, or nothing here and no hub id; PST_ERR_NOT_FOUND: a hub id
 * that is not here, and the finder is offline; PST_ERR_ACCESS, PST_ERR_IO, PST_ERR_CANCELLED as
 * pst_hub_pull(). */
PST_API pst_status pst_finder_find(const pst_finder *finder, const char *name, pst_find_kind kind,
                                   const char *revision, char **dir, pst_error *err);

/* Downloads `id`, whatever it is, or asks the hub whether what is here is its latest. As
 * pst_hub_pull(). */
PST_API pst_status pst_finder_pull(const pst_finder *finder, const char *id, const char *revision,
                                   char **dir, pst_error *err);

/* The model for the adapters in `adapter_dirs` [count]: the base that the first one names which
 * names any, in its config or the head of its README.md; else the finder's default. The base is
 * looked for from the adapter's folder too. `revision` wins over the adapter's. `*name`, as it was
 * named, and `*dir` are to be released by pst_free(). Errors as pst_finder_find(); PST_ERR_MODEL
 * also: the base is not to be had, and the default is another model that nobody has chosen. */
PST_API pst_status pst_finder_base(const pst_finder *finder, const char *const *adapter_dirs,
                                   size_t count, const char *revision, char **name, char **dir,
                                   pst_error *err);

/* Compares the model called `name` in the folder `dir` with the base that the adapter in
 * `adapter_dir` names: by the fingerprint in its README.md, else by name, and where names differ by
 * the weights of both where both are here. Warns of another one; where it is one by its fingerprint
 * and the user has not `chosen` it, that is PST_ERR_MODEL. */
PST_API pst_status pst_finder_check_base(const pst_finder *finder, const char *adapter_dir,
                                         const char *name, const char *dir, int chosen,
                                         pst_error *err);

/* A folder of tokenizer.json for a checkpoint in `model_dir` that has none, as trainers leave them:
 * near it, that of the model it was made from, of an imported model with its vocabulary, of the
 * default model; nothing is downloaded. Warns of what it takes. `*dir`, to be released by
 * pst_free(), is NULL where the model has its own, where it is converted, and where none is
 * found. */
PST_API pst_status pst_finder_processor(const pst_finder *finder, const char *model_dir, char **dir,
                                        pst_error *err);

/* silero-vad/silero_vad_16k.safetensors beside the folder `model_dir` (NULL: no model), beside the
 * model that the environment has chosen, or among the imported ones. `*path`, to be released by
 * pst_free(), is NULL where there is none. */
PST_API pst_status pst_finder_vad(const pst_finder *finder, const char *model_dir, char **path,
                                  pst_error *err);

/* -------------------------------------------------------------------------------------- model */

typedef struct pst_model pst_model;

/* Instruction sets the kernels may use. */
typedef enum pst_cpu {
    PST_CPU_AUTO = 0,      /* the fastest that the CPU has */
    PST_CPU_REFERENCE = 1, /* plain C, for tests and doubts */
    PST_CPU_AVX2 = 2,      /* with FMA and F16C */
    PST_CPU_AVX_VNNI = 3,  /* AVX2 with 8-bit dot products */
    PST_CPU_AVX512 = 4,    /* F, BW, DQ and VL */
    PST_CPU_AVX512_VNNI = 5,
    PST_CPU_AVX512_BF16 = 6, /* and VNNI */
    PST_CPU_AMX = 7,         /* and AVX-512 VNNI and BF16 */
    PST_CPU_NEON = 8,
    PST_CPU_NEON_DOTPROD = 9,
    PST_CPU_NEON_I8MM = 10 /* 8-bit and bfloat16 matrix products, and dot products */
} pst_cpu;

/* How precisely the matrix products of the network are computed. Adapters act in float32 on all. */
typedef enum pst_precision {
    /* As the reference stack, token for token. */
    PST_PRECISION_F32 = 0,
    /* Weights and activations of the products rounded to bfloat16. */
    PST_PRECISION_BF16 = 1,
    /* int8 where it changes the fewest words, with a scale for each output channel of the weights
     * and each row of the activations; bfloat16 elsewhere. */
    PST_PRECISION_INT8 = 2,
    /* bf16 where the kernels of this CPU have products for it, else f32; never int8. */
    PST_PRECISION_AUTO = 3
} pst_precision;

/* Who computes. */
typedef enum pst_device {
    PST_DEVICE_AUTO = 0, /* the CPU for a checkpoint, the interpreter for a converted model */
    PST_DEVICE_CPU = 1,  /* the engine, from a checkpoint */
    /* An interpreter of what pst_convert() makes, on any system: for proof and tests, slower. */
    PST_DEVICE_MIL = 2,
    PST_DEVICE_COREML = 3 /* Core ML, on macOS */
} pst_device;

/* What Core ML may compute with; what suits none of them it computes on the CPU. */
typedef enum pst_compute_units {
    PST_UNITS_ALL = 0,
    PST_UNITS_ANE = 1, /* CPU and Neural Engine */
    PST_UNITS_GPU = 2, /* CPU and GPU */
    PST_UNITS_CPU = 3
} pst_compute_units;

typedef struct pst_model_options {
    size_t struct_size;
    /* Folder of tokenizer.json and the feature extractor's settings; NULL: the model's. */
    const char *processor_dir;
    pst_cpu cpu;
    pst_precision precision;
    /* Folder where weights packed for this CPU, and what Core ML compiles, are kept for the next
     * time, shared by processes; NULL: made anew for each model. A folder that cannot be written is
     * no error. */
    const char *cache_dir;
    int prepare; /* pack the weights for computing now; 0: when the first session is made */
    pst_device device;
    pst_compute_units units; /* of Core ML */
    /* For a converted model, but of the layout `single`: the checkpoint it was made from, whose
     * decoder then goes on from what the packages encode. NULL: that in `dir`, if there is one. */
    const char *decoder_dir;
    /* Of odd settings, and of Core ML in any session; NULL: silent. */
    void (*warn)(void *user, const char *message);
    void *user;
    /* Of a streaming model: 1: both ends of the windows of its encoder count, a frame more on
     * either side, as the vendor's own export has it; 0: as transformers. An error with others. */
    int inclusive_windows;
    /* For a model that is used for long: what computing reads of a checkpoint, and adapters opened
     * for it, are read into memory of this process rather than mapped, so that files that are cut
     * short afterwards change nothing; only opening an adapter may read more. The weights are
     * packed now, as `prepare` does. Packages stay mapped. */
    int read_files;
} pst_model_options;

PST_API void pst_model_options_init_sized(pst_model_options *options, size_t struct_size);
#define pst_model_options_init(options) pst_model_options_init_sized(options, sizeof *(options))

/* Opens what `dir` is, a checkpoint or a converted model; see pst_find_model() for hub ids.
 *
 * A checkpoint is a Hugging Face Moonshine folder: config.json; model.safetensors or its shards, or
 * pytorch_model.bin or its; and, where present, generation_config.json, preprocessor_config.json or
 * processor_config.json, tokenizer.json. float32 weights are used where they lie in the mapped
 * file; float16 and bfloat16 are widened.
 *
 * A converted model is what pst_convert() makes: the folder of the layout `split`, or the
 * .mlpackage of `single`, which needs a processor_dir. It has its adapters merged in and takes no
 * others, and clips of at most info.samples_max. It decodes like a checkpoint, with two exceptions:
 * one that keeps its cache itself (`state`) has no beams. One of `single` has no beams, rules or
 * log-probabilities (avg_logprob is NaN), and hears a shorter clip with silence behind it, as
 * whoever calls it does.
 *
 * Files stay mapped while the model is open, unless they are read (read_files): replace them by a
 * rename. One that is written in place changes under the model, and one that is cut short ends the
 * process by SIGBUS, which the library does not handle.
 *
 * PST_ERR_MODEL, PST_ERR_IO; PST_ERR_UNSUPPORTED: a setting of the model that would change its
 * output; PST_ERR_DEVICE. */
PST_API pst_status pst_model_open(const char *dir, const pst_model_options *options,
                                  pst_model **model, pst_error *err);
PST_API void pst_model_free(pst_model *model);

typedef struct pst_model_info {
    const char *model_type; /* "moonshine" */
    const char *dtype;      /* stored type of most weights: "float32", "float16", "bfloat16" */
    const char *kernels;    /* the kernel set in use: "avx512_vnni", "neon", ...; or the device */
    const char *precision;  /* that of the products: "f32", "bf16", "int8" */
    uint64_t parameters;    /* values stored */
    uint64_t file_bytes;    /* size of the weight files */
    uint32_t tensors;
    uint32_t dim, heads, head_dim, rotary_dim; /* of the decoder; see pst_encoder_info */
    uint32_t encoder_layers, decoder_layers;
    uint32_t encoder_ffn, decoder_ffn;
    uint32_t vocab, max_position_embeddings;
    uint32_t max_length; /* tokens of a transcript with its start token, by generation_config */
    int tied_embeddings;
    const char *device; /* "cpu", "mil", "coreml" */
    /* Of a converted model, of which no sizes but vocab and max_length are known: */
    const char *layout;     /* "split", "single", "stream"; NULL: a checkpoint */
    size_t samples_max;     /* of a clip; 0: no limit */
    uint32_t num_beams_max; /* 1: it decodes greedily; 0: no limit */
    /* generation_config.json asks generate() to draw tokens at random; here the best is taken. */
    int do_sample;
} pst_model_info;

/* Strings in `info` live as long as the model. */
PST_API void pst_model_describe(const pst_model *model, pst_model_info *info);

/* Sizes of the encoder. pst_model_info has those of the decoder; they are the same in a "moonshine"
 * model and differ in a "moonshine_streaming" one. */
typedef struct pst_encoder_info {
    size_t struct_size;
    uint32_t dim, heads, kv_heads, head_dim; /* kv_heads: heads of keys and values */
    uint32_t layers, ffn;
    int windowed; /* frames attend to some frames around them; 0: to all of the clip */
    /* Frames of 20 ms before and after a frame that it depends on through all layers, as the model
     * was opened (inclusive_windows); 0 when not windowed. */
    uint32_t frames_back, frames_ahead;
} pst_encoder_info;

PST_API void pst_encoder_info_init_sized(pst_encoder_info *info, size_t struct_size);
#define pst_encoder_info_init(info) pst_encoder_info_init_sized(info, sizeof *(info))

/* Fills `info`, which pst_encoder_info_init() has set up. PST_ERR_ARGUMENT: a NULL pointer, or a
 * converted model, whose sizes are not known. */
PST_API pst_status pst_model_describe_encoder(const pst_model *model, pst_encoder_info *info,
                                              pst_error *err);

/* Encodes `text` [length], UTF-8, to `*ids` [*count] as tokenizers does with add_special_tokens, so
 * a start token comes first. `*ids` is to be released by pst_free().
 * PST_ERR_INPUT: not UTF-8, or too long; PST_ERR_MODEL: the model has no tokenizer. */
PST_API pst_status pst_model_encode(const pst_model *model, const char *text, size_t length,
                                    int32_t **ids, size_t *count, pst_error *err);
/* Decodes `ids` [count] to `*text`, UTF-8 and NUL-terminated, to be released by pst_free(). Ids
 * that the tokenizer does not know are skipped, as upstream does. PST_ERR_MODEL: no tokenizer. */
PST_API pst_status pst_model_decode(const pst_model *model, const int32_t *ids, size_t count,
                                    int skip_special_tokens, char **text, pst_error *err);

/* ------------------------------------------------------------------------------------ adapters */

typedef struct pst_adapter pst_adapter;

typedef struct pst_adapter_options {
    size_t struct_size;
    void (*warn)(void *user, const char *message); /* unused tensors, odd settings; NULL: silent */
    void *user;
    /* For adapters that do not store theirs (Moonshine's own trainer); 0: 1, with a warning. */
    double adapter_scale;
} pst_adapter_options;

PST_API void pst_adapter_options_init_sized(pst_adapter_options *options, size_t struct_size);
#define pst_adapter_options_init(options) pst_adapter_options_init_sized(options, sizeof *(options))

/* Opens an adapter folder and checks it against `model`: every tensor's module, shape and values.
 * It is one of PEFT (adapter_config.json, adapter_model.safetensors or .bin; LORA and most other
 * methods, docs/ADAPTERS.md lists them) or of Moonshine's own trainer (adapter.safetensors).
 * PST_ERR_MODEL, PST_ERR_IO; PST_ERR_UNSUPPORTED: what cannot be applied exactly is refused by
 * name, never ignored. */
PST_API pst_status pst_adapter_open(const pst_model *model, const char *dir,
                                    const pst_adapter_options *options, pst_adapter **adapter,
                                    pst_error *err);
PST_API void pst_adapter_free(pst_adapter *adapter);

/* Where in `dir` an adapter is, as pst_adapter_open() finds it: `dir` itself or, as PEFT saves
 * adapters that have a name, its only folder with one. `*found` is to be released by pst_free().
 * PST_ERR_MODEL: none, or several. */
PST_API pst_status pst_adapter_find(const char *dir, char **found, pst_error *err);

typedef struct pst_adapter_info {
    const char *peft_type;  /* "LORA", ...; "MOONSHINE_VOICE" of Moonshine's own trainer */
    const char *base_model; /* base_model_name_or_path as stored; "" when absent */
    uint64_t parameters;    /* values in lora_A and lora_B together */
    uint64_t file_bytes;
    uint32_t modules; /* modules changed */
    uint32_t rank_min, rank_max;
    int rslora;
} pst_adapter_info;

/* Strings live as long as the adapter. */
PST_API void pst_adapter_describe(const pst_adapter *adapter, pst_adapter_info *info);

typedef struct pst_adapter_module {
    const char *name; /* "model.decoder.layers.3.encoder_attn.v_proj" */
    uint32_t out, in, rank;
    double scale;       /* lora_alpha / r, or / sqrt(r) with rslora */
    double delta_norm;  /* Frobenius norm of scale * B * A */
    double weight_norm; /* Frobenius norm of the base weight */
} pst_adapter_module;

/* Fills `module` for 0 <= index < info.modules, in the order of the network. Reads the weight. */
PST_API pst_status pst_adapter_module_at(const pst_adapter *adapter, size_t index,
                                         pst_adapter_module *module, pst_error *err);

/* --------------------------------------------------------------------------------------- audio */

typedef struct pst_audio {
    float *samples; /* [count] mono float32 at 16 kHz */
    size_t count;
    double duration; /* seconds: count / 16000 */
    int source_rate_hz;
    int source_channels;
} pst_audio;

/* Reads any file libsndfile knows; channels are averaged, other rates resampled by soxr at its HQ
 * setting, as the reference stack does. Release with pst_audio_free().
 * PST_ERR_INPUT: no such file, not audio, damaged, empty, or over six hours, which
 * where the file's head says so is seen before anything is read; PST_ERR_IO. */
PST_API pst_status pst_audio_read(const char *path, pst_audio *audio, pst_error *err);
/* The same from an open descriptor, also of a pipe. `name` is used in messages. */
PST_API pst_status pst_audio_read_fd(int fd, const char *name, pst_audio *audio, pst_error *err);
PST_API void pst_audio_free(pst_audio *audio);

/* How files are read. */
typedef struct pst_audio_options {
    size_t struct_size;
    /* The program ffmpeg, a path: it reads the files that libsndfile does not know (m4a, mp4, webm,
     * ...), as a process of its own, without a shell and without the network. NULL: they are
     * refused. The library looks for no program itself. */
    const char *ffmpeg;
    /* How long it may give nothing while it is waited for: then it is stopped, and the file is
     * PST_ERR_INPUT. 60000. */
    uint32_t ffmpeg_silence_ms;
    /* 0: the mean of all channels; N: the N-th alone; PST_CHANNEL_EACH, of a batch: each by itself,
     * with the segments of all in the order of their times. */
    uint32_t channel;
    /* A file with more seconds of sound is PST_ERR_INPUT, as soon as it is known: by its head, or
     * while it is decoded. 0: the limits of the library, which are never exceeded. */
    double seconds_max;
} pst_audio_options;

#define PST_CHANNEL_EACH UINT32_MAX

PST_API void pst_audio_options_init_sized(pst_audio_options *options, size_t struct_size);
#define pst_audio_options_init(options) pst_audio_options_init_sized(options, sizeof *(options))

/* pst_audio_read() as `options` say. */
PST_API pst_status pst_audio_read_with(const char *path, const pst_audio_options *options,
                                       pst_audio *audio, pst_error *err);

/* Scales `samples` [count] in place to a root mean square of 0.075 and clamps to [-1, 1]: what the
 * reference script does before it transcribes. PST_ERR_INPUT, with the samples unchanged: silence
 * (rms <= 0.001), no samples, or one that is not finite. */
PST_API pst_status pst_audio_normalize_rms(float *samples, size_t count, pst_error *err);

/* -------------------------------------------------------------------------------------- session */

typedef struct pst_session pst_session;

typedef struct pst_session_options {
    size_t struct_size;
    uint32_t threads; /* 0: one per core this process may use, at most 8 */
} pst_session_options;

PST_API void pst_session_options_init_sized(pst_session_options *options, size_t struct_size);
#define pst_session_options_init(options) pst_session_options_init_sized(options, sizeof *(options))
/* Starts the threads of a session over `model`, and packs the model's weights if nobody has yet.
 * PST_ERR_IO: a thread cannot be started. */
PST_API pst_status pst_session_new(const pst_model *model, const pst_session_options *options,
                                   pst_session **session, pst_error *err);
PST_API void pst_session_free(pst_session *session);
/* Threads it computes with, the caller's included. */
PST_API uint32_t pst_session_threads(const pst_session *session);
/* Computes what follows with so many of them, for the other cores to have other work; results are
 * the same. Also from `cancelled` of the decode options. PST_ERR_ARGUMENT: expected 1 to
 * pst_session_threads(). */
PST_API pst_status pst_session_use_threads(pst_session *session, uint32_t threads, pst_error *err);
/* Bytes of working memory the session holds now; it grows to the longest clip seen. */
PST_API size_t pst_session_memory(const pst_session *session);

/* Applies `adapter` (borrowed; it must outlive its use here) to what follows; NULL: none. */
PST_API pst_status pst_session_use_adapter(pst_session *session, const pst_adapter *adapter,
                                           pst_error *err);
/* Applies `adapters` [count]: what they add is summed in this order, as several active adapters of
 * PEFT. `weights` [count] multiply their scales (NULL: all 1); tensors that an adapter replaces it
 * replaces whole. Two that replace the same tensor, or one of another model, are PST_ERR_ARGUMENT.
 * Choosing is cheap: sessions over one model may choose among many open adapters for every clip. */
PST_API pst_status pst_session_use_adapters(pst_session *session,
                                            const pst_adapter *const *adapters,
                                            const double *weights, size_t count, pst_error *err);

typedef enum pst_early_stopping {
    PST_STOP_HEURISTIC = 0, /* transformers' False: stop when improvement is unlikely */
    PST_STOP_FIRST = 1,     /* True: stop when num_beams hypotheses are finished */
    PST_STOP_NEVER = 2      /* "never": stop when improvement is impossible */
} pst_early_stopping;

/* A bias added to the score of the last of `tokens` [count] when the ids end with the others. */
typedef struct pst_sequence_bias {
    const int32_t *tokens;
    size_t count;
    float bias;
} pst_sequence_bias;

/* A head of the decoder's cross-attention that follows the sound of the tokens. */
typedef struct pst_alignment_head {
    uint32_t layer, head;
    int32_t lag; /* frames that it looks behind the start of a token; negative: before it */
} pst_alignment_head;

/* The settings of transformers' generate() that decide the tokens, with its names and meaning. */
typedef struct pst_decode_options {
    size_t struct_size;
    uint32_t num_beams;      /* 1: greedy */
    uint32_t max_new_tokens; /* 0: max_length decides */
    uint32_t max_length;     /* tokens with the start token; 0: the model's own limit */
    uint32_t min_length;
    uint32_t min_new_tokens;
    float repetition_penalty; /* 1: none */
    uint32_t no_repeat_ngram_size;
    float length_penalty;
    pst_early_stopping early_stopping;
    const int32_t *suppress_tokens; /* [suppress_tokens_count] */
    size_t suppress_tokens_count;
    const int32_t *begin_suppress_tokens; /* [begin_suppress_tokens_count] */
    size_t begin_suppress_tokens_count;
    const pst_sequence_bias *sequence_bias; /* [sequence_bias_count] */
    size_t sequence_bias_count;
    int32_t forced_bos_token_id; /* -1: none */
    int32_t forced_eos_token_id; /* -1: none */
    /* 1: greedy search does not compute avg_logprob, which then is NaN. It saves the greatest part
     * of the output matrix; tokens and margin are the same. */
    int skip_logprob;
    /* Sequences whose last token never follows the others; their `bias` is not looked at. */
    const pst_sequence_bias *bad_words_ids; /* [bad_words_ids_count] */
    size_t bad_words_ids_count;
    /* exponential_decay_length_penalty: past `start` generated tokens an end token's score s gains
     * |s| (factor^n - 1) at the n-th token; factor 1: none. */
    uint32_t exponential_decay_start;
    float exponential_decay_factor;
    int renormalize_logits; /* beam search: scores are log-probabilities again after the rules */
    /* 1: greedy search ends, with PST_FLAG_LOOP, where the tokens go round in a circle. */
    int stop_loops;
    /* 1: the words of the transcript, with their times. The text is the same. A converted model
     * whose packages decode has none: PST_ERR_UNSUPPORTED. */
    int word_timestamps;
    /* [alignment_heads_count] heads that give the times; none: those known for the model's size. */
    const pst_alignment_head *alignment_heads;
    size_t alignment_heads_count;
    /* Asked before the encoder and before each step of the decoder, on the thread that decodes;
     * other than 0 ends the transcription in PST_ERR_CANCELLED. Packages that decode by themselves
     * ask only before. May be NULL. */
    int (*cancelled)(void *user);
    void *cancelled_user;
    /* Texts that are likely to be said, in part or whole; `bias` is not looked at. Greedy search
     * tries several of their tokens in one step of the decoder and keeps those that it would have
     * chosen: what comes out is the same, sooner. Of a clip that has grown, the tokens of its last
     * transcript, start token first, are the best draft. */
    const pst_sequence_bias *drafts; /* [drafts_count] */
    size_t drafts_count;
} pst_decode_options;

/* transformers' own defaults: greedy, no rule active. */
PST_API void pst_decode_options_init_sized(pst_decode_options *options, size_t struct_size);
#define pst_decode_options_init(options) pst_decode_options_init_sized(options, sizeof *(options))
/* What generate() would use for this model: the defaults, overridden by its generation_config.json.
 * Lists in `options` point into the model. NULL options to pst_transcribe() mean these. */
PST_API void pst_model_decode_options_sized(const pst_model *model, pst_decode_options *options,
                                            size_t struct_size);
#define pst_model_decode_options(model, options)                                                   \
    pst_model_decode_options_sized(model, options, sizeof *(options))

/* Doubts about a text. */
enum pst_flag {
    /* Nobody speaks: text and tokens are empty; or nobody may have, and the text is invented. */
    PST_FLAG_NO_SPEECH = 1,
    PST_FLAG_LOOP = 2,           /* it repeats itself over and over */
    PST_FLAG_LOW_CONFIDENCE = 4, /* avg_logprob is below -1 */
    PST_FLAG_TRUNCATED = 8       /* the length limit ended it */
};
/* A word of a text: what stands between spaces, or one character of a script without them. */
typedef struct pst_word {
    const char *text;  /* without spaces */
    size_t offset;     /* of its first byte in the transcript's text */
    double start, end; /* seconds; words do not overlap and are in order */
    /* Mean probability of its tokens, before any rule; NaN with skip_logprob. */
    double probability;
    /* How likely the word is right: the lowest probability of those of its tokens that are more
     * than punctuation (docs/TIMES.md has what it is worth); NaN as above. */
    double confidence;
} pst_word;

typedef struct pst_transcript {
    char *text;      /* special tokens removed, as batch_decode(skip_special_tokens=True) */
    int32_t *tokens; /* [token_count] from the start token to the end token */
    size_t token_count;
    double avg_logprob; /* mean log-probability of the generated tokens, before any rule */
    float score;        /* beam search: the winning hypothesis' normalised score; greedy: 0 */
    /* The closest call on the way. Greedy: the smallest gap between the best and the second score
     * of a step; beam search: the smallest gap that decided a selection. */
    float margin;
    int truncated;         /* the length limit ended the text, not the end token */
    uint32_t flags;        /* of enum pst_flag: why the text is in doubt; 0: it is not */
    double no_speech_prob; /* that nobody speaks, by the detector; NaN without one */
    /* Bytes of the text for each byte of it compressed; 0 for an empty one. Above 2.4 it repeats
     * itself. */
    double compression_ratio;
    /* [word_count] with word_timestamps; else none. Times of pst_transcribe() are from its first
     * sample, those of a batch from the first of the clip. */
    pst_word *words;
    size_t word_count;
    double confidence; /* mean of the words', NaN without */
    /* Of a segment with PST_CHANNEL_EACH: the channel it was heard in, from 1; else 0. */
    uint32_t channel;
    /* Steps of the decoder that it took; 0: not known. */
    uint32_t steps;
    /* [token_count] log-probability of each token before any rule; NaN of a start token, and where
     * a converted model tells none. NULL with skip_logprob. */
    float *token_logprobs;
} pst_transcript;

/* Transcribes `samples` [count] as in the contract; at least 895 (one frame of the encoder).
 * PST_ERR_INPUT: too short, or a sample that is not finite. */
PST_API pst_status pst_transcribe(pst_session *session, const float *samples, size_t count,
                                  const pst_decode_options *options, pst_transcript **transcript,
                                  pst_error *err);
PST_API void pst_transcript_free(pst_transcript *transcript);

/* ------------------------------------------------------------------------ where someone speaks */

/* A clip of a batch, or to look for speech in. What it points to must live until its result is
 * delivered. */
typedef struct pst_clip {
    const char *path; /* an audio file, as pst_audio_read() takes it; NULL: the samples below */
    /* 0 and above: read from here, and no other clip from it; `path` is its name in messages. */
    int fd;
    const float *samples; /* [sample_count] */
    size_t sample_count;
    void *tag; /* the caller's own; comes back with the result */
    /* Of this clip, until it is delivered; NULL: those of the batch. */
    const pst_decode_options *decode;
} pst_clip;

/* A detector of speech: immutable once open, any number of threads may use it. */
typedef struct pst_vad pst_vad;

/* With the names and defaults of Silero's get_speech_timestamps(). */
typedef struct pst_vad_options {
    size_t struct_size;
    /* silero_vad_16k.safetensors, the network Silero VAD v6; NULL: by loudness and spectrum. */
    const char *weights;
    pst_cpu cpu;
    double threshold;               /* speech begins where its probability reaches this .. */
    double neg_threshold;           /* .. and ends below this; negative: 0.15 less, at least 0.01 */
    double min_speech_duration_ms;  /* what is shorter is none */
    double min_silence_duration_ms; /* shorter pauses do not end it */
    double max_speech_duration_s;   /* longer stretches are split at their longest pause */
    double speech_pad_ms;           /* added at both ends, or half of the pause */
    /* How pst_vad_find() reads files; NULL: the defaults. What it points to must live as long as
     * the detector. */
    const pst_audio_options *audio;
} pst_vad_options;

PST_API void pst_vad_options_init_sized(pst_vad_options *options, size_t struct_size);
#define pst_vad_options_init(options) pst_vad_options_init_sized(options, sizeof *(options))

/* PST_ERR_MODEL: the file of weights is missing or another one; PST_ERR_DEVICE. */
PST_API pst_status pst_vad_open(const pst_vad_options *options, pst_vad **vad, pst_error *err);
PST_API void pst_vad_free(pst_vad *vad);
/* "silero", or "energy" without weights. */
PST_API const char *pst_vad_name(const pst_vad *vad);

/* A stretch of speech. */
typedef struct pst_speech {
    double start, end;  /* seconds */
    double probability; /* the mean of its frames */
} pst_speech;

/* Finds the speech of `clip`, a file of any length or samples. `*speech` [`*count`] is in order and
 * to be released by pst_free(); `*duration` (may be NULL) is the seconds of the clip.
 * PST_ERR_INPUT, PST_ERR_IO: as pst_audio_read(). */
PST_API pst_status pst_vad_find(const pst_vad *vad, const pst_clip *clip, pst_speech **speech,
                                size_t *count, double *duration, pst_error *err);

/* ---------------------------------------------------------------------------------- live sound */

/* Sound as it comes, from a microphone, a pipe or a file: mono float32 at 16 kHz, channels averaged
 * and other rates resampled as pst_audio_read() does. One thread at a time reads from it. */
typedef struct pst_source pst_source;

typedef enum pst_sound_format {
    PST_SOUND_WAV = 0, /* its header says what follows; PCM of 8 to 32 bits or float32 */
    PST_SOUND_S16LE = 1,
    PST_SOUND_F32LE = 2
} pst_sound_format;

typedef struct pst_source_options {
    size_t struct_size;
    pst_sound_format format;
    uint32_t rate_hz;  /* of sound without a header: 16000 */
    uint32_t channels; /* the same: 1 */
} pst_source_options;

PST_API void pst_source_options_init_sized(pst_source_options *options, size_t struct_size);
#define pst_source_options_init(options) pst_source_options_init_sized(options, sizeof *(options))

/* A descriptor that sound comes from bit by bit, which stays the caller's; `name` is used in
 * messages. A WAV header that promises another length than comes is not believed. */
PST_API pst_status pst_source_open_fd(int fd, const char *name, const pst_source_options *options,
                                      pst_source **source, pst_error *err);
/* Any file that pst_audio_read() takes, up to 1000 hours, as fast as it is read. */
PST_API pst_status pst_source_open_file(const char *path, pst_source **source, pst_error *err);
/* An input of PortAudio whose name has `device` in it; NULL: the system's own choice.
 * PST_ERR_DEVICE: none such (the message lists what there is), or built without PortAudio. */
PST_API pst_status pst_source_open_microphone(const char *device, pst_source **source,
                                              pst_error *err);
PST_API void pst_source_free(pst_source *source);

/* Waits for sound and puts at most `capacity` samples into `samples`; `*count` is 0 at the end.
 * PST_ERR_INPUT: what comes is no sound, or a sample is not finite; PST_ERR_IO. */
PST_API pst_status pst_source_read(pst_source *source, float *samples, size_t capacity,
                                   size_t *count, pst_error *err);
/* From another thread or a signal handler: no more is read, what was read before comes out. */
PST_API void pst_source_stop(pst_source *source);
/* Seconds of sound that were lost because nobody read in time. */
PST_API double pst_source_lost(const pst_source *source);

/* ------------------------------------------------------------------------------------- streams */

/* Live sound: samples go in as they come, lines of text come out. One thread at a time uses a
 * stream; any number of streams share a model. A line is what is said between two pauses.
 *
 * The text of a line grows while it is spoken. What two decodings in a row agree on is committed
 * and never taken back; the rest is tentative. The text of a completed line is that of
 * pst_transcribe() for the samples of the line, whatever pieces they came in: where more sound made
 * the model think otherwise, it may differ from what was committed. */
typedef struct pst_stream pst_stream;

typedef struct pst_stream_options {
    size_t struct_size;
    uint32_t threads; /* as pst_session_options */
    /* Borrowed, as long as the stream is there; [adapter_count], weights NULL: all 1. */
    const pst_adapter *const *adapters;
    const double *adapter_weights;
    size_t adapter_count;
    /* Of completed lines; NULL: the model's. Lists in it are borrowed. Growing text is decoded
     * greedily by the same rules. */
    const pst_decode_options *decode;
    const pst_vad *vad; /* borrowed; NULL: one by loudness and spectrum */
    double pause_s;     /* silence that ends a line */
    double pad_s;       /* silence that a line has at its ends, at most; the first, if it begins in
                         * the first half second, has all from the start */
    double line_max_s;  /* a line ends here at the latest; 0: 20 s, or less for a small model */
    double update_s;    /* new sound before the growing text is decoded again; 0: it is not */
    double threshold;   /* of speech, in place of the detector's; 0: that one */
    uint32_t rate_hz;   /* of the samples that are fed; 0: 16000. Others are resampled */
    /* 1: completed lines are guarded as segments of a batch are (pst_batch_options): what is in
     * doubt is tried again, where the samples are still there (not with the streaming family), and
     * what comes of no speech has no text, and PST_FLAG_NO_SPEECH. */
    int guard;
} pst_stream_options;

/* pause_s 0.6, pad_s 0.2, update_s 0.25. */
PST_API void pst_stream_options_init_sized(pst_stream_options *options, size_t struct_size);
#define pst_stream_options_init(options) pst_stream_options_init_sized(options, sizeof *(options))

typedef enum pst_stream_event_kind {
    PST_LINE_STARTED = 1,
    PST_LINE_TEXT = 2, /* its text has changed */
    PST_LINE_COMPLETED = 3
} pst_stream_event_kind;

typedef struct pst_stream_event {
    pst_stream_event_kind kind;
    uint64_t line; /* from 0 */
    /* Of the line in the stream, at 16 kHz: where it begins, and how many so far. */
    uint64_t first, samples;
    const char *text;      /* all of it, UTF-8 */
    size_t committed;      /* bytes of it that stand; of a completed line: all */
    const int32_t *tokens; /* [token_count], of a completed line */
    size_t token_count;
    double avg_logprob; /* the same; see pst_transcript */
    int truncated;
    uint32_t flags;              /* the same */
    double no_speech_prob;       /* 1 - mean probability of the line's speech, by the detector */
    const float *token_logprobs; /* [token_count] the same; NULL with skip_logprob */
} pst_stream_event;

PST_API pst_status pst_stream_new(const pst_model *model, const pst_stream_options *options,
                                  pst_stream **stream, pst_error *err);
PST_API void pst_stream_free(pst_stream *stream);
/* The next samples [count], any number. Computes what they make possible, so it takes as
 * long as that takes. After an error the stream takes no more samples.
 * PST_ERR_INPUT: a sample is not finite (none of them is taken). */
PST_API pst_status pst_stream_feed(pst_stream *stream, const float *samples, size_t count,
                                   pst_error *err);
/* The sound has ended: completes the line at hand. A later pst_stream_feed() goes on. */
PST_API pst_status pst_stream_finish(pst_stream *stream, pst_error *err);
/* The next thing that has happened; NULL: nothing more has. It lives until the next call with this
 * stream. */
PST_API const pst_stream_event *pst_stream_next_event(pst_stream *stream);
/* Bytes that the stream holds, but for the model. */
PST_API size_t pst_stream_memory(const pst_stream *stream);

/* ---------------------------------------------------------------------------------- many clips */

/* A stretch of a clip that was transcribed by itself. */
typedef struct pst_segment {
    double start, end; /* seconds; without a detector the next one starts where this one ends */
    /* Its means are of all that was heard for it: at a cut in the middle of speech a bit more. */
    pst_transcript *transcript;
} pst_segment;

/* What became of a clip; all of it lives as long as the call that delivers it. */
typedef struct pst_clip_result {
    size_t index; /* of the clip, from 0 */
    void *tag;
    const pst_error *error; /* why there is no transcript; NULL: there is one */
    double duration;        /* seconds; 0 with an error */
    /* Of several segments: texts joined by a space, tokens one after the other (each run with its
     * start and end token), means by token of avg_logprob and score, the smallest margin, truncated
     * if any is. */
    const pst_transcript *transcript;
    const pst_segment *segments; /* [segment_count]; none with an error */
    size_t segment_count;
    const char *warning; /* of the file, without its name; NULL: none */
    /* [warning_count] that one and those of its sound: a channel is silent, it clips, it is far too
     * quiet. */
    const char *const *warnings;
    size_t warning_count;
    /* Seconds that transcribing its segments took, added up; reading the file is not among them. */
    double work_seconds;
} pst_clip_result;

/* How far the first clip that is not delivered is; all of it lives as long as the call. */
typedef struct pst_clip_progress {
    size_t index; /* of the clip */
    void *tag;
    double done;  /* seconds transcribed, in whatever order */
    double total; /* seconds by the header of the file; 0: not known */
    /* [segment_count] those that follow the ones of the call before: each comes once, in order (of
     * PST_CHANNEL_EACH, in that of the channels). The last ones come with the result alone. A clip
     * may still fail after some of them. */
    const pst_segment *segments;
    size_t segment_count;
} pst_clip_progress;

/* Where a segment is. The same clip, options and library cut the same segments. */
typedef struct pst_segment_place {
    size_t clip;       /* from 0 */
    void *tag;         /* of the clip */
    uint32_t channel;  /* as in pst_transcript */
    double start, end; /* seconds, as in pst_segment */
} pst_segment_place;

/* Clips taken and not yet delivered, for each thread: enough that short clips behind a long one
 * keep the other threads busy. What waits is text; only clips being transcribed have their samples
 * in memory. */
#define PST_BATCH_CLIPS_PER_THREAD 32

typedef struct pst_batch_options {
    size_t struct_size;
    uint32_t threads; /* 0: one per core this process may use, at most 8 */
    /* Longer clips are cut where they are quietest in the last fifth of each window of so many
     * seconds. Models were made for 30, the default, and converted ones for info.samples_max, which
     * is the longest window then; 0: nothing is cut. At least 1. */
    double window_seconds;
    /* pst_audio_normalize_rms() on each segment. A silent one among others stays as it is; where
     * all are, the clip fails. */
    int normalize;
    const pst_adapter *const *adapters; /* [adapter_count], as pst_session_use_adapters() */
    const double *weights;              /* [adapter_count]; NULL: all 1 */
    size_t adapter_count;
    const pst_decode_options *decode; /* NULL: the model's */
    /* Changes fields of the decode options for a segment of `sample_count` samples; may be NULL. It
     * is called by several threads at once. */
    void (*adjust)(void *user, size_t sample_count, pst_decode_options *decode);
    /* Sets up `*clip`, which comes with fd = -1 and all else 0. 0: there are no more clips. */
    int (*next)(void *user, pst_clip *clip);
    /* Other than 0 ends the batch in PST_ERR_CANCELLED; clips not yet delivered are dropped. */
    int (*deliver)(void *user, const pst_clip_result *result);
    void *user;
    /* Called while a clip of several segments is transcribed, on the caller's thread; other than 0
     * ends the batch in PST_ERR_CANCELLED. May be NULL. */
    int (*progress)(void *user, const pst_clip_progress *progress);
    /* Segments are made of the speech in the clips: they begin and end in pauses, and what is
     * between them is not transcribed. A clip without speech has an empty text and the flag
     * PST_FLAG_NO_SPEECH. A clip of speech alone, no longer than a window, is one segment as it is.
     * NULL, or window_seconds of 0: all sound is transcribed. */
    const pst_vad *vad;
    /* 1: a text that loops, was cut off or that the model itself does not believe in is tried
     * again, in shorter pieces and then with beams that repeat nothing; the better one is taken,
     * and its flags tell what is still in doubt. What comes of sound that is not speech is dropped,
     * with PST_FLAG_NO_SPEECH, and what may come of it is kept with that flag: that is found out
     * with `vad`. Texts in no doubt are as without. */
    int guard;
    const pst_audio_options *audio; /* how files are read; NULL: the defaults */
    /* What is known of a segment from an earlier run: a copy of it is taken, and nothing is
     * transcribed; NULL: nothing is known. Called by several threads at once. May be NULL. */
    const pst_transcript *(*recall)(void *user, const pst_segment_place *place);
    /* Computes in place of sessions made for this batch, for a program that runs many short ones;
     * `threads` is not looked at. Its adapters are those of the batch, and none afterwards. NULL:
     * sessions are made. */
    pst_session *session;
} pst_batch_options;

PST_API void pst_batch_options_init_sized(pst_batch_options *options, size_t struct_size);
#define pst_batch_options_init(options) pst_batch_options_init_sized(options, sizeof *(options))

/* Transcribes what `next` gives until it has no more, on all threads at once, and hands every
 * result to `deliver` in the order of the clips; both are called on the caller's thread. A clip
 * that fails does not stop the others: its result has the error. Memory is that of the sessions and
 * two windows of samples a thread, whatever the number and length of the clips; results are those
 * of pst_transcribe() on each segment.
 * PST_ERR_CANCELLED: by `deliver`; PST_ERR_IO: a thread cannot be started. */
PST_API pst_status pst_batch_run(const pst_model *model, const pst_batch_options *options,
                                 pst_error *err);

#ifdef __cplusplus
}
#endif

#endif
