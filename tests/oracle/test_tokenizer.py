"""Potstill's tokenizer against the `tokenizers` library, on random texts and random ids.

POTSTILL_TOKENIZER_DRIVER names the driver program, POTSTILL_MODELS a folder with
moonshine-tiny/tokenizer.json. POTSTILL_ROUNDS changes how many texts are tried.
"""

import json
import os
import random
import sys

import pytest

tokenizers = pytest.importorskip("tokenizers")
sys.path.insert(0, os.path.dirname(__file__))
from driver import Driver, DriverError  # noqa: E402

ROUNDS = int(os.environ.get("POTSTILL_ROUNDS", "20000"))
SEED = 20250714

SCRIPTS = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x900, 0x97F), (0xE00, 0xE7F), (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x2000, 0x206F),
    (0x2580, 0x25FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF),
    (0x0, 0x1F), (0x300, 0x36F), (0xFE00, 0xFE0F), (0x20000, 0x2A6DF), (0xE000, 0xF8FF), (0, 0x10FFFF),
]
WORDS = (
    "the quick brown fox jumps over lazy dog Hello world don't transcribe Moonshine's 1234 3.14 "
    "internationalization counterrevolutionaries naïve café Zürich Москва привет 東京 你好 안녕 "
    "नमस्ते مرحبا שלום 👩‍👩‍👧 🇩🇪 ﬁ ß İstanbul ΣΑΣ e\u0301 \u2028 \ufeff"
).split(" ")
PIECES = ["<s>", "</s>", "<unk>", "<<ST_0>>", "<<ST_12>>", "<<ST_767>>", "<<ST_768>>", "<<ST_1", "<", "<<", "<0x41>",
          "▁", "▁▁", " ", "  ", "    ", "\t", "\n", "\r\n", "\0", "\x1f", "<|en|>", "<|transcribe|>", "<|en|", " <s> "]


def random_text(rng):
    text = []
    for _ in range(rng.choice((0, 1, 2, 4, 8, 16, 40))):
        kind = rng.random()
        if kind < 0.35:
            text.append(rng.choice(WORDS) + rng.choice(("", " ", ",", ". ")))
        elif kind < 0.6:
            text.append(rng.choice(PIECES))
        elif kind < 0.7:
            text.append(rng.choice((" ", "a", "▁", "<", "e", "=", "-", "0", "\U0001F600", "ha")) * rng.randrange(1, 70))
        else:
            low, high = rng.choice(SCRIPTS)
            text.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 12))))
    return "".join(c for c in "".join(text) if not 0xD800 <= ord(c) < 0xE000)


def random_ids(rng, size):
    ids = []
    for _ in range(rng.choice((0, 1, 2, 5, 20, 60))):
        kind = rng.random()
        if kind < 0.3:
            ids.append(rng.randrange(size))
        elif kind < 0.5:
            data = chr(rng.choice((0x41, 0xE9, 0x20AC, 0x1F600))).encode()
            ids += [3 + b for b in data[: rng.randint(1, len(data))]]
        elif kind < 0.65:
            ids += [rng.randrange(3, 259) for _ in range(rng.randrange(1, 5))]
        elif kind < 0.8:
            ids.append(rng.choice((0, 1, 2, size - 1, min(32000, size - 1), min(31353, size - 1))))
        elif kind < 0.9:
            ids.append(rng.choice((29871, 259, 869, 1576, 29889)) % size)  # spaces, words, a period
        else:
            ids.append(rng.choice((size, size + 7, 40000, 2**31 - 1)))
    return ids


def published():
    models = os.environ.get("POTSTILL_MODELS")
    if not models:
        pytest.skip("POTSTILL_MODELS is not set")
    path = os.path.join(models, "moonshine-tiny", "tokenizer.json")
    if not os.path.exists(path):
        pytest.skip(f"{path} is not there")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def as_trained(file):
    """What a fine-tuning run with transformers 5 saves: two tokens more, pairs for merges, the last padding."""
    file = json.loads(json.dumps(file))
    size = len(file["model"]["vocab"]) + sum(t["content"] not in file["model"]["vocab"] for t in file["added_tokens"])
    flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=True, special=False)
    for i, content in enumerate(("<|en|>", "<|transcribe|>", "<|", "a b")):
        file["added_tokens"].append(dict(id=size + i, content=content, **flags))
    file["model"]["merges"] = [m.split(" ") if isinstance(m, str) else m for m in file["model"]["merges"]]
    file["padding"] = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None,
                       "pad_id": 2, "pad_type_id": 0, "pad_token": "</s>"}
    return file


def without_bytes(file, fuse):
    """Some bytes and all emoji unknown, so that unk takes part; another template; keys in another order."""
    file = json.loads(json.dumps(file))
    vocab = {token: i for i, token in enumerate(["<unk>", "<s>", "</s>"])}
    for byte in range(256):
        if byte not in (0xE3, 0xF0, 0x07):
            vocab[f"<0x{byte:02X}>"] = len(vocab)
    for character in "▁abcdehlorstuwy <0x4>éл東":
        vocab.setdefault(character, len(vocab))
    merges = []
    for pair in ("h e", "l l", "o r", "▁ w", "he ll", "hell o", "▁ hello", "▁w or", "b a", "a b", "ab a", "▁ ▁", "▁▁ ▁▁",
                 "<0xE2> <0x80>", "a a", "aa a", "aa aa"):
        left, right = pair.split(" ")
        vocab.setdefault(left + right, len(vocab))
        merges.append(pair)
    added = [t for t in file["added_tokens"] if t["content"] in vocab]
    added.append(dict(added[0], id=len(vocab), content="<<ST_0>>"))
    model = dict(file["model"], vocab=vocab, merges=merges, fuse_unk=fuse)
    post = file["post_processor"]
    post["single"].append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    post["special_tokens"]["</s>"] = {"id": "</s>", "ids": [2], "tokens": ["</s>"]}
    file.update(added_tokens=added, model={key: model[key] for key in sorted(model)})
    return {key: file[key] for key in sorted(file)}


VARIANTS = {
    "published": lambda file: file,
    "trained": as_trained,
    "unk": lambda file: without_bytes(file, False),
    "fused unk": lambda file: without_bytes(file, True),
}


@pytest.fixture(params=VARIANTS)
def pair(request, tmp_path):
    """The judge and a driver over the same file."""
    program = os.environ.get("POTSTILL_TOKENIZER_DRIVER")
    if not program:
        pytest.skip("POTSTILL_TOKENIZER_DRIVER is not set")
    file = VARIANTS[request.param](published())
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(file, ensure_ascii=request.param == "unk", indent=2), encoding="utf-8")
    judge = tokenizers.Tokenizer.from_file(str(path))
    judge.no_padding()
    judge.no_truncation()
    driver = Driver(program, str(tmp_path))
    yield judge, driver
    assert driver.close() == 0


def test_encode(pair):
    judge, driver = pair
    rng = random.Random(SEED)
    for _ in range(ROUNDS):
        text = random_text(rng)
        special = rng.random() < 0.5
        assert driver.encode(text, special) == judge.encode(text, add_special_tokens=special).ids, repr(text)


def test_encode_every_character(pair):
    judge, driver = pair
    characters = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(characters), 4096):
        text = "".join(characters[start:start + 4096])
        assert driver.encode(text) == judge.encode(text).ids, hex(start)


def test_encode_long_word(pair):
    """A merge loop that looks at all neighbours for each merge would need hours for this."""
    judge, driver = pair
    for text in ("ab" * 50000, "hello" * 40000, " " * 100000, "".join(random.Random(1).choices("etaoin", k=200000))):
        assert driver.encode(text) == judge.encode(text).ids


def test_decode(pair):
    judge, driver = pair
    rng = random.Random(SEED)
    size = judge.get_vocab_size()
    for _ in range(ROUNDS):
        ids = random_ids(rng, size)
        for skip in (False, True):
            assert driver.decode(ids, skip) == judge.decode(ids, skip_special_tokens=skip), ids


def test_decode_every_id(pair):
    judge, driver = pair
    for i in range(judge.get_vocab_size() + 3):
        for skip in (False, True):
            assert driver.decode([i], skip) == judge.decode([i], skip_special_tokens=skip), i
            assert driver.decode([1, i, i], skip) == judge.decode([1, i, i], skip_special_tokens=skip), i


def test_negative_ids_are_unknown(pair):
    assert pair[1].decode([-1, -2**31], False) == ""


def test_text_that_is_not_utf8(pair):
    driver = pair[1]
    driver.send(b"E", b"\0\0\0\0", b"\3\0\0\0" if sys.byteorder == "little" else b"\0\0\0\3", b"a\xc0\xaf")
    with pytest.raises(DriverError, match="not UTF-8 at byte 1"):
        driver.status()


CLEANED = ["Hello , world .", "do n't ' quote ' it 's we 've they 're I 'm", "what ? no ! a . b", " . ,", "it 'sa  .  ."]


def test_clean_up(tmp_path):
    """transformers, not tokenizers, takes these spaces out when tokenizer_config.json says so."""
    transformers = pytest.importorskip("transformers")
    program = os.environ.get("POTSTILL_TOKENIZER_DRIVER")
    if not program:
        pytest.skip("POTSTILL_TOKENIZER_DRIVER is not set")
    (tmp_path / "tokenizer.json").write_text(json.dumps(published()), encoding="utf-8")
    for value in (True, False):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({
            "clean_up_tokenization_spaces": value, "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 1000000000000000019884624838656}))
        judge = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
        driver = Driver(program, str(tmp_path))
        for text in CLEANED:
            ids = judge(text).input_ids
            assert driver.encode(text) == ids
            assert driver.decode(ids, True) == judge.batch_decode([ids], skip_special_tokens=True)[0]
        assert driver.close() == 0
