"""A WebSocket to the server by plain frames, those that are right and those that are not."""

import base64
import json
import os
import struct

from serving import read_all

KEY = base64.b64encode(b"0123456789abcdef").decode()
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def request(path="/v1/realtime?intent=transcription", headers=(), without=(), method="GET", version="HTTP/1.1"):
    """The head of a handshake; `headers` are added, or take the place of others by their name."""
    lines = {"Host": "here", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
             "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY, **dict(headers)}
    text = f"{method} {path} {version}\r\n"
    text += "".join(f"{name}: {value}\r\n" for name, value in lines.items() if name not in without)
    return (text + "\r\n").encode()


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
    """A frame; `length` lies about the payload."""
    length = len(payload) if length is None else length
    head = bytes([fin << 7 | reserved << 4 | opcode])
    bit = masked << 7
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    repeated = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ repeated).to_bytes(len(payload), "big")


class WebSocket:
    def __init__(self, server, early=b"", timeout=60, **options):
        self.socket = server.socket(timeout)
        self.socket.sendall(request(**options) + early)
        self.data, self.closed = b"", None
        while b"\r\n\r\n" not in self.data:
            piece = self.socket.recv(65536)
            if not piece:
                break
            self.data += piece
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        if not head:
            raise EOFError("closed without an answer")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}

    def refusal(self):
        """The error of a handshake that was refused."""
        length = int(self.headers["content-length"])
        while len(self.data) < length:
            self.data += self.socket.recv(65536)
        self.socket.close()
        return self.status, json.loads(self.data)["error"]

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, event):
        self.raw(frame(TEXT, event.encode() if isinstance(event, str) else json.dumps(event).encode()))

    def take(self, count):
        while len(self.data) < count:
            piece = self.socket.recv(1 << 20)
            if not piece:
                raise EOFError
            self.data += piece
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def frame(self):
        """The next frame: its opcode and its payload."""
        first, second = self.take(2)
        assert first & 0x70 == 0 and second & 0x80 == 0, "reserved bits, or a mask"
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        assert first & 0x80, "a piece"
        return first & 0x0F, self.take(length)

    def event(self):
        """The next event; None: the server has closed, with the code in `closed`."""
        while True:
            opcode, payload = self.frame()
            if opcode == TEXT:
                return json.loads(payload)
            if opcode == CLOSE:
                self.closed = struct.unpack(">H", payload[:2])[0] if payload else 1005
                return None
            assert opcode in (PING, PONG), opcode

    def until(self, kind):
        """All events up to the first of a kind, or of an error."""
        events = []
        while not events or events[-1]["type"] not in (kind, "error"):
            event = self.event()
            assert event, (self.closed, events)
            events.append(event)
        assert events[-1]["type"] == kind, events[-1]
        return events

    def error(self):
        event = self.event()
        assert event and event["type"] == "error", event
        return event["error"]

    def rest(self):
        """All events until the server closes."""
        events = []
        while event := self.event():
            events.append(event)
        return events

    def close(self, code=1000):
        """As a client should: says it, and waits to hear it. The code that comes back."""
        self.raw(frame(CLOSE, struct.pack(">H", code)))
        self.rest()
        read_all(self.socket)
        self.socket.close()
        return self.closed

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.socket.close()


def update(**given):
    """A session.update of sound at 16 kHz."""
    settings = {"format": {"type": "audio/pcm", "rate": 16000}, **given}
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": settings}}}


def append(pcm):
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


COMMIT = {"type": "input_audio_buffer.commit"}
CLEAR = {"type": "input_audio_buffer.clear"}
COMPLETED = "conversation.item.input_audio_transcription.completed"
DELTA = "conversation.item.input_audio_transcription.delta"
