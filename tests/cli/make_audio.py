"""make_audio.py - writes the clips of tests/cli/audio: arithmetic only, so they are the same anywhere.

The micro model has random weights; what it "hears" in them means nothing, but it is always the same.
"""
import math
import os
import wave

RATE_HZ = 16000


def write(name, samples):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audio", name)
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(b"".join(int(s).to_bytes(2, "little", signed=True) for s in samples))


def chirp(seconds, start_hz, end_hz, loudness):
    count = int(seconds * RATE_HZ)
    for i in range(count):
        t = i / RATE_HZ
        hz = start_hz + (end_hz - start_hz) * t / (2 * seconds)
        yield round(loudness * math.sin(2 * math.pi * hz * t) * math.sin(math.pi * i / count))


def hum(seconds, loudness):
    for i in range(int(seconds * RATE_HZ)):
        t = 2 * math.pi * i / RATE_HZ
        yield round(loudness * sum(math.sin(120 * n * t) / n for n in (1, 2, 3, 5)))


def voice(seconds, said, loudness):
    """Harmonics of a gliding tone in syllables, in the stretches `said`: what a detector takes for speech."""
    phase = 0.0
    for i in range(int(seconds * RATE_HZ)):
        t = i / RATE_HZ
        speaking = any(start <= t < end for start, end in said)
        level = 0.6 + 0.4 * math.sin(25 * t) if speaking else 0.0
        phase += 2 * math.pi * (140 + 30 * math.sin(3 * t)) / RATE_HZ
        yield round(loudness * level * sum(math.sin(h * phase) / h for h in range(1, 20)) + 30 * math.sin(i * i))


write("chirp.wav", chirp(0.75, 200, 3000, 12000))
write("hum.wav", hum(0.5, 6000))
write("silence.wav", [0] * (RATE_HZ // 4))
write("short.wav", [1000, -1000] * 100)
write("voice.wav", voice(3.6, [(0.5, 1.4), (2.4, 3.1)], 5000))
