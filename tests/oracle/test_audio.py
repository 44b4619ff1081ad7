"""Audio as the reference stack hears it: soundfile + numpy + soxr, composed as librosa.load does,
and torch's loudness rule, against tests/oracle/audio_driver.c.

    POTSTILL_AUDIO_DRIVER=build/release/tests/audio_driver pytest tests/oracle/test_audio.py
"""

import math
import os
import subprocess

import pytest

np = pytest.importorskip("numpy")
soxr = pytest.importorskip("soxr")
soundfile = pytest.importorskip("soundfile")

DRIVER = os.environ.get("POTSTILL_AUDIO_DRIVER", "")
pytestmark = pytest.mark.skipif(
    not os.path.isfile(DRIVER), reason="POTSTILL_AUDIO_DRIVER does not name the driver"
)


def librosa_load(path):
    """librosa.load(path, sr=16000), spelled out: decode, mean of channels, soxr_hq, fix length."""
    frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.mean(frames.T, axis=0) if frames.shape[1] > 1 else frames[:, 0]
    if rate == 16000:
        return mono
    ratio = 16000.0 / rate
    size = int(np.ceil(mono.shape[-1] * ratio))
    out = soxr.resample(mono, rate, 16000, quality="soxr_hq")
    return np.pad(out, (0, max(0, size - len(out))))[:size].astype(np.float32)


def read(path, tmp_path, stdin=None):
    out = tmp_path / "out.f32"
    source = "-" if stdin is not None else str(path)
    result = subprocess.run(
        [DRIVER, "read", source, str(out)], input=stdin, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr.decode()
    samples = np.fromfile(out, dtype=np.float32)
    count, rate, channels = map(int, result.stdout.split())
    assert count == len(samples)
    return samples, rate, channels


def speechlike(seconds, rate, channels, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(round(seconds * rate)))[:, None] / rate
    tones = np.sin(2 * np.pi * (150 + 37 * np.arange(channels)) * t)
    noise = rng.standard_normal((len(t), channels))
    return (0.3 * tones + 0.05 * noise).astype(np.float32)


FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
]


def assert_same_bits(got, expected):
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000, 96000, 44101])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind,subtype", FORMATS)
def test_every_bit_is_librosas(tmp_path, kind, subtype, rate, channels):
    path = tmp_path / "clip"
    soundfile.write(path, speechlike(1.37, rate, channels), rate, format=kind, subtype=subtype)
    got, source_rate, source_channels = read(path, tmp_path)
    assert (source_rate, source_channels) == (rate, channels)
    assert_same_bits(got, librosa_load(path))
    piped, _, _ = read(None, tmp_path, stdin=path.read_bytes())
    assert_same_bits(piped, got)


@pytest.mark.parametrize("channels", [3, 5, 7, 8, 9, 12, 16, 17, 31, 64, 128])
def test_many_channels_are_summed_in_numpys_order(tmp_path, channels):
    path = tmp_path / "clip.wav"
    soundfile.write(path, speechlike(0.2, 44100, channels), 44100, subtype="FLOAT")
    assert_same_bits(read(path, tmp_path)[0], librosa_load(path))


@pytest.mark.parametrize("rate", [1000, 6000, 15999, 16001, 37800, 192000, 768000])
@pytest.mark.parametrize("frames", [1, 2, 3, 100, 8191, 8192, 8193, 100001])
def test_every_length_is_librosas(tmp_path, rate, frames):
    path = tmp_path / "clip.wav"
    soundfile.write(path, speechlike(frames / rate, rate, 1)[:frames], rate, subtype="FLOAT")
    assert_same_bits(read(path, tmp_path)[0], librosa_load(path))


def test_a_long_file(tmp_path):
    """Two minutes, longer than any block of either side."""
    path = tmp_path / "long.flac"
    soundfile.write(path, speechlike(121.7, 44100, 2), 44100, subtype="PCM_16")
    assert_same_bits(read(path, tmp_path)[0], librosa_load(path))


@pytest.mark.parametrize("kind,subtype,rate", [("OGG", "VORBIS", 44100), ("OGG", "OPUS", 48000),
                                               ("MP3", "MPEG_LAYER_III", 44100)])
def test_lossy_formats(tmp_path, kind, subtype, rate):
    """Decoders differ in the last bits between versions of their libraries, so these are close, not
    equal: far below the 1.5e-5 of half a 16-bit step."""
    path = tmp_path / "clip"
    soundfile.write(path, speechlike(2, rate, 2), rate, format=kind, subtype=subtype)
    got, expected = read(path, tmp_path)[0], librosa_load(path)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() < 1e-5


def torch_normalize(samples):
    torch = pytest.importorskip("torch")
    audio = torch.from_numpy(samples.copy())
    rms = torch.sqrt(torch.mean(audio**2)).item()
    if rms <= 0.001:
        return rms, None
    return rms, torch.clamp(audio * (0.075 / rms), -1.0, 1.0).numpy()


@pytest.mark.parametrize("count", [1, 2, 100, 895, 16000, 160001, 1600000])
@pytest.mark.parametrize("level", [1.0, 0.1, 0.003])
def test_loudness_is_torchs_within_its_own_rounding(tmp_path, count, level):
    """torch adds float32 in an order that depends on the machine. A sum of n terms in float32
    blocks may be off by some log2(n) half steps; the root halves that, and two roundings follow."""
    rng = np.random.default_rng(count)
    samples = (level * rng.standard_normal(count)).astype(np.float32)
    rms, expected = torch_normalize(samples)
    if expected is None:
        pytest.skip("too quiet")
    samples.tofile(tmp_path / "in.f32")
    subprocess.run([DRIVER, "rms", tmp_path / "in.f32", tmp_path / "out.f32"], check=True)
    got = np.fromfile(tmp_path / "out.f32", dtype=np.float32)
    steps = 2 + math.log2(count + 1) / 4
    assert np.all(np.abs(got - expected) <= steps * np.spacing(np.abs(expected)))
    assert np.max(np.abs(got)) <= 1.0


def test_silence_is_refused_as_by_the_script(tmp_path):
    (np.ones(1000, dtype=np.float32) * np.float32(0.0009)).tofile(tmp_path / "in.f32")
    result = subprocess.run([DRIVER, "rms", tmp_path / "in.f32", tmp_path / "out.f32"],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "too low to normalize safely" in result.stderr
    assert not (tmp_path / "out.f32").exists()
