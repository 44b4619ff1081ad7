"""The sound of the streaming example: voices, a cache of clips, and what is done to them in training."""

import multiprocessing
import random

import numpy as np
from espeak import RATE_HZ, Speaker

ACCENTS = ["en", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd",
           "en-us-nyc"]
SPEAKERS = ["", "", "+f1", "+f2", "+f3", "+f4", "+f5", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6",
            "+m7", "+klatt", "+klatt2", "+Annie", "+Andy", "+Gene", "+steph", "+michael", "+john"]


def voice(choose):
    """(voice, words per minute, pitch, range) of someone the model is trained on."""
    return (choose.choice(ACCENTS) + choose.choice(SPEAKERS), choose.randint(125, 205),
            choose.randint(25, 75), choose.randint(20, 80))


def stranger(choose):
    """Someone who whispers, whom the model has never heard."""
    return "en-us+whisper", choose.randint(125, 185), 50, 50


class Clips:
    """Many clips in one array of 16-bit samples."""

    def __init__(self, texts, voices):
        speaker = Speaker()
        self.sound, self.texts, self.words = [], texts, []
        for text, (name, speed, pitch, pitch_range) in zip(texts, voices):
            samples, words = speaker.say(text, name, speed, pitch, pitch_range)
            self.sound.append((samples * (32000 / np.abs(samples).max())).astype(np.int16))
            self.words.append(words)

    def __len__(self):
        return len(self.texts)


    def pairs(self):
        """[(samples, text)], each clip with a little silence around it."""
        pad = RATE_HZ // 10
        return [(np.pad(sound / np.float32(40000), pad), text)
                for sound, text in zip(self.sound, self.texts)]


def record(texts, seed, person=voice):
    """Clips, spoken in a process of its own: some voices have noise that goes on from what was said before."""
    choose = random.Random(seed)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(Clips, (texts, [person(choose) for _ in texts]))


def hiss(random, count, colour):
    """Noise with a spectrum that falls by frequency to the power of `colour` / 2; an RMS of 1."""
    spectrum = np.fft.rfft(random.standard_normal(count, dtype=np.float32))
    spectrum *= np.maximum(np.arange(len(spectrum)), len(spectrum) / 200) ** (-colour / 2)
    noise = np.fft.irfft(spectrum, count).astype(np.float32)
    return noise / np.sqrt(np.mean(noise**2))


class Augmenter:
    """Clips as they might be heard: cut off, one after the other, slower, in noise, with no one there."""

    def __init__(self, clips, seed):
        self.clips = clips
        self.random = np.random.default_rng(seed)
        # Cut from here, not made for each clip: transforms of odd lengths are slow. 32 seconds of each.
        self.noises = [hiss(self.random, 1 << 19, colour) for colour in np.linspace(0, 2, 9)]

    def order(self):
        return self.random.permutation(len(self.clips))

    def clip(self, index):
        """(samples, text, [(word, first sample, last)])"""
        random = self.random
        kind = random.random()
        if kind < 0.03:
            return self.nobody(), "", []
        samples, text, spans = self.said(index)
        if kind < 0.12:
            samples, text, spans = begun(samples, text, spans, random)
        elif kind < 0.18:
            samples, text, spans = self.doubled(samples, text, spans)
        factor = 1.0
        if random.random() < 0.7:
            factor = random.uniform(0.9, 1.1)
            samples = stretched(samples, factor)
        # Nearly half of the clips end where the speech does: what comes in pieces is not padded.
        before = int(random.uniform(0, 0.6) * RATE_HZ)
        after = 0 if random.random() < 0.4 else int(random.uniform(0, 0.7) * RATE_HZ)
        loudness = np.sqrt(np.mean(samples**2))
        samples = np.pad(samples, (before, after))
        if random.random() < 0.8:
            level = loudness * 10 ** (-random.uniform(8, 35) / 20)
            samples = samples + level * self.noise(len(samples))
        samples = (samples * 10 ** (-random.uniform(0, 26) / 20)).astype(np.float32)
        return samples, text, [(word, int(first / factor) + before, int(last / factor) + before)
                               for word, first, last in spans]

    def said(self, index):
        """One of the clips as it was spoken."""
        samples, text = self.clips.sound[index] / np.float32(32768), self.clips.texts[index]
        places, starts = zip(*self.clips.words[index])
        spans = [(text[place:after].strip(), first, last) for place, after, first, last in
                 zip(places, [*places[1:], len(text)], starts, [*starts[1:], len(samples)])]
        return samples, text, spans

    def nobody(self):
        random = self.random
        count = int(random.uniform(0.2, 4.0) * RATE_HZ)
        if random.random() < 0.2:
            return np.zeros(count, dtype=np.float32)
        level = 10 ** -random.uniform(1, 4)
        return (level * self.noise(count)).astype(np.float32)

    def noise(self, count):
        noise = self.noises[self.random.integers(len(self.noises))]
        first = self.random.integers(len(noise) - count)
        return noise[first:first + count]

    def doubled(self, samples, text, spans):
        """Two commands, with a breath between them."""
        second, more, later = self.said(self.random.integers(len(self.clips)))
        gap = int(self.random.uniform(0.15, 0.6) * RATE_HZ)
        shift = len(samples) + gap
        later = [(word, first + shift, last + shift) for word, first, last in later]
        return np.concatenate([np.pad(samples, (0, gap)), second]), f"{text} {more}", spans + later


def begun(samples, text, spans, random):
    """The clip up to the end of one of its words, as a stream has it half way."""
    if len(spans) < 2:
        return samples, text, spans
    spans = spans[:random.integers(1, len(spans))]
    return samples[:max(spans[-1][2], RATE_HZ // 10)], " ".join(word for word, _, _ in spans), spans


def stretched(samples, factor):
    """Slower and deeper, or faster and higher."""
    places = np.arange(0, len(samples) - 1, factor)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
