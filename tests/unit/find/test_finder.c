/* test_finder.c - names to folders by an environment that is made up. The command's tests
 * (tests/cli/test_base.sh, test_names.sh, test_processor.sh) have every message. */
#include "support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "potstill.h"
#include "support/scratch.h"

#define GOLDEN TEST_SOURCE_DIR "/tests/golden/"
#define PLACE TEST_BINARY_DIR "/scratch-finder"
#define MODELS PLACE "/potstill/models"
#define DETECTOR MODELS "/silero-vad/silero_vad_16k.safetensors"

static char said[2048]; /* all warnings, a line each */

static void note(void *user, const char *message) {
    (void)user;
    size_t length = strlen(said);
    snprintf(said + length, sizeof said - length, "%s\n", message);
}

/* Imported models micro and empty: a link to the golden one, and a copy without a tokenizer. */
static int make_place(void **state) {
    (void)state;
    scratch_folder("finder");
    static const char *const folders[] = {PLACE "/potstill", MODELS, MODELS "/empty"};
    static const char *const links[][2] = {
        {GOLDEN "micro", MODELS "/micro"},
        {GOLDEN "micro/config.json", MODELS "/empty/config.json"},
        {GOLDEN "micro/model.safetensors", MODELS "/empty/model.safetensors"}};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) mkdir(folders[i], 0777);
    unlink(DETECTOR); /* of an earlier run, as the links are */
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        unlink(links[i][1]);
        if (symlink(links[i][0], links[i][1])) return -1;
    }
    return 0;
}

static pst_finder *make_finder(const char *const *variables) {
    pst_finder *finder = NULL;
    pst_find_options options;
    pst_find_options_init(&options);
    options.variables = variables;
    options.home = "/nobody";
    options.offline = 1;
    options.warn = note;
    said[0] = '\0';
    assert_int_equal(pst_finder_new(&options, &finder, NULL), PST_OK);
    return finder;
}

static pst_finder *usual_finder(void) {
    static const char *const variables[] = {"XDG_DATA_HOME=" PLACE, NULL};
    return make_finder(variables);
}

/* --------------------------------------------------------------------------------------- places */

static void places_of(const char *const *variables, pst_finder_info wanted) {
    pst_finder *finder = make_finder(variables);
    pst_finder_info info;
    pst_finder_describe(finder, &info);
    assert_string_equal(info.models_dir, wanted.models_dir);
    assert_string_equal(info.hub_cache, wanted.hub_cache);
    if (wanted.weights_cache)
        assert_string_equal(info.weights_cache, wanted.weights_cache);
    else
        assert_null(info.weights_cache);
    assert_string_equal(info.model, wanted.model);
    assert_int_equal(info.model_is_chosen, wanted.model_is_chosen);
    assert_string_equal(info.endpoint, wanted.endpoint);
    pst_finder_free(finder);
}

static void variables_say_where_things_are(void **state) {
    (void)state;
    static const char *const chosen[] = {"HOME=/h",
                                         "XDG_CACHE_HOME=/c",
                                         "XDG_DATA_HOME=relative",
                                         "HF_HOME=${HOME}/hf$no",
                                         "HF_HUB_CACHE=",
                                         "POTSTILL_MODEL=~/mine",
                                         "HF_ENDPOINT=http://e",
                                         "NAMELESS",
                                         "=x",
                                         "HF_HUB_CACHEX=/elsewhere",
                                         NULL};
    const char *usual = "UsefulSensors/moonshine-tiny", *hub = "https://huggingface.co";
    places_of(NULL, (pst_finder_info){.models_dir = "/nobody/.local/share/potstill/models",
                                      .hub_cache = "/nobody/.cache/huggingface/hub",
#ifdef __APPLE__
                                      .weights_cache = "/nobody/Library/Caches/potstill",
#else
                                      .weights_cache = "/nobody/.cache/potstill",
#endif
                                      .model = usual,
                                      .endpoint = hub});
    places_of(chosen, (pst_finder_info){.models_dir = "/h/.local/share/potstill/models",
                                        .hub_cache = "/h/hf$no/hub",
                                        .weights_cache = "/c/potstill",
                                        .model = "/h/mine",
                                        .model_is_chosen = 1,
                                        .endpoint = "http://e"});
    static const char *const homeless[] = {"HOME=/", NULL};
    places_of(homeless, (pst_finder_info){.models_dir = "//.local/share/potstill/models",
                                          .hub_cache = "//.cache/huggingface/hub",
                                          .model = usual,
                                          .endpoint = hub});
}

static void a_timeout_that_is_none_is_said(void **state) {
    (void)state;
    static const char *const bad[] = {"0", "-1", "1e3", "1.2.3", "", "86401", "."};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "HF_HUB_ETAG_TIMEOUT=%s", bad[i]);
        const char *const variables[] = {text, "HF_HUB_DOWNLOAD_TIMEOUT=0.5", NULL};
        pst_finder_free(make_finder(variables));
        assert_int_equal(strstr(said, "expected seconds above 0") != NULL, *bad[i] != '\0');
    }
}

/* -------------------------------------------------------------------------------------- finding */

static void finds(const char *name, pst_find_kind kind, const char *folder) {
    pst_error err;
    char *dir = NULL;
    pst_finder *finder = usual_finder();
    if (pst_finder_find(finder, name, kind, NULL, &dir, &err)) fail_msg("%s", err.message);
    assert_string_equal(dir, folder);
    pst_free(dir);
    pst_finder_free(finder);
}

static void misses(const char *name, pst_find_kind kind, pst_status status, const char *message) {
    pst_error err;
    char *dir = NULL;
    pst_finder *finder = usual_finder();
    assert_int_equal(pst_finder_find(finder, name, kind, NULL, &dir, &err), status);
    assert_null(dir);
    if (!strstr(err.message, message)) fail_msg("'%s' is not in: %s", message, err.message);
    pst_finder_free(finder);
}

static void names_are_found_by_kind(void **state) {
    (void)state;
    finds("micro", PST_FIND_MODEL, MODELS "/micro");
    finds("micro", PST_FIND_ANY, MODELS "/micro");
    finds("micro", PST_FIND_PROCESSOR, MODELS "/micro");
    finds(GOLDEN "micro", PST_FIND_CHECKPOINT, GOLDEN "micro");
    finds(GOLDEN "adapter", PST_FIND_ADAPTER, GOLDEN "adapter");
    finds(GOLDEN "adapter", PST_FIND_ANY, GOLDEN "adapter");
    misses(GOLDEN "adapter", PST_FIND_MODEL, PST_ERR_MODEL, "it goes on one, by adapter");
    misses(GOLDEN "micro", PST_FIND_ADAPTER, PST_ERR_MODEL, "it is used by model");
    misses(GOLDEN "micro/config.json", PST_FIND_MODEL, PST_ERR_MODEL,
           "a file, expected the folder");
    misses(GOLDEN "micro/config.json", PST_FIND_ANY, PST_ERR_MODEL, "a file, expected the folder");
    misses(GOLDEN "mikro", PST_FIND_MODEL, PST_ERR_MODEL, "did you mean " GOLDEN "micro?");
    misses("mikro", PST_FIND_MODEL, PST_ERR_NOT_FOUND, "did you mean micro?");
    misses("org/name", PST_FIND_ANY, PST_ERR_NOT_FOUND, "the hub cache /nobody/");
    misses("", PST_FIND_ANY, PST_ERR_ARGUMENT, "empty");
    misses("micro", (pst_find_kind)9, PST_ERR_ARGUMENT, "unknown kind 9");
}

/* ---------------------------------------------------------------------------------------- bases */

static void the_base_of_an_adapter_is_found(void **state) {
    (void)state;
    pst_error err;
    char *name = NULL, *dir = NULL;
    const char *const adapters[] = {GOLDEN "adapter"};
    pst_finder *finder = usual_finder();
    assert_int_equal(pst_finder_base(finder, adapters, 1, NULL, &name, &dir, &err), PST_OK);
    assert_string_equal(name, "micro");
    assert_string_equal(dir, MODELS "/micro");
    assert_int_equal(pst_finder_check_base(finder, adapters[0], name, dir, 0, &err), PST_OK);
    /* Another name of the same weights. */
    assert_int_equal(pst_finder_check_base(finder, adapters[0], "x", MODELS "/empty", 1, &err), 0);
    assert_string_equal(said, "");
    assert_int_equal(
        pst_finder_check_base(finder, adapters[0], "other", GOLDEN "micro_streaming", 1, &err), 0);
    assert_non_null(strstr(said, "made for micro (adapter_config.json), but used with other"));
    pst_free(name);
    pst_free(dir);
    pst_finder_free(finder);
    finder = make_finder(NULL); /* it is nowhere */
    dir = NULL;
    assert_int_equal(pst_finder_base(finder, adapters, 1, NULL, &name, &dir, &err), PST_ERR_MODEL);
    assert_non_null(
        strstr(err.message, "which is not here; name the model to use it with, by model"));
    assert_null(dir);
    pst_finder_free(finder);
}

static void a_processor_is_that_of_the_same_vocabulary(void **state) {
    (void)state;
    char *dir = NULL;
    pst_finder *finder = usual_finder();
    assert_int_equal(pst_finder_processor(finder, MODELS "/micro", &dir, NULL), PST_OK);
    assert_null(dir);
    assert_int_equal(pst_finder_processor(finder, MODELS "/empty", &dir, NULL), PST_OK);
    assert_string_equal(dir, MODELS "/micro");
    assert_string_equal(said, MODELS "/empty: has no tokenizer.json; taking that of " MODELS
                                     "/micro (another: processor_dir)\n");
    pst_free(dir);
    dir = NULL;
    assert_int_equal(pst_finder_vad(finder, MODELS "/empty", &dir, NULL), PST_OK);
    assert_null(dir);
    pst_finder_free(finder);
}

static void a_detector_is_beside_its_model(void **state) {
    (void)state;
    char *path = NULL;
    mkdir(MODELS "/silero-vad", 0777);
    FILE *made = fopen(DETECTOR, "w");
    assert_non_null(made);
    fclose(made);
    static const char *const dirs[] = {NULL, MODELS "/empty/", MODELS "/empty/.."};
    pst_finder *finder = usual_finder();
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        assert_int_equal(pst_finder_vad(finder, dirs[i], &path, NULL), PST_OK);
        assert_string_equal(path, DETECTOR);
        pst_free(path);
    }
    pst_finder_free(finder);
}

static void calls_without_what_they_need(void **state) {
    (void)state;
    char *dir = NULL;
    pst_finder *finder = usual_finder();
    const pst_status wrong = PST_ERR_ARGUMENT;
    assert_int_equal(pst_finder_new(NULL, NULL, NULL), wrong);
    assert_int_equal(pst_finder_find(NULL, "x", PST_FIND_ANY, NULL, &dir, NULL), wrong);
    assert_int_equal(pst_finder_pull(finder, NULL, NULL, &dir, NULL), wrong);
    assert_int_equal(pst_finder_pull(finder, "o/n", NULL, &dir, NULL), PST_ERR_IO); /* offline */
    assert_int_equal(pst_finder_base(finder, NULL, 1, NULL, &dir, &dir, NULL), wrong);
    assert_int_equal(pst_finder_check_base(finder, "x", NULL, "x", 0, NULL), wrong);
    assert_int_equal(pst_finder_processor(finder, NULL, &dir, NULL), wrong);
    assert_int_equal(pst_finder_vad(finder, "x", NULL, NULL), wrong);
    pst_finder_free(finder);
    pst_finder_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_say_where_things_are),
        cmocka_unit_test(a_timeout_that_is_none_is_said),
        cmocka_unit_test(names_are_found_by_kind),
        cmocka_unit_test(the_base_of_an_adapter_is_found),
        cmocka_unit_test(a_processor_is_that_of_the_same_vocabulary),
        cmocka_unit_test(a_detector_is_beside_its_model),
        cmocka_unit_test(calls_without_what_they_need),
    };
    return cmocka_run_group_tests(tests, make_place, NULL);
}
