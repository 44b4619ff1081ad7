#!/usr/bin/env python3
"""Writes src/evaluate/british_words.c from the list of spellings in the package whisper-normalizer (MIT).

    pip download --no-deps whisper-normalizer==0.1.15; tools/british_words.py WHEEL
"""
import json
import pathlib
import sys
import zipfile

HEAD = """/* british_words.c - see british_words.h. Written by tools/british_words.py; do not edit.
 *
 * The list is that of whisper-normalizer {version}, which is Whisper's (MIT licence). */
#include "evaluate/british_words.h"

#include <stdlib.h>
#include <string.h>

/* By the British spelling; a row a word would be 1,700 lines. */
/* clang-format off */
static const char *const WORDS[][2] = {{
"""
TAIL = """};
/* clang-format on */

struct word {
    const char *text;
    size_t length;
};

static int compare(const void *key, const void *row) {
    const struct word *word = key;
    const char *british = *(const char *const *)row;
    int order = strncmp(word->text, british, word->length);
    return order ? order : -(british[word->length] != '\\0');
}

const char *british_word_find(const char *word, size_t length) {
    const struct word key = {word, length};
    const char *const *row =
        bsearch(&key, WORDS, sizeof WORDS / sizeof *WORDS, sizeof *WORDS, compare);
    return row ? row[1] : NULL;
}
"""


def main():
    wheel = pathlib.Path(sys.argv[1])
    words = json.loads(zipfile.ZipFile(wheel).read("whisper_normalizer/normalizers/english.json"))
    rows, line = [], ""
    for british, american in sorted((b, a) for b, a in words.items() if " " not in b):
        row = f'{{"{british}", "{american}"}},'
        if line and len(line) + 1 + len(row) > 96:
            rows.append(line)
            line = ""
        line += (" " if line else "") + row
    rows.append(line)
    text = HEAD.format(version=wheel.name.split("-")[1]) + "".join(f"    {row}\n" for row in rows) + TAIL
    pathlib.Path("src/evaluate/british_words.c").write_text(text)


if __name__ == "__main__":
    main()
