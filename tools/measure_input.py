"""How fast a core transcribes, and how fast it reads sound: what a cluster's cost is computed from.

    python tools/measure_input.py MODEL SOUND

CPU seconds are counted, not those of the clock, so that other work on the machine matters little. SOUND is
some minutes of speech; ffmpeg writes it as FLAC, MP3 and Opus. Needs an installed potstill.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import potstill
from potstill import audio

FORMATS = {
    "wav": ["-ar", "16000"],
    "flac": ["-ar", "16000"],
    "flac 44.1 kHz stereo": ["-ar", "44100", "-ac", "2"],
    "mp3 64 kb/s": ["-ar", "16000", "-b:a", "64k"],
    "mp3 128 kb/s 44.1 kHz stereo": ["-ar", "44100", "-ac", "2", "-b:a", "128k"],
    "opus 32 kb/s": ["-c:a", "libopus", "-b:a", "32k"],
}


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def reading(sound, folder):
    for name, options in FORMATS.items():
        file = Path(folder) / f"sound.{name.split()[0]}"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", sound, *options, file], check=True)
        audio.read(str(file))
        began = cpu_seconds()
        for _ in range(3):
            count = len(audio.read(str(file)))
        seconds = (cpu_seconds() - began) / 3
        size = file.stat().st_size * 3600 / (count / 16000) / 1e6
        print(f"reading {name}: {count / 16000 / seconds:.0f} h of sound a core-hour; {size:.0f} MB/h")


def transcribing(model, sound):
    samples = audio.read(sound)
    for precision in ("int8", "bf16", "f32"):
        opened = potstill.load(model, precision=precision, threads=1)
        opened.transcribe(samples[: 16000 * 5])
        began, clock = cpu_seconds(), time.monotonic()
        opened.transcribe(samples)
        used, clock = cpu_seconds() - began, time.monotonic() - clock
        length = len(samples) / 16000
        print(f"{precision}: {length / used:.1f} h of sound a core-hour ({length:.0f} s, clock {clock:.1f} s)")


def main():
    model, sound = sys.argv[1:]
    print(potstill.build_info(), "load", os.getloadavg()[0])
    transcribing(model, sound)
    with tempfile.TemporaryDirectory() as folder:
        reading(sound, folder)


if __name__ == "__main__":
    main()
