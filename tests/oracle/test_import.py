"""`potstill import` on the official files, against ONNX Runtime, transformers and tokenizers.

POTSTILL_BIN is the program, POTSTILL_MODELS the folder that scripts/get-model.sh fills.
"""
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("safetensors")

# The files of the published repository, by size and SHA-256. (Its weights are the same network
# before it was quantised, so model.safetensors agrees in size only.)
PUBLISHED = {
    "config.json": (897, "47a43777a14e17b1ffd5f533e021d4d18c3c475cbb96de0947ce409e16444ded"),
    "generation_config.json": (
        189, "a8e1437432c3ba7d0fca84ced5b3a254bf0c42b8e75fc336497cdcb56675e303"),
    "preprocessor_config.json": (
        215, "99272fe8ccfab114b68b478681ea47ee3a1ce62bb788cb92dd6e4f69fb1f1da2"),
    "tokenizer.json": (
        1985530, "6579793438bc4fbafffacf699169ff53e3769c5a0a0f5e71cdee8853e8130deb"),
}


@pytest.fixture(scope="module")
def source():
    models = os.environ.get("POTSTILL_MODELS")
    if not models:
        pytest.skip("POTSTILL_MODELS is not set (run scripts/get-model.sh)")
    folder = pathlib.Path(models) / "moonshine-tiny-ort"
    if not (folder / "encoder_model.ort").is_file():
        pytest.skip(f"{folder}: not there (run scripts/get-model.sh)")
    return folder


@pytest.fixture(scope="module")
def imported(source, tmp_path_factory):
    program = os.environ.get("POTSTILL_BIN")
    if not program:
        pytest.skip("POTSTILL_BIN is not set")
    folder = tmp_path_factory.mktemp("import") / "moonshine-tiny"
    done = subprocess.run([program, "import", str(source), "-o", str(folder)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", PUBLISHED)
def test_small_files_are_the_published_ones(imported, name):
    data = (imported / name).read_bytes()
    size, sha256 = PUBLISHED[name]
    assert len(data) == size
    assert hashlib.sha256(data).hexdigest() == sha256


def test_every_tensor_is_bit_equal(source, imported):
    pytest.importorskip("onnxruntime")
    from ort_reference import convert
    from safetensors.numpy import load_file
    ours, theirs = load_file(imported / "model.safetensors"), convert(source)
    assert sorted(ours) == sorted(theirs)
    for name, expected in theirs.items():
        assert ours[name].dtype == np.float32, name
        assert ours[name].shape == expected.shape, name
        assert ours[name].tobytes() == np.ascontiguousarray(expected).tobytes(), name


def test_file_is_laid_out_as_the_published_one(imported):
    path = imported / "model.safetensors"
    assert path.stat().st_size == 108389192
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    assert length == 18240
    assert header.pop("__metadata__") == {"format": "pt"}
    assert list(header) == sorted(header) and len(header) == 160
    assert sum(int(np.prod(t["shape"])) for t in header.values()) == 27092736


def test_transformers_loads_it_without_complaint(imported):
    transformers = pytest.importorskip("transformers")
    model, report = transformers.MoonshineForConditionalGeneration.from_pretrained(
        imported, output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not report.get(kind), (kind, report[kind])
    assert sum(p.numel() for p in model.parameters()) == 27092736
    assert model.config.max_position_embeddings == model.generation_config.max_length == 194
    transformers.AutoProcessor.from_pretrained(imported)


def test_encoder_computes_what_onnx_runtime_computes(source, imported):
    """Independent of all names: a tensor in the wrong place would show in the output. ONNX Runtime
    quantises activations too, so the two agree in direction, not in bits."""
    onnxruntime = pytest.importorskip("onnxruntime")
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    rng = np.random.default_rng(1)
    time = np.arange(32000) / 16000
    samples = (0.1 * np.sin(2 * np.pi * 180 * time) * np.sin(2 * np.pi * 3 * time) +
               0.01 * rng.standard_normal(time.size)).astype(np.float32)[None]
    session = onnxruntime.InferenceSession(str(source / "encoder_model.ort"),
                                           providers=["CPUExecutionProvider"])
    theirs, = session.run(["last_hidden_state"], {
        "input_values": samples, "attention_mask": np.ones(samples.shape, np.int64)})
    model = transformers.MoonshineForConditionalGeneration.from_pretrained(imported)
    with torch.no_grad():
        ours = model.model.encoder(torch.from_numpy(samples)).last_hidden_state.numpy()
    assert ours.shape == theirs.shape
    norms = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    cosine = (ours * theirs).sum(-1) / norms
    assert cosine.mean() > 0.98 and cosine.min() > 0.8, (cosine.mean(), cosine.min())


def test_tokenizer_loads_and_goes_round(imported):
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(imported / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == 32768
    assert tokenizer.encode("Hello world").ids == [1, 15043, 3186]
    assert tokenizer.encode("The quick brown fox").ids == [1, 450, 4996, 17354, 1701, 29916]
    assert tokenizer.decode([31353]) == ""
    for text in ("", " a  b ", "Ünïcödé \u65e0 \U0001f600", "tab\tnew\nline", "don't \"quote\" \\"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_tokenizer_json_is_what_tokenizers_would_write(imported):
    tokenizers = pytest.importorskip("tokenizers")
    written = json.loads((imported / "tokenizer.json").read_text())
    again = json.loads(tokenizers.Tokenizer.from_file(str(imported / "tokenizer.json")).to_str())
    # Newer versions write a merge as a pair where older ones write one text.
    merges = again["model"]["merges"]
    again["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in merges]
    assert len(merges) == 61249
    assert again == written


def test_existing_folder_is_kept(source, imported):
    before = (imported / "config.json").stat().st_mtime_ns
    done = subprocess.run([os.environ["POTSTILL_BIN"], "import", str(source), "-o", str(imported)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode != 0 and "exists already" in done.stderr
    assert (imported / "config.json").stat().st_mtime_ns == before
