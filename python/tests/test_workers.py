"""Threads, processes, pickles and streams over one model."""

import gc
import multiprocessing
import os
import pickle
import threading

import numpy as np
import potstill
import pytest
from conftest import ADAPTER, CLIPS, MICRO

_model = None


def transcribe_in_worker(model):
    return model.transcribe(CLIPS[0], guard=False).tokens


def transcribe_inherited(_):
    return _model.transcribe(CLIPS[0], guard=False).tokens


def test_a_hundred_threads(micro):
    wanted = [r.tokens for r in micro.transcribe(CLIPS[:2], threads=1, guard=False)]
    with micro.use(ADAPTER):
        adapted = micro.transcribe(CLIPS[0], threads=1, guard=False).tokens
    found = {}

    def work(number):
        with micro.use(ADAPTER if number % 3 == 0 else None):
            clip = CLIPS[number % 2 if number % 3 else 0]
            found[number] = micro.transcribe(clip, threads=1, guard=False).tokens

    threads = [threading.Thread(target=work, args=(n,)) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(100):
        assert found[number] == (adapted if number % 3 == 0 else wanted[number % 2])


def test_a_pickle_is_a_path():
    model = potstill.load(MICRO, adapter=(ADAPTER, 0.5), precision="f32", cache=False)
    data = pickle.dumps(model)
    assert len(data) < 2000
    copy = pickle.loads(data)
    assert copy.transcribe(CLIPS[0], guard=False).tokens == model.transcribe(CLIPS[0], guard=False).tokens
    assert repr(copy) == repr(model)


def test_a_result_and_an_error_are_pickles(micro):
    result = micro.transcribe(CLIPS[0], guard=False)
    assert repr(pickle.loads(pickle.dumps(result))) == repr(result)
    error = pickle.loads(pickle.dumps(potstill.CommandError("no", 3)))
    assert error.code == 3 and str(error) == "no"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers(micro, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    wanted = micro.transcribe(CLIPS[0], guard=False).tokens
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(transcribe_in_worker, [micro] * 4) == [wanted] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_has_the_model_of_its_parent(micro):
    global _model
    _model = micro
    wanted = micro.transcribe(CLIPS[0], guard=False).tokens
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(transcribe_inherited, range(4)) == [wanted] * 4


def test_memory_is_given_back(samples):
    def rss():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc")

    def again(times):
        for _ in range(times):
            model = potstill.load(MICRO, adapter=ADAPTER, cache=False)
            model.transcribe([samples] * 3)
            model.transcribe((8000, samples))
        gc.collect()

    again(3)
    before, files = rss(), len(os.listdir("/proc/self/fd"))
    again(15)
    assert rss() - before < 4e6
    assert len(os.listdir("/proc/self/fd")) == files


def test_a_stream_gives_the_text_of_its_lines(micro, samples):
    stream = micro.stream(vad="energy", pause=0.3, guard=False)
    quiet = np.zeros(16000, np.float32)
    sound = np.concatenate([samples, quiet, samples])
    events = []
    for at in range(0, len(sound), 1000):
        events += stream.feed(sound[at : at + 1000])
    events += stream.finish()
    done = [e for e in events if e.kind == "completed"]
    assert len(done) >= 1 and events[0].kind == "started"
    for event in done:
        cut = sound[round(event.start * 16000) : round(event.end * 16000)]
        assert event.tokens == micro.transcribe(cut, window=0).tokens
        assert event.committed == event.text
    # A model of random numbers does not believe in its text.
    guarded = micro.stream(vad="energy", pause=0.3)
    marked = [e for e in guarded.feed(sound) + guarded.finish() if e.kind == "completed"]
    assert [(e.start, e.end) for e in marked] == [(e.start, e.end) for e in done]
    assert all(e.text == "" and e.flags == ("no_speech",) and 0 <= e.no_speech_prob <= 1 for e in marked)
    with pytest.raises(ValueError, match="shape"):
        stream.feed(np.zeros((2, 2)))
    with pytest.raises(TypeError, match="has no option"):
        micro.stream(beams=1)
