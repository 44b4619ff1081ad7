#!/usr/bin/env python3
"""Speech of which every word's start and end is known: sentences spoken by espeak-ng, joined with known gaps.

    tools/espeak_words.py OUT [--clips N] [--voice V] [--rate R] [--seed S] < SENTENCES

writes OUT/NNN.wav (16-bit, mono, 22,050 Hz) and OUT/words.jsonl, a line a clip: file, text, and words with word, start
and end in seconds. The library's own events tell them: a word begins at its word event and ends where the next one
begins, or where its last sound is followed by a pause. Words that the voice runs together ("of the") are one. Needs libespeak-ng (Debian: libespeak-ng1).
"""

import argparse
import ctypes
import json
import pathlib
import random
import sys
import wave

WORD, END, PHONEME = 1, 5, 7
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Event(ctypes.Structure):
    class Id(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]

    _fields_ = [("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int),
                ("length", ctypes.c_int), ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", Id)]


class Espeak:
    """libespeak-ng, speaking into memory."""

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        synchronous, phoneme_events = 2, 1
        self.rate = self.library.espeak_Initialize(synchronous, 0, None, phoneme_events)
        if self.rate <= 0:
            raise SystemExit("espeak-ng cannot be started")
        self.callback = CALLBACK(self.receive)
        self.library.espeak_SetSynthCallback(self.callback)

    def receive(self, samples, count, events):
        self.samples += bytes(ctypes.cast(samples, ctypes.POINTER(ctypes.c_char * (2 * count)))[0]) if count else b""
        size = ctypes.sizeof(Event)
        while events:
            event = Event.from_address(events)
            if event.type == 0:
                break
            name = event.id.string if event.type == PHONEME else b""
            self.events.append((event.type, event.sample, event.text_position, event.length, name))
            events += size
        return 0

    def speak(self, text, voice, rate):
        """Samples as bytes, and (word, start, end) in seconds."""
        self.samples, self.events = b"", []
        self.library.espeak_SetVoiceByName(voice.encode())
        self.library.espeak_SetParameter(1, rate, 0)  # espeakRATE
        data = text.encode()
        utf8 = 1
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, utf8, None, None)
        self.library.espeak_Synchronize()
        return self.samples, self.words(text)

    def words(self, text):
        words = []
        ended = True
        starts = [position - 1 for kind, _, position, _, _ in self.events if kind == WORD]
        stops = starts[1:] + [len(text)]
        for kind, sample, _, _, name in self.events:
            time = sample / self.rate
            if kind == WORD:
                if words and not ended:
                    words[-1][2] = time
                words.append([text[starts[len(words)]:stops[len(words)]].strip(), time, time])
                ended = False
            elif words and not ended and (kind == END or (kind == PHONEME and name in (b"", b"_", b"_:", b"_!"))):
                words[-1][2] = time
                ended = True
        return words


def make_clip(espeak, sentences, options, chance):
    """A few sentences with gaps of 0 to 1.5 s between and around them."""
    silence = lambda: bytes(2 * int(espeak.rate * chance.uniform(0, 1.5)))
    samples, words, texts = silence(), [], []
    for sentence in sentences:
        spoken, timed = espeak.speak(sentence, options.voice, options.rate)
        start = len(samples) / 2 / espeak.rate
        words += [{"word": word, "start": round(start + a, 4), "end": round(start + b, 4)} for word, a, b in timed]
        samples += spoken + silence()
        texts.append(sentence)
    return samples, words, " ".join(texts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--voice", default="en-us")
    parser.add_argument("--rate", type=int, default=150, help="words a minute")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sentences = [line.strip() for line in sys.stdin if line.strip()]
    options.out.mkdir(parents=True, exist_ok=True)
    chance, espeak = random.Random(options.seed), Espeak()
    with open(options.out / "words.jsonl", "w") as list_file:
        for number in range(options.clips):
            chosen = chance.sample(sentences, chance.randint(1, 3))
            samples, words, text = make_clip(espeak, chosen, options, chance)
            name = f"{number:03}.wav"
            with wave.open(str(options.out / name), "wb") as out:
                out.setparams((1, 2, espeak.rate, 0, "NONE", ""))
                out.writeframes(samples)
            list_file.write(json.dumps({"file": name, "text": text, "words": words}) + "\n")


if __name__ == "__main__":
    main()
