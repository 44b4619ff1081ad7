"""Potstill's normaliser against Python's re and str, its alignments against jiwer, its test against NIST's sctk.

POTSTILL_SCORE_DRIVER names the driver program. POTSTILL_ROUNDS changes how many texts are tried.
"""

import math
import os
import random
import re
import shutil
import subprocess
import sys
import unicodedata

import pytest

jiwer = pytest.importorskip("jiwer")
sys.path.insert(0, os.path.dirname(__file__))
from driver import Driver, DriverError  # noqa: E402

ROUNDS = int(os.environ.get("POTSTILL_ROUNDS", "20000"))
SEED = 20250714
ALL = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]  # C strings hold no NUL
SPACES = [c for c in ALL if c.isspace()]
CASED = [c for c in ALL if c.lower() != c or c.upper() != c]
MODIFIERS = [c for c in ALL if unicodedata.category(c) == "Lm"]


@pytest.fixture(scope="module")
def driver():
    program = os.environ.get("POTSTILL_SCORE_DRIVER")
    if not program:
        pytest.skip("POTSTILL_SCORE_DRIVER is not set")
    driver = Driver(program)
    yield driver
    assert driver.close() == 0


def normalized(text):
    return re.sub(r"[^\w\s]", "", text).lower().strip()


unicode_14 = pytest.mark.skipif(unicodedata.unidata_version != "14.0.0",
                                reason=f"this Python has Unicode {unicodedata.unidata_version}, not 14.0.0")


@unicode_14
def test_every_character(driver):
    """Alone, between letters, and around a capital sigma, whose lower case depends on its neighbours."""
    for c in ALL:
        # a line break would be stripped or not by itself; the letters keep the parts apart
        text = f"x{c}x {c} A{c}Σ {c}Σ Σ{c} AΣ{c}B AΣ{c} x"
        assert driver.normalize(text) == normalized(text), hex(ord(c))
        assert driver.normalize(c) == normalized(c), hex(ord(c))


def random_text(rng):
    text = []
    for _ in range(rng.randrange(0, 30)):
        kind = rng.random()
        if kind < 0.2:
            text.append(rng.choice(SPACES))
        elif kind < 0.3:
            text.append(rng.choice("ΣσςİIıßΑaǅ'-_.ªⅣⅷ"))
        elif kind < 0.4:
            text.append(rng.choice(MODIFIERS))
        elif kind < 0.7:
            text.append(rng.choice(CASED))
        else:
            text.append(rng.choice(ALL))
    return "".join(text)


@unicode_14
def test_random_texts(driver):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        text = random_text(rng)
        assert driver.normalize(text) == normalized(text), ascii(text)


WHISPER_BASIC = 2
BRACKETS = list("<>[]()()  ") + ["()", "(a)", "[b]", "<c", "((d)"]


@unicode_14
def test_whisper_basic(driver):
    """Of characters that Python knows: newer ones may be symbols for one and nothing for the other."""
    basic = pytest.importorskip("whisper_normalizer.basic").BasicTextNormalizer()
    rng = random.Random(SEED)
    known = [c for c in ALL if unicodedata.category(c) not in ("Cn", "Co")]
    for c in known:
        text = f"x{c}x A{c}Σ {c} Σ{c}B"
        assert driver.normalize_by_kind(WHISPER_BASIC, text) == basic(text), hex(ord(c))
    for _ in range(ROUNDS):
        text = "".join(rng.choice(rng.choice((BRACKETS, CASED, known, "abc ÀΣ.,'-")))
                       for _ in range(rng.randrange(0, 30)))
        text = "".join(c for c in text if unicodedata.category(c) != "Cn")
        assert driver.normalize_by_kind(WHISPER_BASIC, text) == basic(text), ascii(text)


WHISPER_ENGLISH = 3
# Every word that means a number, contractions, titles and sounds, money, and what breaks rules apart.
FIGURES = ("zero o oh one two three five eight nine ten eleven twelve thirteen nineteen twenty thirty forty eighty ninety "
           "hundred thousand million billion decillion ones twos sixes tens elevens twenties nineties hundreds millions "
           "zeroth first second third fourth fifth eighth nineth ninth twelfth twentieth fortieth hundredth thousandth "
           "minus negative plus positive pound pounds euro dollars cent cents per percent and double triple point "
           "and a half 0 1 1s 1st 2nd 3 rd 4th 07 12 100 1,000 3.5 2.0 0.07 1.2.3 5. .5 $1 $20 £3.50 €7 ¢5 ¢ 10% % $0.07 "
           "a1b2 60s 1960s 5-6 -4 +9 1000000 \u0663 \u0663.\u0665 \uff15 \u00bd $ 1.0 20,000,000 $2 and ¢7").split(" ")
SPEECH = ("won't can't let's ain't y'all wanna i'ma cause ma'am mr. mrs st dr. prof rep. don't isn't he'd been she's got "
          "they're it's we'll 'tis i've i'm 's n't hmm mm mhm uh um Mr Hmm, colour centre organise travelled flyer theatre "
          "the a cat. Hello, world! caf\u00e9 na\u00efve \u00dfa \u00c6on [noise] (laughs) <x> ( ) ... .. . , ' \" - _ \u0301 \u2019 \u00a0 "
          "\n \t \u3000 don 't half halfs e.g. u.s.a 12:30 3pm o'clock it''s").split(" ")


@unicode_14
def test_whisper_english(driver):
    english = pytest.importorskip("whisper_normalizer.english").EnglishTextNormalizer()
    rng = random.Random(SEED)
    known = [c for c in ALL if unicodedata.category(c) not in ("Cn", "Co")]
    for _ in range(ROUNDS):
        kinds = rng.choice(([FIGURES], [FIGURES], [FIGURES, SPEECH], [SPEECH], [FIGURES, SPEECH, known]))
        words = (rng.choice(rng.choice(kinds)) for _ in range(rng.randrange(0, 14)))
        text = rng.choice((" ", " ", " ", " ", "  ", "", "-")).join(words)
        assert driver.normalize_by_kind(WHISPER_ENGLISH, text) == english(text), ascii(text)


def counts(reference, hypothesis):
    out = jiwer.process_words(reference, hypothesis)
    return out.substitutions, out.deletions, out.insertions, out.hits


LETTERS = {"equal": "=", "substitute": "s", "delete": "d", "insert": "i"}


def edits(reference, hypothesis):
    """jiwer's own alignment, a letter an edit."""
    letters = ""
    for chunk in jiwer.process_words(reference, hypothesis).alignments[0]:
        count = max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        letters += LETTERS[chunk.type] * count
    return letters


def check(driver, reference, hypothesis):
    assert driver.score(reference, hypothesis) == counts(reference, hypothesis), (ascii(reference), ascii(hypothesis))


def test_every_short_pair(driver):
    """All pairs of up to four words of three kinds: every tie there is between so few."""
    texts = [""]
    for _ in range(4):
        texts += [f"{t} {w}".strip() for t in texts for w in "abc"]
    texts = sorted(set(texts))
    for reference in texts:
        for hypothesis in texts:
            check(driver, reference, hypothesis)


def random_words(rng, count, kinds):
    return [f"w{rng.randrange(kinds)}" for _ in range(count)]


def edited(rng, words, rate, kinds):
    out = []
    for word in words:
        kind = rng.random() / rate
        if kind < 0.4:
            out.append(f"w{rng.randrange(kinds)}")
        elif kind < 0.7:
            out += [word, f"w{rng.randrange(kinds)}"]
        elif kind >= 1:
            out.append(word)
    return out


def test_random_pairs(driver):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        kinds = rng.choice((2, 3, 5, 20, 1000))
        reference = random_words(rng, rng.randrange(0, 120), kinds)
        hypothesis = edited(rng, reference, rng.choice((0.02, 0.1, 0.5, 1)), kinds)
        if rng.random() < 0.2:
            hypothesis = random_words(rng, rng.randrange(0, 120), kinds)
        check(driver, " ".join(reference), " ".join(hypothesis))


@pytest.mark.parametrize("size", [64, 65, 66, 128, 1000, 2047, 2048, 2049, 3000, 5000, 9000])
def test_long_pairs(driver, size):
    """Past four million cells jiwer's aligner divides; ties then fall otherwise."""
    rng = random.Random(SEED + size)
    for kinds in (2, 4, 30, 500, 100000):
        for rate in (0.001, 0.05, 0.4, 1):
            reference = random_words(rng, size, kinds)
            check(driver, " ".join(reference), " ".join(edited(rng, reference, rate, kinds)))
        check(driver, " ".join(random_words(rng, size, kinds)), " ".join(random_words(rng, size * 3 // 2, kinds)))
        check(driver, " ".join(random_words(rng, size * 2, kinds)), " ".join(random_words(rng, size, kinds)))


def test_lopsided_pairs(driver):
    rng = random.Random(SEED)
    for short in (0, 1, 2, 9, 10, 64, 65):
        for kinds in (2, 50):
            few, many = random_words(rng, short, kinds), random_words(rng, 70000, kinds)
            check(driver, " ".join(few), " ".join(many))
            check(driver, " ".join(many), " ".join(few))
    same = random_words(rng, 3000, 5)
    other = [f"x{i}" for i in range(2600)]
    check(driver, " ".join(same + ["r"]), " ".join(other + same + ["h"]))
    check(driver, " ".join(other + same + ["h"]), " ".join(same + ["r"]))


def test_white_space(driver):
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        texts = ["".join(rng.choice((" ", " ", "  ", "a", "b", "ab", rng.choice(SPACES))) for _ in range(rng.randrange(12)))
                 for _ in range(2)]
        check(driver, *texts)
    for space in SPACES:
        for text in (f"a{space}b", f"a{space}{space}b", f"a {space}b", f"{space}a", f"a{space}", space, f"{space} "):
            check(driver, text, "a b")


@unicode_14
def test_normalized_pairs(driver):
    rng = random.Random(SEED)
    for _ in range(ROUNDS // 4):
        reference, hypothesis = random_text(rng), random_text(rng)
        if rng.random() < 0.5:
            hypothesis = reference.upper()
        assert driver.score(reference, hypothesis, True) == counts(normalized(reference), normalized(hypothesis))


SCRIPTS = ("abcxyz", "éüßøñ", "абвгд", "αβγσς", "עברית", "سلامك", "नमस्ते", "日本語漢字", "ไทยครับ", "한국어말",
           "🎙🙂👍🏽", "'’-.0123")


def random_sentence(rng):
    script = rng.choice(SCRIPTS)
    return " ".join("".join(rng.choice(script) for _ in range(rng.randrange(1, 4))) for _ in range(rng.randrange(0, 14)))


def misheard(rng, text):
    words = [w for w in text.split(" ") if rng.random() > 0.1]
    for i in range(len(words)):
        if rng.random() < 0.2:
            words[i] = random_sentence(rng)
    return " ".join(words).strip() if rng.random() < 0.9 else random_sentence(rng)


def test_alignments_in_many_scripts(driver):
    """The place of every edit, and errors of characters."""
    rng = random.Random(SEED + 1)
    for _ in range(ROUNDS):
        reference = random_sentence(rng)
        hypothesis = misheard(rng, reference)
        letters, characters, errors = driver.align(reference, hypothesis)
        assert letters == edits(reference, hypothesis), (reference, hypothesis)
        by_character = jiwer.process_characters(reference, hypothesis)
        wrong = by_character.substitutions + by_character.deletions + by_character.insertions
        assert (characters, errors) == (len(reference.strip()), wrong), (reference, hypothesis)


def test_long_alignments(driver):
    rng = random.Random(SEED + 2)
    for size in (100, 2100, 5000):
        for kinds in (2, 30, 5000):
            reference = random_words(rng, size, kinds)
            texts = " ".join(reference), " ".join(edited(rng, reference, 0.4, kinds))
            assert driver.align(*texts)[0] == edits(*texts)


def write_trn(path, texts):
    path.write_text("".join(f"{text} (speaker_{i:04d})\n" for i, text in enumerate(texts)))


needs_sctk = pytest.mark.skipif(not shutil.which("sctk"), reason="NIST's sctk is not installed")


def sclite_counts(folder, references, hypotheses):
    """Hits, substitutions, deletions, insertions of each pair."""
    for name, texts in ("ref", references), ("hyp", hypotheses):
        write_trn(folder / name, texts)
    out = subprocess.run(["sctk", "sclite", "-i", "rm", "-s", "-e", "utf-8", "-r", "ref", "trn", "-h", "hyp", "trn", "-o",
                          "pra", "stdout"], cwd=folder, check=True, capture_output=True).stdout.decode()
    counts = {int(name): tuple(map(int, numbers.split())) for name, numbers in
              re.findall(r"id: \(speaker_(\d+)\)\nScores: \(#C #S #D #I\) ([\d ]+)", out)}
    return [counts[i] for i in range(len(references))]


@needs_sctk
@pytest.mark.parametrize("kinds", ("speech", "scripts", 3))
def test_counts_of_sclite(driver, tmp_path, kinds):
    """A substitution costs sclite 4 and the others 3, so it may find another way: never one that is worse by its own
    prices, nor better by ours. Of speech, whose words seldom come again, the numbers of errors are the same."""
    rng = random.Random(SEED)
    pairs = []
    for _ in range(4000):
        if kinds == "scripts":
            reference = random_sentence(rng)
            pair = reference, misheard(rng, reference)
        else:
            words = random_words(rng, rng.randrange(1, 25), 5000 if kinds == "speech" else kinds)
            pair = " ".join(words), " ".join(edited(rng, words, 0.3, 5000 if kinds == "speech" else kinds))
        pairs.append(pair)
    theirs = sclite_counts(tmp_path, *zip(*pairs))
    other = 0
    for pair, (_, s, d, i) in zip(pairs, theirs):
        ours = driver.score(*pair)
        assert sum(ours[:3]) <= s + d + i, pair
        assert 4 * s + 3 * (d + i) <= 4 * ours[0] + 3 * (ours[1] + ours[2]), pair
        other += sum(ours[:3]) != s + d + i
    assert other == 0 if kinds == "speech" else other < len(pairs) / 20, other


@needs_sctk
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_matched_pairs(driver, tmp_path, seed):
    """NIST's sc_stats, which looks p up in a table: for z cut to two digits."""
    rng = random.Random(seed)
    reference = [random_words(rng, rng.randrange(8, 25), 5000) for _ in range(120)]
    a, b = ([" ".join(edited(rng, words, rate, 5000)) for words in reference] for rate in (0.12, 0.12 + 0.006 * seed))
    reference = [" ".join(words) for words in reference]
    for name, texts in ("ref", reference), ("a", a), ("b", b):
        write_trn(tmp_path / name, texts)
    for name in "ab":
        subprocess.run(["sctk", "sclite", "-i", "rm", "-r", "ref", "trn", "-h", name, "trn", "-o", "sgml"],
                       cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sctk", "sc_stats", "-p", "-t", "mapsswe", "-u", "-n", "out"], cwd=tmp_path, check=True,
                   input=(tmp_path / "a.sgml").read_bytes() + (tmp_path / "b.sgml").read_bytes(), stdout=subprocess.DEVNULL)
    row = re.search(r"MP +\|\| +a .*", (tmp_path / "out.stats.unified").read_text()).group()
    given = re.search(r"(<?)(0\.\d{3})", row)
    _, _, z, p = driver.match(list(zip(reference, a, b)))
    assert p == pytest.approx(math.erfc(abs(z) / math.sqrt(2)), rel=1e-12)
    table = math.erfc(math.floor(abs(z) * 100) / 100 / math.sqrt(2))
    assert table < 0.001 if given[1] else table == pytest.approx(float(given[2]), abs=0.00051), row


def test_too_many_words(driver):
    with pytest.raises(DriverError, match="more than 100000 words"):
        driver.score("a", "b " * 100001)
