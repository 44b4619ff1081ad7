"""Models in memory: the engine's tokens are those of ``generate()`` on the live model."""

import json
import pathlib
import time

import numpy as np
import potstill
import pytest
from conftest import CLIPS, MICRO, ROOT, TINY, needs_tiny

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")


torch.set_num_threads(1)  # what threads of torch wait for each other is the most of a micro model
LENGTH = {"max_new_tokens": 12}


def live(folder=MICRO):
    model = transformers.MoonshineForConditionalGeneration.from_pretrained(folder)
    return model.float().eval()


def generated(model, samples, **options):
    """Tokens of one clip [count], as ``generate()`` has them."""
    values = torch.from_numpy(samples)[None]
    with torch.no_grad():
        ids = model.generate(input_values=values, attention_mask=torch.ones_like(values), **options)
    return tuple(ids[0].tolist())


def clip_samples(count=2):
    """Sound of the clips, as the library reads it."""
    import soundfile

    return [soundfile.read(clip, dtype="float32")[0] for clip in CLIPS[:count]]


@pytest.fixture
def sounds(samples):
    rng = np.random.default_rng(3)
    noises = [rng.normal(0, 0.1, n).astype(np.float32) for n in (3000, 20001)]
    return [samples, *noises]


def shaken(model, seed=0):
    """A model whose trainable weights are not those that it began with."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += 0.05 * torch.randn(weight.shape, generator=generator)
    return model.eval()


def configs():
    linear = ["q_proj", "v_proj", "fc1", "fc2"]
    return {
        "lora": peft.LoraConfig(r=4, target_modules=linear),
        "dora": peft.LoraConfig(r=4, target_modules=linear, use_dora=True, use_rslora=True),
        "saved": peft.LoraConfig(r=2, target_modules=linear, modules_to_save=["proj_out"]),
        "ia3": peft.IA3Config(target_modules=linear, feedforward_modules=["fc1", "fc2"]),
        "loha": peft.LoHaConfig(r=2, target_modules=linear),
        "lokr": peft.LoKrConfig(r=2, target_modules=linear),
    }


def assert_same(model, sounds, **options):
    engine = potstill.from_pretrained(model, MICRO)
    assert engine.info["precision"] == "f32"
    options = {**LENGTH, **options}
    results = engine.transcribe(sounds, window=0, **options)
    for result, samples in zip(results, sounds):
        assert result.tokens == generated(model, samples, **options)
    return engine


def test_a_plain_model(sounds):
    model = shaken(live())
    engine = assert_same(model, sounds)
    assert_same(model, sounds, num_beams=3)
    assert engine.transcribe(sounds[0], window=0, **LENGTH).tokens != (
        potstill.load(MICRO, precision="f32").transcribe(sounds[0], window=0, **LENGTH).tokens
    )


@pytest.mark.parametrize("method", list(configs()))
def test_a_peft_model(sounds, method):
    model = peft.get_peft_model(live(), configs()[method])
    engine = assert_same(shaken(model), sounds)
    assert len(engine._initial) == 1
    before = [r.tokens for r in engine.transcribe(sounds, window=0, **LENGTH)]
    shaken(model, seed=1)  # training goes on; the engine has what it was given
    assert [r.tokens for r in engine.transcribe(sounds, window=0, **LENGTH)] == before


def test_adapters_by_name_and_switched_off(sounds):
    config = configs()["lora"]
    model = peft.get_peft_model(live(), config, adapter_name="one")
    model.add_adapter("two", config)
    for name in ("one", "two"):
        model.set_adapter(name)
        shaken(model, seed=ord(name[0]))
    for name in ("one", "two"):
        model.set_adapter(name)
        assert_same(model, sounds)


def test_transformers_own_adapters(sounds):
    model = live()
    try:
        model.add_adapter(configs()["lora"], "mine")
    except ValueError as error:  # it wants a newer PEFT than there is
        pytest.skip(str(error))
    assert_same(shaken(model), sounds)


def test_it_is_evaluated_and_merged_like_any_other(sounds, tmp_path):
    model = peft.get_peft_model(live(), configs()["lora"])
    engine = potstill.from_pretrained(shaken(model), MICRO)
    texts = [r.text for r in engine.transcribe(sounds, window=0, **LENGTH)]
    found = potstill.evaluate(list(zip(sounds, texts)), model=engine, normalizer="none", **LENGTH)
    assert found.wer() == 0 and len(found.utterances) == len(sounds)
    merged = potstill.load(potstill.merge(engine, output=tmp_path / "merged"), precision="f32")
    assert [r.text for r in merged.transcribe(sounds, window=0, **LENGTH)] == texts


def test_a_forked_process_leaves_the_folder(samples):
    import multiprocessing

    engine = potstill.from_pretrained(live(), MICRO)
    holder = [engine]
    del engine
    worker = multiprocessing.get_context("fork").Process(target=holder.clear)
    worker.start()
    worker.join()
    assert holder[0].transcribe(samples, window=0, **LENGTH).tokens
    assert pathlib.Path(holder[0].dir, "config.json").exists()


def test_what_a_killed_process_left_is_removed():
    parent = pathlib.Path(potstill.from_pretrained(live(), MICRO).dir).parents[1]
    left = parent / "potstill-live.left"
    left.mkdir(exist_ok=True)
    (left / "lock").write_bytes(b"")
    engine = potstill.from_pretrained(live(), MICRO)
    other = potstill.from_pretrained(live(), MICRO)
    assert not left.exists()
    assert pathlib.Path(engine.dir).exists() and pathlib.Path(other.dir).exists()


def test_the_folder_is_gone_with_the_model(samples):
    import gc
    import pickle

    engine = potstill.from_pretrained(live(), MICRO)
    folder = pathlib.Path(engine.dir)
    assert folder.exists()
    wanted = engine.transcribe(samples, window=0).tokens
    assert pickle.loads(pickle.dumps(engine)).transcribe(samples, window=0).tokens == wanted
    del engine
    gc.collect()
    assert not folder.exists()


def test_the_callback_logs_what_generate_gives(sounds):
    model = peft.get_peft_model(live(), configs()["lora"])
    shaken(model)
    rows = [{"audio": s, "text": "one two three"} for s in sounds]
    callback = potstill.TrainerCallback(
        rows, MICRO, normalizer="none", precision="f32", **LENGTH
    )
    state, metrics = transformers.TrainerState(), {}
    callback.on_evaluate(None, state, None, model=model, metrics=metrics)
    tokenizer = transformers.AutoTokenizer.from_pretrained(MICRO)
    texts = [
        tokenizer.decode(generated(model, s, **LENGTH), skip_special_tokens=True) for s in sounds
    ]
    wanted = potstill.word_errors(["one two three"] * len(texts), texts, "none")
    assert metrics["eval_wer"] == wanted.wer == state.log_history[-1]["eval_wer"]


def test_a_trainer_logs_it(sounds, tmp_path):
    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return {"input_values": torch.from_numpy(sounds[0]), "labels": torch.tensor([5, 6, 2])}

    model = peft.get_peft_model(live(), configs()["lora"])
    rows = [{"audio": s, "text": "a b"} for s in sounds]
    trainer = transformers.Trainer(
        model,
        transformers.TrainingArguments(
            str(tmp_path),
            num_train_epochs=2,
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            remove_unused_columns=False,
        ),
        train_dataset=Rows(),
        eval_dataset=Rows(),
        callbacks=[potstill.TrainerCallback(rows, MICRO, **LENGTH)],
    )
    trainer.train()
    assert len([row for row in trainer.state.log_history if "eval_wer" in row]) == 2


@needs_tiny
def test_the_official_model_with_its_adapter():
    """Token for token; what it took of each is printed with ``pytest -s``."""
    tower = ROOT / "examples/tower/adapter"
    model = peft.PeftModel.from_pretrained(live(TINY), tower).eval()
    sounds = clip_samples()
    began = time.perf_counter()
    wanted = [generated(model, samples) for samples in sounds]
    middle = time.perf_counter()
    engine = potstill.from_pretrained(model, TINY)
    found = [r.tokens for r in engine.transcribe(sounds, window=0)]
    end = time.perf_counter()
    assert found == wanted
    times = {"generate_s": middle - began, "handed_over_and_transcribed_s": end - middle}
    print(json.dumps({name: round(value, 2) for name, value in times.items()}))
