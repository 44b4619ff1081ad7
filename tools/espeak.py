"""espeak-ng as a library: samples of a text at 16 kHz, and where in them each word begins."""

import ctypes

import numpy
import soxr

RATE_HZ = 16000
RETRIEVAL = 1  # AUDIO_OUTPUT_RETRIEVAL: samples come to a callback, nothing is played
RATE, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER
WORD = 1  # espeakEVENT_WORD
UTF8 = 1  # espeakCHARS_UTF8


class Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
                ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", ctypes.c_int64)]


CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                            ctypes.POINTER(Event))


class Speaker:
    """One a process: the library keeps its state in globals."""

    def __init__(self):
        self.library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate_hz = self.library.espeak_Initialize(RETRIEVAL, 0, None, 0)
        if self.rate_hz <= 0:
            raise RuntimeError("espeak-ng does not start: is its data installed?")
        self.callback = CALLBACK(self.collect)
        self.library.espeak_SetSynthCallback(self.callback)
        self.pieces, self.words = [], []

    def collect(self, samples, count, events):
        if samples and count:
            self.pieces.append(numpy.ctypeslib.as_array(samples, (count,)).copy())
        while events[0].type:
            event = events[0]
            if event.type == WORD:
                self.words.append((event.text_position - 1, event.audio_position * RATE_HZ // 1000))
            events = ctypes.cast(ctypes.byref(event, ctypes.sizeof(Event)), ctypes.POINTER(Event))
        return 0

    def say(self, text, voice, words_per_minute=160, pitch=50, pitch_range=50):
        """float32 samples without the silence around them; [(characters of text before a word, sample)]."""
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        for parameter, value in ((RATE, words_per_minute), (PITCH, pitch), (RANGE, pitch_range)):
            self.library.espeak_SetParameter(parameter, value, 0)
        self.pieces, self.words = [], []
        data = text.encode()
        self.library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, UTF8, None, None)
        self.library.espeak_Synchronize()
        samples = numpy.concatenate(self.pieces).astype(numpy.float32) / 32768
        samples = soxr.resample(samples, self.rate_hz, RATE_HZ).astype(numpy.float32)
        loud = numpy.flatnonzero(numpy.abs(samples) > 0.002)
        first, last = loud[0], loud[-1] + 1
        return samples[first:last], [(place, max(at - first, 0)) for place, at in self.words]
