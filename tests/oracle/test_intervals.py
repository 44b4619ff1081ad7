"""Intervals and tests of two systems against scipy, and against numpy alone where that is all there is.

POTSTILL_SCORE_DRIVER names the driver program.
"""

import math
import os
import random
import sys

import pytest

np = pytest.importorskip("numpy")
sys.path.insert(0, os.path.dirname(__file__))
from driver import Driver  # noqa: E402

DRAWS = 20000


@pytest.fixture(scope="module")
def driver():
    program = os.environ.get("POTSTILL_SCORE_DRIVER")
    if not program:
        pytest.skip("POTSTILL_SCORE_DRIVER is not set")
    driver = Driver(program)
    yield driver
    assert driver.close() == 0


def utterances(seed, count, gain):
    """[count, 4]: errors of b and words, errors of a and words."""
    rng = np.random.default_rng(seed)
    words = rng.integers(3, 25, count)
    hard = rng.choice((0.05, 0.1, 0.3), count)
    return np.stack([rng.binomial(words, hard * gain), words, rng.binomial(words, hard), words], axis=1).astype(float)


def rate(errors, words, axis=-1):
    return errors.sum(axis) / words.sum(axis)


def difference(errors, words, errors_a, words_a, axis=-1):
    return rate(errors, words, axis) - rate(errors_a, words_a, axis)


def by_numpy(columns, statistic):
    count = len(columns[0])
    rng = np.random.default_rng(5)
    drawn = np.concatenate([statistic(*(column[places] for column in columns))
                            for places in (rng.integers(0, count, (1000, count)) for _ in range(DRAWS // 1000))])
    return *np.percentile(drawn, (2.5, 97.5)), drawn


def by_scipy(columns, statistic):
    stats = pytest.importorskip("scipy.stats")
    result = stats.bootstrap(columns, statistic, paired=True, vectorized=True, n_resamples=DRAWS, batch=1000,
                             method="percentile", rng=np.random.default_rng(5))
    return *result.confidence_interval, result.bootstrap_distribution


@pytest.mark.parametrize("reference", (by_numpy, by_scipy))
@pytest.mark.parametrize("count, gain", ((20, 0.9), (150, 0.8), (600, 0.97)))
def test_bootstrap(driver, reference, count, gain):
    """A percentile of so many draws is off by 0.019 standard deviations (their width is 3.92), each of the two has its
    own, and four times as far off is chance no more."""
    rows = utterances(count, count, gain)
    for columns, statistic, given in zip((rows.T[:2], rows.T), (rate, difference), driver.bootstrap(rows.tolist(), DRAWS)):
        value, low, high, p = given
        their_low, their_high, drawn = reference(tuple(columns), statistic)
        error = 4 * math.sqrt(2) * 0.019 * (their_high - their_low) / 3.92
        assert value == pytest.approx(statistic(*columns), rel=1e-12)
        assert (low, high) == (pytest.approx(their_low, abs=error), pytest.approx(their_high, abs=error))
        theirs = min(1, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean()))
        assert p == pytest.approx(theirs, abs=4 * 2 * math.sqrt(max(theirs, 1e-4) / DRAWS) + 2 / DRAWS)


def segments(a, b):
    """Differences of errors in the stretches between two words that both have right. `a`, `b`: "=sdi" by edit."""
    def by_word(letters):
        errors, right, inserted = [], [], 0  # of each word, with what is inserted before it
        for letter in letters:
            if letter == "i":
                inserted += 1
                continue
            errors.append(inserted + (letter != "="))
            right.append(letter == "=")
            inserted = 0
        return errors + [inserted], right
    (errors_a, right_a), (errors_b, right_b) = by_word(a), by_word(b)
    found, sums, good, open_ = [], [0, 0], 0, False
    for i in range(len(errors_a)):
        both = i < len(right_a) and right_a[i] and right_b[i]
        wrong = (errors_a[i], errors_b[i])
        if sum(wrong):
            open_, good = True, 0
            sums = [sums[0] + wrong[0], sums[1] + wrong[1]]
        good = good + 1 if both else good
        if open_ and (good >= 2 or i == len(errors_a) - 1):
            found.append(sums[1] - sums[0])
            sums, good, open_ = [0, 0], 0, False
        elif not open_ and good >= 2:
            good = 0
    return found


@pytest.mark.parametrize("seed", range(8))
def test_matched_pairs(driver, seed):
    stats = pytest.importorskip("scipy.stats")
    rng = random.Random(seed)

    def misheard(words, share):
        out = []
        for word in words:
            kind = rng.random() / share
            out += [f"x{rng.randrange(99)}"] if kind < 0.5 else [word, "um"] if kind < 0.7 else [] if kind < 1 else [word]
        return " ".join(out)
    references = [[f"w{rng.randrange(500)}" for _ in range(rng.randrange(4, 30))] for _ in range(80)]
    triples = [(" ".join(words), misheard(words, 0.15), misheard(words, 0.15 + 0.02 * seed)) for words in references]
    found = []
    for reference, a, b in triples:
        found += segments(driver.align(reference, a)[0], driver.align(reference, b)[0])
    count, mean, z, p = driver.match(triples)
    test = stats.ttest_1samp(found, 0)
    assert (count, mean) == (len(found), pytest.approx(np.mean(found), abs=1e-12))
    assert z == pytest.approx(test.statistic, rel=1e-9)
    assert p == pytest.approx(2 * stats.norm.sf(abs(test.statistic)), rel=1e-9)
