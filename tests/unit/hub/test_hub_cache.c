/* test_hub_cache.c - names to folders over made-up caches, and what is said about every miss. */
/* nftw(), beyond the POSIX base that the build asks for */
#define _XOPEN_SOURCE 700

#include "support/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "potstill.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER_COMMIT "fedcba9876543210fedcba9876543210fedcba98"

static char root[64];

static int enter_root(void **state) {
    (void)state;
    strcpy(root, "/tmp/potstill-hub-XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where) {
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static int leave_root(void **state) {
    (void)state;
    return chdir("/") == 0 ? nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

/* Writes `text` to `path` below the root, making its folders. */
static void put(const char *path, const char *text) {
    char copy[512];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0777);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static pst_search search_in(const char *models_dir, const char *hub_cache, const char *revision) {
    pst_search search;
    pst_search_init(&search);
    search.models_dir = models_dir;
    search.hub_cache = hub_cache;
    search.revision = revision;
    return search;
}

static void finds(const char *name, pst_search search, const char *folder) {
    char *dir = NULL;
    pst_error err = {0};
    if (pst_find_model(name, "config.json", &search, &dir, &err)) fail_msg("%s", err.message);
    assert_string_equal(dir, folder);
    free(dir);
}

/* The message must hold every word of `words`, which end with NULL. */
static void misses(const char *name, pst_search search, pst_status code, const char *const *words) {
    char *dir = NULL;
    pst_error err = {0};
    assert_int_equal(pst_find_model(name, "config.json", &search, &dir, &err), code);
    assert_null(dir);
    for (; *words; words++)
        if (!strstr(err.message, *words)) fail_msg("\"%s\" lacks \"%s\"", err.message, *words);
}
#define MISSES(name, search, code, ...)                                                            \
    misses(name, search, code, (const char *const[]){__VA_ARGS__, NULL})

static void takes_a_folder_as_it_is(void **state) {
    (void)state;
    put("my model/config.json", "{}");
    put("models/my model/config.json", "{}");
    put("half/model.safetensors", "");
    char *dir = NULL;
    finds("my model", search_in("models", "hub", NULL), "my model");
    assert_int_equal(pst_find_model("./my model/", "config.json", NULL, &dir, NULL), PST_OK);
    assert_string_equal(dir, "./my model/");
    free(dir);
    MISSES("half", search_in(NULL, NULL, NULL), PST_ERR_MODEL, "half: folder has no config.json");
    pst_error err;
    dir = NULL;
    assert_int_equal(pst_find_model("half", "adapter_config.json", NULL, &dir, &err),
                     PST_ERR_MODEL);
    assert_string_equal(err.message,
                        "half: folder has no adapter_config.json, expected a PEFT adapter folder");
    assert_null(dir);
}

static void finds_imported_models(void **state) {
    (void)state;
    put("models/tiny-en/config.json", "{}");
    put("models/broken/readme", "");
    finds("tiny-en", search_in("models", NULL, NULL), "models/tiny-en");
    finds("tiny-en", search_in("models/", "hub", "main"), "models/tiny-en");
    MISSES("broken", search_in("models", NULL, NULL), PST_ERR_MODEL, "models/broken",
           "config.json");
    MISSES("absent", search_in("models", NULL, NULL), PST_ERR_NOT_FOUND, "absent", "in models",
           "no hub cache is set");
}

static void finds_in_the_cache(void **state) {
    (void)state;
    put("hub/models--org--name/refs/main", COMMIT);
    put("hub/models--org--name/refs/pr/1", OTHER_COMMIT "\n");
    put("hub/models--org--name/snapshots/" COMMIT "/config.json", "{}");
    put("hub/models--org--name/blobs/abc", "{}");
    put("hub/models--org--name/snapshots/" OTHER_COMMIT "/readme", "");
    assert_int_equal(
        symlink("../../blobs/abc", "hub/models--org--name/snapshots/" OTHER_COMMIT "/config.json"),
        0);
    put("hub/models--single/refs/main", COMMIT);
    put("hub/models--single/snapshots/" COMMIT "/config.json", "{}");
    const char *main_folder = "hub/models--org--name/snapshots/" COMMIT;
    const char *other_folder = "hub/models--org--name/snapshots/" OTHER_COMMIT;
    finds("org/name", search_in(NULL, "hub", NULL), main_folder);
    finds("org/name", search_in("models", "hub", "main"), main_folder);
    finds("org/name", search_in(NULL, "hub", "pr/1"), other_folder);
    finds("org/name", search_in(NULL, "hub", OTHER_COMMIT), other_folder);
    finds("single", search_in("models", "hub", NULL), "hub/models--single/snapshots/" COMMIT);
}

static void never_takes_another_snapshot(void **state) {
    (void)state;
    put("hub/models--o--other/snapshots/" COMMIT "/config.json", "{}");
    MISSES("o/other", search_in(NULL, "hub", NULL), PST_ERR_NOT_FOUND,
           "does not have that revision", "revision main");
    MISSES("o/other", search_in(NULL, "hub", OTHER_COMMIT), PST_ERR_NOT_FOUND, "does not hold it",
           OTHER_COMMIT);
    put("hub/models--o--other/refs/main", OTHER_COMMIT);
    MISSES("o/other", search_in(NULL, "hub", NULL), PST_ERR_NOT_FOUND, "does not hold it");
    put("hub/models--o--other/snapshots/" OTHER_COMMIT "/model.safetensors", "");
    MISSES("o/other", search_in(NULL, "hub", NULL), PST_ERR_NOT_FOUND, "without that file",
           "download it again");
    assert_int_equal(
        symlink("../../blobs/gone", "hub/models--o--other/snapshots/" OTHER_COMMIT "/config.json"),
        0); /* its blob was deleted */
    MISSES("o/other", search_in(NULL, "hub", NULL), PST_ERR_NOT_FOUND, "without that file");
}

static void believes_the_mark_of_absence(void **state) {
    (void)state;
    put("hub/models--o--n/refs/main", COMMIT);
    put("hub/models--o--n/snapshots/" COMMIT "/README.md", "");
    put("hub/models--o--n/.no_exist/" COMMIT "/config.json", "");
    MISSES("o/n", search_in(NULL, "hub", NULL), PST_ERR_NOT_FOUND, "without that file on the hub");
}

static void tries_both_organisations(void **state) {
    (void)state;
    put("hub/models--moonshine-ai--moonshine-tiny/refs/main", COMMIT);
    put("hub/models--moonshine-ai--moonshine-tiny/snapshots/" COMMIT "/config.json", "{}");
    put("hub/models--UsefulSensors--moonshine-base/refs/main", COMMIT);
    put("hub/models--UsefulSensors--moonshine-base/snapshots/" COMMIT "/config.json", "{}");
    const char *tiny = "hub/models--moonshine-ai--moonshine-tiny/snapshots/" COMMIT;
    const char *base = "hub/models--UsefulSensors--moonshine-base/snapshots/" COMMIT;
    pst_search search = search_in(NULL, "hub", NULL);
    finds("moonshine-ai/moonshine-tiny", search, tiny);
    finds("UsefulSensors/moonshine-tiny", search, tiny);
    finds("moonshine-ai/moonshine-base", search, base);
    /* The name asked for wins where both are cached. */
    put("hub/models--UsefulSensors--moonshine-tiny/refs/main", OTHER_COMMIT);
    put("hub/models--UsefulSensors--moonshine-tiny/snapshots/" OTHER_COMMIT "/config.json", "{}");
    finds("UsefulSensors/moonshine-tiny", search,
          "hub/models--UsefulSensors--moonshine-tiny/snapshots/" OTHER_COMMIT);
    MISSES("UsefulSensorsX/moonshine-tiny", search, PST_ERR_NOT_FOUND, "does not have it");
    /* What is said of a half download is said of the name that is there. */
    put("hub/models--moonshine-ai--half/refs/main", COMMIT);
    MISSES("UsefulSensors/half", search, PST_ERR_NOT_FOUND, "does not hold it");
}

static void says_where_it_looked(void **state) {
    (void)state;
    MISSES("UsefulSensors/moonshine-tiny", search_in("models", "hub", NULL), PST_ERR_NOT_FOUND,
           "UsefulSensors/moonshine-tiny: no such model", "folder", "hub");
    MISSES("o/n", search_in(NULL, "hub", "v2"), PST_ERR_NOT_FOUND, "revision v2");
    pst_search search = search_in("models", "hub", NULL);
    pst_error err;
    char *dir = NULL;
    assert_int_equal(pst_find_model("me/mine", "adapter_config.json", &search, &dir, &err),
                     PST_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "me/mine: no such adapter"));
}

static void offline_nothing_is_pulled(void **state) {
    (void)state;
    pst_hub_options hub, unset = {0};
    pst_hub_options_init(&hub);
    hub.offline = 1;
    hub.cache_dir = "hub";
    pst_search search = search_in(NULL, "hub", NULL);
    search.hub = &hub;
    MISSES("o/n", search, PST_ERR_NOT_FOUND, "o/n: no such model");
    search.hub = &unset;
    MISSES("o/n", search, PST_ERR_ARGUMENT, "pst_hub_options: struct_size is 0");
    char *dir = NULL;
    pst_error err;
    assert_int_equal(pst_hub_pull("o/n", NULL, NULL, &hub, &dir, &err), PST_ERR_IO);
    assert_non_null(strstr(err.message, "offline"));
    hub.offline = 0;
    assert_int_equal(pst_hub_pull("o/../n", NULL, NULL, &hub, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull("o/n", "..", NULL, &hub, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull("o/n", NULL, "x", &hub, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull("o/n", NULL, NULL, &unset, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull("o/n", NULL, NULL, NULL, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull(NULL, NULL, NULL, &hub, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_hub_pull("o/n", NULL, NULL, &hub, NULL, NULL), PST_ERR_ARGUMENT);
    hub.cache_dir = "";
    assert_int_equal(pst_hub_pull("o/n", NULL, NULL, &hub, &dir, NULL), PST_ERR_ARGUMENT);
    assert_null(dir);
}

/* Names are typed by people and stand in adapter files made by strangers: none may lead out of the
 * cache. */
static void hostile_names_stay_outside(void **state) {
    (void)state;
    put("secret/snapshots/" COMMIT "/config.json", "{}");
    put("hub/models--o--n/snapshots/" COMMIT "/config.json", "{}");
    put("hub/models--o--n/refs/main", COMMIT);
    static const char *const names[] = {
        "../secret/x",
        "o/../n",
        "o/n/m",
        "/o",
        "o/",
        "o//n",
        "o--n",
        "o/n--m",
        "o/..",
        "-o/n",
        "o/n.",
        "o/n name",
        "o\\n",
        "o/n\n",
        "o/%2e%2e",
        "~/model",
        "o/caf\xC3\xA9",
        "o/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "a"
        "aaaaa",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        MISSES(names[i], search_in(NULL, "hub", NULL), PST_ERR_MODEL,
               "neither a folder nor a hub id");
    static const char *const revisions[] = {"",      "..",   "../../../secret", "a/../b", "/main",
                                            "main/", "a//b", ".hidden",         "a/.b",   "a b",
                                            "a\\b",  "a\nb"};
    for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++)
        MISSES("o/n", search_in(NULL, "hub", revisions[i]), PST_ERR_ARGUMENT, "revision");
}

/* What a ref holds becomes a path, so it must be a commit and nothing else. */
static void hostile_refs_stay_outside(void **state) {
    (void)state;
    put("hub/models--o--n/snapshots/x/config.json", "{}");
    put("hub/config.json", "{}");
    static const char *const refs[] = {"",
                                       "\n",
                                       "x",
                                       "../../..",
                                       "main",
                                       COMMIT "0",
                                       COMMIT "/..",
                                       "0123456789ABCDEF0123456789ABCDEF01234567",
                                       COMMIT "\n" COMMIT};
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        put("hub/models--o--n/refs/main", refs[i]);
        MISSES("o/n", search_in(NULL, "hub", NULL), PST_ERR_MODEL, "refs/main", "holds no commit");
    }
    char *large = malloc(5001);
    assert_non_null(large);
    memset(large, 'a', 5000);
    large[5000] = '\0';
    put("hub/models--o--n/refs/main", large);
    free(large);
    MISSES("o/n", search_in(NULL, "hub", NULL), PST_ERR_MODEL, "refs/main", "at most");
}

static void refuses_wrong_calls(void **state) {
    (void)state;
    char *dir = NULL;
    pst_search search = search_in(NULL, NULL, NULL), unset = {0};
    assert_int_equal(pst_find_model(NULL, "config.json", &search, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("", "config.json", &search, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("x", NULL, &search, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("x", "", &search, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("x", "config.json", &search, NULL, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("x", "config.json", &unset, &dir, NULL), PST_ERR_ARGUMENT);
    assert_int_equal(pst_find_model("x", "config.json", NULL, &dir, NULL), PST_ERR_NOT_FOUND);
    assert_null(dir);
}

int main(void) {
#define IN_ROOT(test) cmocka_unit_test_setup_teardown(test, enter_root, leave_root)
    const struct CMUnitTest tests[] = {
        IN_ROOT(takes_a_folder_as_it_is),      IN_ROOT(finds_imported_models),
        IN_ROOT(finds_in_the_cache),           IN_ROOT(never_takes_another_snapshot),
        IN_ROOT(believes_the_mark_of_absence), IN_ROOT(tries_both_organisations),
        IN_ROOT(says_where_it_looked),         IN_ROOT(hostile_names_stay_outside),
        IN_ROOT(hostile_refs_stay_outside),    IN_ROOT(refuses_wrong_calls),
        IN_ROOT(offline_nothing_is_pulled),
    };
    return cmocka_run_group_tests_name("hub cache", tests, NULL, NULL);
}
