/* test_eval_set.c - every form of a set, and the message for every mistake. */
#include "support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/eval/eval_set.h"

static struct eval_set parse(const char *text, const char *name) {
    struct eval_set set = {.path = name};
    char *why = eval_set_parse(&set, text, strlen(text), name);
    if (why) fail_msg("%s", why);
    return set;
}

/* The only row is at fault, or the file is. */
static void refuses(const char *text, const char *name, const char *message) {
    struct eval_set set = {.path = name};
    char *why = eval_set_parse(&set, text, strlen(text), name);
    assert_non_null(why);
    assert_string_equal(why, message);
    free(why);
    eval_set_free(&set);
}

/* The row carries the error, and the next one is fine. */
static void marks(const char *text, const char *name, const char *message) {
    struct eval_set set = parse(text, name);
    assert_true(set.count > set.usable);
    const char *error = NULL;
    for (size_t i = 0; i < set.count; i++)
        if (set.items[i].error) error = set.items[i].error;
    assert_string_equal(error, message);
    eval_set_free(&set);
}

static void reads_names_that_people_use(void **state) {
    (void)state;
    static const char *const ROWS[] = {
        "{\"audio\": \"a.wav\", \"text\": \"x\"}",
        "{\"path\": \"a.wav\", \"transcript\": \"x\"}",
        "{\"wav\": \"a.wav\", \"transcription\": \"x\"}",
        "{\"audio_filepath\": \"a.wav\", \"text\": \"x\"}",
        "{\"file_name\": \"a.wav\", \"text\": \"x\", \"transcript\": 3}",
        "{\"audio\": {\"path\": \"a.wav\"}, \"text\": \"x\"}",
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct eval_set set = parse(ROWS[i], "m.jsonl");
        assert_int_equal(set.count, 1);
        assert_string_equal(set.items[0].audio, "a.wav");
        assert_string_equal(set.items[0].text, "x");
        assert_string_equal(set.items[0].id, "a");
        eval_set_free(&set);
    }
}

static void reads_all_fields(void **state) {
    (void)state;
    struct eval_set set = parse(
        "\n{\"id\": 7, \"audio\": \"x/a.wav\", \"text\": \"\", \"speaker\": \"s\", \"offset\": "
        "1.5, \"duration\": 2, \"more\": [1]}\r\n"
        "{\"audio\": \"x/a.wav\", \"text\": \"y\", \"offset\": 4}\n"
        "{\"text\": \"z\"}\n",
        "sets/m.jsonl");
    const struct eval_item *item = set.items;
    assert_int_equal(set.count, 3);
    assert_string_equal(item->id, "7");
    assert_string_equal(item->path, "sets/x/a.wav"); /* beside the set: here there is none */
    assert_string_equal(item->group, "s");
    assert_true(item->offset == 1.5 && item->duration == 2 && item->seconds == 2);
    assert_int_equal(item->line, 2);
    assert_non_null(json_object_get(item->fields, "more"));
    assert_string_equal(set.items[1].id, "a-4.000");
    assert_true(isnan(set.items[1].seconds));
    assert_string_equal(set.items[2].id, "line-4");
    assert_null(set.items[2].path);
    eval_set_free(&set);
}

static void reads_tables(void **state) {
    (void)state;
    struct eval_set set = parse("audio,text,offset\n\"a,1.wav\",\"he said \"\"x\"\"\ny\",2.5\n"
                                "b.wav,,\n",
                                "m.csv");
    assert_int_equal(set.count, 2);
    assert_string_equal(set.items[0].audio, "a,1.wav");
    assert_string_equal(set.items[0].text, "he said \"x\"\ny");
    assert_true(set.items[0].offset == 2.5);
    assert_string_equal(set.items[1].text, "");
    assert_int_equal(set.items[1].line, 4);
    eval_set_free(&set);
    set = parse("audio\ttext\n\"a\tb\n", "unnamed"); /* tabs know no quotation marks */
    assert_string_equal(set.items[0].audio, "\"a");
    eval_set_free(&set);
    set = parse("\xEF\xBB\xBF[{\"text\": \"x\"}, {\"text\": \"y\", \"id\": \"line-1\"}]", "m.json");
    assert_int_equal(set.usable, 2);
    assert_string_equal(set.items[0].id, "line-1-1"); /* the given one comes first */
    eval_set_free(&set);
}

#define GOOD "{\"text\": \"x\", \"id\": \"good\"}\n"

static void refuses_wrong_rows(void **state) {
    (void)state;
    marks(GOOD "{\"text\"}\n", "m.jsonl",
          "m.jsonl:2: column 8: ':' expected near '}', expected a JSON object a line");
    marks(GOOD "3\n", "m.jsonl",
          "m.jsonl:2: holds an integer, expected an object with \"audio\" and \"text\"");
    marks(GOOD "[]\n", "m.jsonl",
          "m.jsonl:2: holds a list, expected an object with \"audio\" and \"text\"");
    marks(
        GOOD "{\"audio\": \"a\"}\n", "m.jsonl",
        "m.jsonl:2: has no text, expected \"text\", \"transcript\" or \"transcription\": what was "
        "said");
    marks(GOOD "{\"text\": 5}\n", "m.jsonl", "m.jsonl:2: text is an integer, expected a string");
    marks(GOOD "{\"text\": \"x\", \"wav\": 5}\n", "m.jsonl",
          "m.jsonl:2: wav is an integer, expected the path of an audio file");
    marks(GOOD "{\"text\": \"x\", \"path\": \"\"}\n", "m.jsonl",
          "m.jsonl:2: path is an empty string, expected the path of an audio file");
    marks(GOOD "{\"text\": \"x\", \"id\": \"\"}\n", "m.jsonl",
          "m.jsonl:2: id is an empty string, expected a name or a whole number");
    marks(GOOD "{\"text\": \"x\", \"id\": [1]}\n", "m.jsonl",
          "m.jsonl:2: id is a list, expected a string or a whole number");
    marks(GOOD "{\"text\": \"x\", \"id\": \"good\"}\n", "m.jsonl",
          "m.jsonl:2: id good is that of line 1 too, expected one of its own");
    marks(GOOD "{\"text\": \"x\", \"offset\": -1}\n", "m.jsonl",
          "m.jsonl:2: offset is out of range, expected seconds, 0 or more");
    marks(GOOD "{\"text\": \"x\", \"duration\": \"long\"}\n", "m.jsonl",
          "m.jsonl:2: duration is \"long\", expected seconds, 0 or more");
    marks(GOOD "{\"text\": \"x\", \"speaker\": true}\n", "m.jsonl",
          "m.jsonl:2: speaker is true, expected a string or a whole number");
    marks("{\"utterances\": [{\"text\": \"x\"}, 3]}", "m.json",
          "m.json: utterance 2: holds an integer, expected an object with \"audio\" and \"text\"");
}

static void refuses_wrong_lists(void **state) {
    (void)state;
    refuses("{\"utterances\": 5}", "m.json",
            "m.json: utterances is an integer, expected a list of objects");
    refuses("{\n\"utterances\": {\"a\": 1}\n}", "m.json",
            "m.json: utterances is an object, expected a list of objects");
    refuses("[1]", "m.json",
            "m.json: utterance 1: holds an integer, expected an object with \"audio\" and "
            "\"text\"");
    refuses("[]", "m.json",
            "m.json: holds no utterance, expected a line like {\"audio\": \"clip.wav\", \"text\": "
            "\"what was said\"}");
    refuses("\"x\"", "m.json",
            "m.json:1: holds a string, expected an object with \"audio\" and \"text\"");
    marks("[{\"id\": \"a\", \"text\": \"x\"},\n\n\n{\"id\": \"a\", \"text\": \"y\"}]", "m.json",
          "m.json: utterance 2: id a is that of utterance 1 too, expected one of its own");
    marks("[{\"text\": \"x\"}, {\"text\": [1]}]", "m.json",
          "m.json: utterance 2: text is a list, expected a string");
}

static void refuses_wrong_tables(void **state) {
    (void)state;
    refuses("", "m.csv", "m.csv:1: is empty, expected the names of columns");
    refuses("text\nx\n", "m.csv",
            "m.csv:1: names fewer than two columns, expected a line like audio, text");
    refuses("a\xFF,text\nx,y\n", "m.csv", "m.csv:1: is not UTF-8, expected a text that is");
    refuses("text,id,text\nx,y,z\n", "m.csv", "m.csv:1: names a column twice, expected each once");
    refuses("audio,text\n", "m.csv",
            "m.csv: holds no utterance, expected a line like {\"audio\": \"clip.wav\", \"text\": "
            "\"what was said\"}");
    marks("audio,text\na,b\nc\n", "m.csv",
          "m.csv:3: number of columns is 1, expected 2 as in the first line");
    marks("audio,text\na,b\nc,d,e\n", "m.csv",
          "m.csv:3: number of columns is 3, expected 2 as in the first line");
    marks("audio,text\na,b\nc,\"d\n", "m.csv",
          "m.csv:3: has a quotation mark that is not closed, expected another");
    marks("audio,text\na,b\n\"c\"d,e\n", "m.csv",
          "m.csv:3: has text behind a closing quotation mark, expected a comma");
    marks("audio,text\na,b\nc,\xFF\n", "m.csv", "m.csv:3: is not UTF-8, expected a text that is");
    marks("audio\ttext\toffset\na\tb\t\nc\td\tx\n", "m.tsv",
          "m.tsv:3: offset is \"x\", expected seconds, 0 or more");
    marks("id\ttext\na\tb\na\td\n", "m.tsv",
          "m.tsv:3: id a is that of line 2 too, expected one of its own");
}

static void groups_by_a_column(void **state) {
    (void)state;
    const char *text = "{\"text\": \"x\", \"room\": 4, \"speaker\": \"s\"}\n{\"text\": \"y\"}\n";
    struct eval_set set = {.path = "m.jsonl", .by_group = "room"};
    assert_null(eval_set_parse(&set, text, strlen(text), "m.jsonl"));
    assert_string_equal(set.items[0].group, "4");
    assert_string_equal(set.items[1].error, "m.jsonl:2: has no room, expected the group it is of");
    eval_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_that_people_use),
        cmocka_unit_test(reads_all_fields),
        cmocka_unit_test(reads_tables),
        cmocka_unit_test(refuses_wrong_rows),
        cmocka_unit_test(refuses_wrong_lists),
        cmocka_unit_test(refuses_wrong_tables),
        cmocka_unit_test(groups_by_a_column),
    };
    return cmocka_run_group_tests_name("eval_set", tests, NULL, NULL);
}
