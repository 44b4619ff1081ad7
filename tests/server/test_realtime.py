"""Realtime sessions as clients meet them, by frames that are right and frames that are not.

    python3 tests/server/test_realtime.py GROUP PROGRAM [EMULATOR]
"""

import base64
import json
import os
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest

import serving
from serving import ADAPTER, EXACT, MICRO, Server, read_all, wav
from websocket import (BINARY, CLEAR, CLOSE, COMMIT, COMPLETED, DELTA, PING, PONG, TEXT, WebSocket, append, frame,
                       request, update)

RATE = 16000
NO_TURNS = update(turn_detection=None)


def pcm(seconds, seed=1, rate=RATE):
    return wav(seconds, rate, seed)[44:]


SPEECH = pcm(2) + bytes(2 * RATE) + pcm(1.5, 5) + bytes(2 * RATE) + pcm(1, 9)


def wav_of(samples, rate=RATE, code=1, width=2):
    head = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, code, 1, rate,
                       rate * width, width, 8 * width, b"data", len(samples))
    return head + samples


def program_says(command, sound, *arguments):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(sound)
        file.flush()
        code, out, err = serving.run(command, "--model", MICRO, "--no-cache", *arguments, file.name)
    assert code == 0, err
    return out


def text_of(sound, *arguments):
    return program_says("transcribe", sound, *EXACT, "--format", "text", *arguments)[:-1]


def lines_of(sound):
    out = program_says("live", sound, "--precision", "f32", "--no-guard", "--vad", "energy", "--pace", "fast",
                       "--format", "jsonl", "--update", "0", "--pause", "0.5")
    return [line for line in map(json.loads, out.splitlines()) if line["event"] == "line_completed"]


def ulaw(value):
    """G.711 by its table of segments."""
    sign, size = (0x80, -value) if value < 0 else (0, value)
    size = min(size, 32635) + 132
    exponent = max(size.bit_length() - 8, 0)
    return ~(sign | exponent << 4 | size >> (exponent + 3) & 15) & 0xFF


def alaw(value):
    sign, size = (0, -value - 1) if value < 0 else (0x80, value)
    exponent = max(size.bit_length() - 8, 0)
    return (sign | exponent << 4 | size >> (max(exponent, 1) + 3) & 15) ^ 0x55


def from_ulaw(code):
    code = ~code & 0xFF
    size = ((code & 15) * 2 + 33 << (code >> 4 & 7)) - 33 << 2
    return -size if code & 0x80 else size


def from_alaw(code):
    code ^= 0x55
    exponent, size = code >> 4 & 7, (code & 15) * 2 + 1
    size = (size if exponent == 0 else size + 32 << exponent - 1) << 3
    return size if code & 0x80 else -size


class Session(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--adapter", "a=" + ADAPTER, "--alias", "whisper-1", "--max-upload-mib", "2")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def open(self, *first, **options):
        client = WebSocket(self.server, **options)
        self.assertEqual(client.status, 101)
        self.assertEqual(client.event()["type"], "session.created")
        for event in first:
            client.send(event)
            self.assertEqual(client.event()["type"], "session.updated")
        return client

    def turn(self, client, sound):
        """The text of a turn that is committed, and its events."""
        for at in range(0, len(sound), 6400):
            client.send(append(sound[at:at + 6400]))
        client.send(COMMIT)
        events = client.until(COMPLETED)
        return events[-1]["transcript"], events

    def test_turns_of_the_client_are_files(self):
        with self.open(NO_TURNS) as client:
            for seconds, seed in (3, 1), (37, 9), (0.1, 3):
                sound = pcm(seconds, seed)
                text, events = self.turn(client, sound)
                self.assertEqual(text, text_of(wav_of(sound)))
                self.assertEqual("".join(e["delta"] for e in events if e["type"] == DELTA), text)
                kinds = [e["type"] for e in events]
                self.assertEqual(kinds[:3], ["input_audio_buffer.committed", "conversation.item.added",
                                             "conversation.item.done"])
                self.assertEqual({e["item_id"] for e in events if "item_id" in e}, {events[0]["item_id"]})
                self.assertEqual(events[1]["item"]["id"], events[0]["item_id"])
                self.assertEqual((events[-1]["content_index"], events[-1]["usage"]["type"]), (0, "duration"))
                self.assertAlmostEqual(events[-1]["usage"]["seconds"], seconds, places=3)
            self.assertEqual(client.close(), 1000)
        line = self.server.wait_for_line(lambda l: l["path"] == "/v1/realtime" and l.get("audio_seconds") == 40.1)
        self.assertEqual((line["status"], line["model"]), (101, "micro"))

    def test_items_follow_one_another(self):
        with self.open(NO_TURNS) as client:
            committed = [self.turn(client, pcm(1, seed))[1][0] for seed in (1, 2)]
            self.assertEqual([e["previous_item_id"] for e in committed], [None, committed[0]["item_id"]])

    def test_turns_that_the_server_finds(self):
        expected = lines_of(wav_of(SPEECH))
        self.assertEqual(len(expected), 3)
        # The third is still at hand when its client commits it.
        turns = {"type": "server_vad", "prefix_padding_ms": 200, "silence_duration_ms": 500, "threshold": 0.5}
        with self.open(update(turn_detection=turns)) as client:
            for piece in (640, len(SPEECH)):
                for at in range(0, len(SPEECH), piece):
                    client.send(append(SPEECH[at:at + piece]))
                client.send(COMMIT)
                for number, line in enumerate(expected):
                    events = client.until(COMPLETED)
                    kinds = [e["type"].split(".", 1)[1] for e in events if e["type"] != DELTA]
                    ends = [] if number == 2 else ["speech_stopped"]
                    self.assertEqual(kinds, ["speech_started"] + ends +
                                     ["committed", "item.added", "item.done",
                                      "item.input_audio_transcription.completed"])
                    self.assertEqual(events[-1]["transcript"], line["text"])
                    deltas = "".join(e["delta"] for e in events if e["type"] == DELTA)
                    if line["text"].startswith(deltas):  # else more sound made the model think otherwise
                        self.assertEqual(deltas, line["text"])
                    if piece == 640:
                        self.assertAlmostEqual(events[0]["audio_start_ms"], 1000 * line["start"], delta=1)
                        if ends:
                            stopped = [e for e in events if e["type"].endswith("speech_stopped")][0]
                            self.assertAlmostEqual(stopped["audio_end_ms"], 1000 * line["end"], delta=1)

    def test_text_grows_while_one_speaks(self):
        with self.open(update()) as client:
            sound = pcm(2.5, 5)
            events = []
            for at in range(0, len(sound), 3200):  # what comes together is heard together: so one by one
                client.send(append(sound[at:at + 3200]))
                client.send("not json")
                while (event := client.event())["type"] != "error":
                    events.append(event)
            client.send(COMMIT)
            *events, last = events + client.until(COMPLETED)
            kinds = [e["type"] for e in events]
            self.assertEqual(kinds[:2], ["input_audio_buffer.speech_started", DELTA])  # nothing was committed yet
            self.assertGreater(kinds.count(DELTA), 1)
            deltas = "".join(e["delta"] for e in events if e["type"] == DELTA)
            self.assertTrue(last["transcript"].startswith(deltas))

    def test_formats(self):
        values = struct.unpack("<16000h", pcm(2, 3, 8000))
        for kind, code, encode, decode in (("audio/pcmu", 7, ulaw, from_ulaw), ("audio/pcma", 6, alaw, from_alaw)):
            sound = bytes(map(encode, values))
            with self.open(update(format={"type": kind}, turn_detection=None)) as client:
                self.assertEqual(self.turn(client, sound)[0], text_of(wav_of(sound, 8000, code, 1)), kind)
            turns = {"type": "server_vad", "prefix_padding_ms": 200}
            with self.open(update(format={"type": kind}, turn_detection=turns)) as client:
                text = self.turn(client, sound)[0]
            decoded = struct.pack("<16000h", *map(decode, sound))
            self.assertEqual(text, lines_of(wav_of(decoded, 8000))[0]["text"], kind)
        for rate in 8000, 24000, 44100:
            sound = pcm(2, 3, rate)
            given = {"format": {"type": "audio/pcm", "rate": rate}, "turn_detection": None}
            with self.open(update(**given)) as client:
                self.assertEqual(self.turn(client, sound)[0], text_of(wav_of(sound, rate)), rate)
        with self.open(update(format={"type": "audio/pcm"}, turn_detection=None)) as client:
            self.assertEqual(self.turn(client, pcm(2, 3, 24000))[0], text_of(wav_of(pcm(2, 3, 24000), 24000)))

    def test_models(self):
        sound = pcm(2, 4)
        base, other = text_of(wav_of(sound)), text_of(wav_of(sound), "--adapter", ADAPTER)
        half = text_of(wav_of(sound), "--adapter", ADAPTER + ":0.5")
        self.assertEqual(len({base, other, half}), 3)
        for name, expected in ("a", other), ("a:0.5", half), ("whisper-1", base):
            with self.open(NO_TURNS, path="/v1/realtime?model=" + name) as client:
                self.assertEqual(self.turn(client, sound)[0], expected, name)
                # And while it goes on.
                client.send(update(transcription={"model": "a"}))
                session = client.event()["session"]
                self.assertEqual(session["audio"]["input"]["transcription"]["model"], "a")
                self.assertEqual(self.turn(client, sound)[0], other)
        for path, status, param in (("?model=none", 404, "model"), ("?model=", 400, "model"),
                                    ("?intent=conversation", 400, "intent")):
            status_told, error = WebSocket(self.server, path="/v1/realtime" + path).refusal()
            self.assertEqual((status_told, error["param"]), (status, param), path)

    def test_settings(self):
        with self.open() as client:
            cases = [
                (update(colour="red"), "session.audio.input", "unknown_parameter"),
                (update(noise_reduction={"type": "near_field"}), "session.audio.input.noise_reduction",
                 "unsupported_parameter"),
                (update(format={"type": "audio/opus"}), "session.audio.input.format.type", "invalid_value"),
                (update(format={"type": "audio/pcm", "rate": 100}), "session.audio.input.format.rate",
                 "invalid_value"),
                (update(format={"type": "audio/pcmu", "rate": 16000}), "session.audio.input.format.rate",
                 "invalid_value"),
                (update(transcription={"model": "none"}), "model", "model_not_found"),
                (update(transcription={"language": "fr"}), "session.audio.input.transcription.language",
                 "invalid_value"),
                (update(transcription={"keywords": ["x"]}), "session.audio.input.transcription",
                 "unsupported_parameter"),
                (update(transcription=None), "session.audio.input.transcription", "invalid_value"),
                (update(turn_detection={"type": "semantic_vad"}), "session.audio.input.turn_detection.type",
                 "invalid_value"),
                (update(turn_detection={"type": "server_vad", "threshold": 2}),
                 "session.audio.input.turn_detection.threshold", "invalid_value"),
                (update(turn_detection={"type": "server_vad", "silence_duration_ms": 1}),
                 "session.audio.input.turn_detection.silence_duration_ms", "invalid_value"),
                ({"type": "session.update", "session": {"type": "realtime"}}, "session.type", "invalid_value"),
                ({"type": "session.update"}, "session", "invalid_value"),
                ({"type": "session.update", "session": 3}, "session", "invalid_value"),
            ]
            for event, param, code in cases:
                client.send({**event, "event_id": "mine"})
                error = client.error()
                self.assertEqual((error["param"], error["code"], error["event_id"]), (param, code, "mine"), event)
            turns = {"type": "server_vad", "threshold": 0.3, "prefix_padding_ms": 100, "silence_duration_ms": 700,
                     "create_response": False, "idle_timeout_ms": None}
            client.send(update(turn_detection=turns, noise_reduction=None,
                               transcription={"model": "micro", "language": "en", "prompt": "Ada"}))
            told = client.until("session.updated")[0]["session"]
            self.assertEqual((told["type"], told["object"]), ("transcription", "realtime.transcription_session"))
            told = told["audio"]["input"]
            self.assertEqual(told["format"], {"type": "audio/pcm", "rate": 16000})
            self.assertEqual(told["turn_detection"], {k: turns[k] for k in ("type", "threshold", "prefix_padding_ms",
                                                                            "silence_duration_ms")})

    def test_the_beta_shape(self):
        for options in ({"headers": [("OpenAI-Beta", "realtime=v1")]},
                        {"headers": [("Sec-WebSocket-Protocol", "realtime, openai-beta.realtime-v1")]}):
            with WebSocket(self.server, **options) as client:
                created = client.event()
                self.assertEqual(created["type"], "transcription_session.created")
                self.assertEqual(created["session"]["input_audio_format"], "pcm16")
                client.send({"type": "transcription_session.update",
                             "session": {"input_audio_format": "g711_ulaw", "turn_detection": None,
                                         "input_audio_transcription": {"model": "whisper-1"}}})
                told = client.until("transcription_session.updated")[0]["session"]
                self.assertEqual(told["input_audio_format"], "g711_ulaw")
                self.assertIsNone(told["turn_detection"])
                events = self.turn(client, bytes(range(256)) * 8)[1]
                self.assertEqual(events[1]["type"], "conversation.item.created")

    def test_what_cannot_be_done_is_said_and_the_session_goes_on(self):
        cases = [
            ("not json", "invalid_json", None),
            ("[]", "invalid_value", "type"),
            ("{}", "invalid_value", "type"),
            ('{"type":"input_audio_buffer.clear","type":"input_audio_buffer.clear"}', "invalid_json", None),
            ('{"type":"response.create"}', "invalid_value", "type"),
            ('{"type":"input_audio_buffer.append"}', "missing_required_parameter", "audio"),
            ('{"type":"input_audio_buffer.append","audio":7}', "missing_required_parameter", "audio"),
            ("[" * 100000, "invalid_json", None),
        ]
        cases += [(json.dumps({"type": "input_audio_buffer.append", "audio": wrong}), "invalid_value", "audio")
                  for wrong in ("A", "AAA", "AA==AAAA", "AAA*", "A===", "AB==", "AA A", "AA==", "AAAA\n")]
        for first in (), (NO_TURNS,):
            with self.open(*first) as client:
                for message, code, param in cases:
                    client.send(message)
                    error = client.error()
                    self.assertEqual((error["code"], error["param"], error["type"]),
                                     (code, param, "invalid_request_error"), message[:50])
                client.send(append(b""))
                client.send(append(pcm(0.05)))
                client.send(COMMIT)
                self.assertEqual(client.error()["code"], "input_audio_buffer_commit_empty")
                client.send(CLEAR)
                self.assertEqual(client.event()["type"], "input_audio_buffer.cleared")
                client.send(COMMIT)
                self.assertIn("it has 0 ms", client.error()["message"])
                self.assertEqual(client.close(), 1000)

    def test_a_turn_has_its_limits(self):
        with self.open(NO_TURNS) as client:
            for _ in range(2):
                client.send(append(bytes(1200000)))
            self.assertEqual(client.error()["code"], "invalid_value")  # 2 MiB, by --max-upload-mib
            client.send(update(turn_detection={"type": "server_vad"}))
            self.assertEqual(client.error()["param"], "session.audio.input")
            client.send(CLEAR)
            client.until("input_audio_buffer.cleared")
            client.send(update())
            client.until("session.updated")

    def test_logprobs(self):
        sound = pcm(2, 4)
        for turns in None, {"type": "server_vad"}:
            wanted = update(turn_detection=turns)
            wanted["session"]["include"] = ["item.input_audio_transcription.logprobs"]
            with self.open(wanted) as client:
                text, events = self.turn(client, sound)
                self.assertEqual("".join(entry["token"] for entry in events[-1]["logprobs"]), text)
                self.assertTrue(all(entry["logprob"] <= 0 for entry in events[-1]["logprobs"]))
                if not turns:
                    deltas = [entry for e in events if e["type"] == DELTA for entry in e["logprobs"]]
                    self.assertEqual(deltas, events[-1]["logprobs"])
                wanted["session"]["include"] = ["item.output.logprobs"]
                client.send(wanted)
                self.assertEqual(client.error()["param"], "session.include")
                wanted["session"]["include"] = []
                client.send(wanted)
                self.assertEqual(client.until("session.updated")[-1]["session"]["include"], [])
                self.assertNotIn("logprobs", self.turn(client, sound)[1][-1])

    def test_silence(self):
        with self.open(update()) as client:
            client.send(append(bytes(2 * RATE)))
            client.send(COMMIT)
            events = client.until(COMPLETED)
            self.assertEqual((events[0]["type"], events[-1]["transcript"]), ("input_audio_buffer.committed", ""))
            client.send(COMMIT)
            self.assertEqual(client.error()["code"], "input_audio_buffer_commit_empty")

    def test_cleared_speech_is_forgotten(self):
        with self.open(update()) as client:
            client.send(append(pcm(1.5)))
            client.until("input_audio_buffer.speech_started")
            client.send(CLEAR)
            client.until("input_audio_buffer.cleared")
            client.send(COMMIT)
            self.assertEqual(client.error()["code"], "input_audio_buffer_commit_empty")
            client.send(append(pcm(1.5, 7) + bytes(2 * RATE)))
            events = client.until(COMPLETED)
            self.assertGreaterEqual(events[0]["audio_start_ms"], 1499)

    def test_metrics(self):
        with self.open() as client:
            end = time.monotonic() + 20  # a session before this one may still be ending
            while b"potstill_realtime_sessions 1\n" not in self.server.ask("GET", "/metrics").body:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.02)
            client.close()


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--max-realtime", "3", "--origin", "https://pages.example", "--realtime-idle", "2")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def open(self, **options):
        end = time.monotonic() + 20  # the places of sessions that have ended come back in a moment
        while True:
            client = WebSocket(self.server, **options)
            if client.status != 429 or time.monotonic() > end:
                break
            client.socket.close()
            time.sleep(0.02)
        self.assertEqual(client.status, 101)
        return client

    def code_of(self, data):
        """The code that the server closes with when `data` comes."""
        client = self.open()
        client.raw(data)
        client.rest()
        client.socket.close()
        return client.closed

    def test_handshake(self):
        client = self.open()
        # RFC 6455, 4.2.2: by another implementation.
        import hashlib
        expected = base64.b64encode(hashlib.sha1(
            (base64.b64encode(b"0123456789abcdef").decode() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.assertEqual(client.headers["sec-websocket-accept"], expected.decode())
        self.assertEqual(client.headers["upgrade"], "websocket")
        self.assertNotIn("sec-websocket-protocol", client.headers)
        self.assertEqual(client.close(), 1000)
        cases = [
            (dict(without=["Upgrade"]), 426), (dict(without=["Connection"]), 426),
            (dict(headers=[("Upgrade", "h2c")]), 426), (dict(headers=[("Sec-WebSocket-Version", "8")]), 426),
            (dict(without=["Sec-WebSocket-Version"]), 426), (dict(without=["Sec-WebSocket-Key"]), 400),
            (dict(headers=[("Sec-WebSocket-Key", "short")]), 400),
            (dict(headers=[("Sec-WebSocket-Key", "*" * 24)]), 400), (dict(version="HTTP/1.0"), (400, 426)),
            (dict(method="POST"), 405),
        ]
        for options, status in cases:
            told, error = WebSocket(self.server, **options).refusal()
            self.assertIn(told, status if isinstance(status, tuple) else (status,), options)
            self.assertTrue(error["message"])
        refused = WebSocket(self.server, without=["Upgrade"])
        self.assertEqual(refused.headers["sec-websocket-version"], "13")
        refused.socket.close()

    def test_origins(self):
        for origin in "http://here", "https://here", "https://pages.example", "HTTPS://HERE":
            client = self.open(headers=[("Origin", origin)])
            client.close()
        for origin in ("http://there", "null", "here", "https://pages.example.org", "http://here.there", "",
                       "https://pages.example:8080"):
            status, error = WebSocket(self.server, headers=[("Origin", origin)]).refusal()
            self.assertEqual((status, error["code"]), (403, "not_allowed"), origin)

    def test_protocols(self):
        client = self.open(headers=[("Sec-WebSocket-Protocol", "openai-insecure-api-key.x , realtime")])
        self.assertEqual(client.headers["sec-websocket-protocol"], "realtime")
        client.close()

    def test_messages_in_pieces(self):
        text = json.dumps(COMMIT).encode()
        with self.open() as client:
            client.event()
            pieces = [frame(TEXT, text[:5], fin=False), frame(PING, b"here?"), frame(0, text[5:9], fin=False),
                      frame(0, b"", fin=False), frame(0, text[9:])]
            client.raw(b"".join(pieces))
            self.assertEqual(client.frame(), (PONG, b"here?"))
            self.assertEqual(client.error()["code"], "input_audio_buffer_commit_empty")
            for byte in frame(TEXT, text):
                client.raw(bytes([byte]))
            self.assertEqual(client.error()["code"], "input_audio_buffer_commit_empty")
            client.raw(frame(PONG, b"nobody asked"))
            self.assertEqual(client.close(4000), 4000)

    def test_frames_with_the_handshake(self):
        client = WebSocket(self.server, early=frame(TEXT, json.dumps(CLEAR).encode()) * 2)
        self.assertEqual(client.event()["type"], "session.created")
        for _ in range(2):
            self.assertEqual(client.event()["type"], "input_audio_buffer.cleared")
        client.close()

    def test_wrong_frames_end_it(self):
        text = json.dumps(CLEAR).encode()
        self.assertEqual(self.code_of(frame(TEXT, text, masked=False)), 1002)
        for reserved in 1, 2, 4:
            self.assertEqual(self.code_of(frame(TEXT, text, reserved=reserved)), 1002)
        for opcode in 3, 7, 11, 15:
            self.assertEqual(self.code_of(frame(opcode, text)), 1002)
        self.assertEqual(self.code_of(frame(0, text)), 1002)  # the rest of nothing
        self.assertEqual(self.code_of(frame(TEXT, text, fin=False) + frame(TEXT, text)), 1002)
        self.assertIn(self.code_of(frame(PING, b"x" * 126)), (1002, 1005))  # libwslay gives no reason
        self.assertIn(self.code_of(frame(PING, b"x", fin=False)), (1002, 1005))
        self.assertIn(self.code_of(frame(CLOSE, b"x")), (1002, 1005))
        self.assertIn(self.code_of(frame(CLOSE, struct.pack(">H", 1005))), (1002, 1005))
        self.assertEqual(self.code_of(frame(BINARY, text)), 1003)
        for wrong in b"\xff", b"\xed\xa0\x80", b"{\xc3":
            self.assertEqual(self.code_of(frame(TEXT, wrong)), 1007)
        self.assertEqual(self.code_of(frame(TEXT, b"x", length=21 << 20)), 1009)
        self.assertEqual(self.code_of(frame(TEXT, b"x", length=(1 << 63) - 1)), 1009)
        self.assertIn(self.code_of(frame(TEXT, b"x", length=1 << 63)), (1002, 1005))
        half = frame(TEXT, b"x" * (11 << 20), fin=False)
        self.assertEqual(self.code_of(half + frame(0, b"x", length=11 << 20)), 1009)
        self.assertIn(self.code_of(frame(CLOSE)), (1000, 1005))  # told no reason

    def test_places_are_counted(self):
        open_ones = [self.open() for _ in range(3)]
        refused = WebSocket(self.server)
        self.assertIn("retry-after", refused.headers)
        self.assertEqual(refused.refusal()[0], 429)
        for client in open_ones:
            client.close()
        self.open().close()

    def test_idle(self):
        with self.open() as client:
            client.event()
            self.assertEqual(client.error()["code"], "session_expired")
            self.assertEqual(client.rest(), [])
            self.assertEqual(client.closed, 1000)


class Hostile(unittest.TestCase):
    """Those that hang up, that do not read, and that never stop."""

    def test_sessions_by_the_threads(self):
        with Server("--threads", "1") as server:
            clients = [WebSocket(server) for _ in range(9)]
            self.assertEqual([client.status for client in clients], [101] * 8 + [429])
            refused = clients.pop()
            self.assertIn("retry-after", refused.headers)
            self.assertIn("8 realtime sessions that it takes (--max-realtime)", refused.refusal()[1]["message"])
            for client in clients:
                client.close()

    def test_keys(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write("right-key\n")
            keys.flush()
            with Server("--api-key-file", keys.name) as server:
                for headers in ([("Authorization", "Bearer right-key")],
                                [("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.right-key")]):
                    client = WebSocket(server, headers=headers)
                    self.assertEqual(client.status, 101)
                    client.close()
                for headers in ([], [("Authorization", "Bearer wrong")],
                                [("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.wrong")],
                                [("Sec-WebSocket-Protocol", "openai-insecure-api-key.")],
                                [("Authorization", "Bearer wrong"),
                                 ("Sec-WebSocket-Protocol", "openai-insecure-api-key.right-key")]):
                    status, error = WebSocket(server, headers=headers).refusal()
                    self.assertEqual((status, error["code"]), (401, "invalid_api_key"), headers)
                reply = server.ask("GET", "/v1/models",
                                   headers={"Sec-WebSocket-Protocol": "openai-insecure-api-key.right-key"})
                self.assertEqual(reply.status, 401)

    def wait_until_free(self, server):
        end = time.monotonic() + 30
        while b"potstill_realtime_sessions 0\n" not in server.ask("GET", "/metrics").body:
            self.assertLess(time.monotonic(), end, "sessions of clients that have gone are still there")
            time.sleep(0.02)

    def test_hang_ups_free_their_work(self):
        with Server("--max-realtime", "8") as server:
            long = append(pcm(120))
            for first in NO_TURNS, update():
                for how in "after the handshake", "in a frame", "in the sound", "in the work":
                    client = WebSocket(server)
                    client.send(first)
                    client.until("session.updated")
                    if how == "in a frame":
                        client.raw(frame(TEXT, json.dumps(long).encode())[:100000])
                    elif how != "after the handshake":
                        client.send(long)
                    if how == "in the work":
                        client.send(COMMIT)
                        client.event()
                    if how == "in the sound":  # a reset
                        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.socket.close()
            self.wait_until_free(server)
            self.assertEqual(server.transcribe(wav(1)).status, 200)

    def is_sanitized(self):
        with open(serving.program[-1], "rb") as file:
            return b"__asan_init" in file.read()

    def memory(self, server):
        with open(f"/proc/{server.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

    def test_who_does_not_read_is_not_read(self):
        with Server() as server:
            client = WebSocket(server)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wrong = frame(TEXT, b"[" * 1000) * 100 + frame(PING, b"x" * 125) * 100
            client.socket.settimeout(0.5)
            before, sent = self.memory(server), 0
            try:
                while sent < 1 << 28:
                    sent += client.socket.send(wrong)
            except TimeoutError:
                pass
            self.assertLess(sent, 1 << 28)
            # AddressSanitizer has walls around each allocation.
            self.assertLess(self.memory(server) - before, 150000 if self.is_sanitized() else 40000)
            client.socket.close()
            self.wait_until_free(server)

    def test_a_flood_of_sound_is_held_back(self):
        with Server() as server:
            client = WebSocket(server)
            client.send(update())
            client.until("session.updated")
            client.socket.settimeout(1)
            flood, sent = frame(TEXT, json.dumps(append(bytes(3200))).encode()), 0
            try:
                while sent < 1 << 24:
                    sent += client.socket.send(flood * 100)
            except TimeoutError:
                pass
            client.socket.close()
            self.wait_until_free(server)

    def test_the_end_of_the_server(self):
        server = Server()
        idle, speaker, sender = (WebSocket(server) for _ in range(3))
        speaker.send(update())
        speaker.until("session.updated")
        speaker.send(append(pcm(1)))
        speaker.until("input_audio_buffer.speech_started")
        sender.event()
        sender.raw(frame(TEXT, b"x" * 1000)[:500])
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual([e["type"] for e in idle.rest()], ["session.created"])
        events = [e["type"] for e in speaker.rest() if e["type"] != DELTA]
        self.assertEqual(events[-1], COMPLETED)  # what was being said
        sender.rest()
        self.assertEqual([c.closed for c in (idle, speaker, sender)], [1001] * 3)
        for client in idle, speaker, sender:
            client.socket.close()
        self.assertEqual(server.stop(None), 0)

    def test_the_end_waits_for_nobody(self):
        server = Server("--drain-timeout", "0")
        client = WebSocket(server)
        client.send(NO_TURNS)
        client.until("session.updated")
        client.send(append(pcm(300)))
        client.send(COMMIT)
        client.event()
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 20)
        client.socket.close()

    def test_adapters_come_and_go(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile("w") as admin:
            os.symlink(os.path.realpath(ADAPTER), os.path.join(folder, "a"))
            admin.write("admin\n")
            admin.flush()
            with Server("--admin-key-file", admin.name, "--adapter", "a=" + ADAPTER) as server:
                client = WebSocket(server, path="/v1/realtime?model=a")
                client.send(update(turn_detection=None))
                client.until("session.updated")
                reply = server.ask("POST", "/v1/unload_lora_adapter", json.dumps({"lora_name": "a"}),
                                   {"Authorization": "Bearer admin"})
                self.assertEqual(reply.status, 200)
                client.send(append(pcm(2, 4)))
                client.send(COMMIT)
                text = client.until(COMPLETED)[-1]["transcript"]  # a session keeps what it began with
                self.assertEqual(text, text_of(wav_of(pcm(2, 4)), "--adapter", ADAPTER))
                client.send(update(transcription={"model": "a"}))
                self.assertEqual(client.error()["code"], "model_not_found")
                client.close()


if __name__ == "__main__":
    group, serving.program = sys.argv[1], [a for a in (*sys.argv[3:], sys.argv[2]) if a]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(globals()[group])
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())
