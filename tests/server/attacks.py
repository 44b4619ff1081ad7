"""What clients do that mean no good, or cannot do better: one method each."""

import gzip
import json
import random
import socket
import struct

from bombs import gzip_bomb, lying_wavs, silent_flac
from serving import BOUNDARY, PATH, TYPE, form, head, read_all, status_of, wav
from traffic import small_window
from websocket import BINARY, COMMIT, PING, TEXT, WebSocket, append, frame, request, update

BAD = "Authorization: Bearer bad\r\n"  # a key that is right, of somebody who is not
CLIP, LONG = wav(2), wav(40, 8000, 3)
CLIP_BODY = form([("model", "MODEL")], CLIP)
RESET = struct.pack("ii", 1, 0)


class Means:
    """What attacks are made of."""

    def __init__(self, server, model, over, idle):
        self.server, self.model, self.over, self.idle = server, model, over, idle
        self.most_sent = 0
        self.body = CLIP_BODY.replace(b"MODEL", model.encode())
        self.long = form([("model", model), ("stream", "true")], LONG)
        self.wavs = list(lying_wavs())
        hours = silent_flac(4 * 3600)
        self.bombs = [hours, silent_flac(4 * 3600, 8), silent_flac(4 * 3600, claimed=0),
                      silent_flac(4 * 3600, claimed=16000), silent_flac(10, claimed=2**36 - 1)]
        self.gzipped = gzip_bomb(256)

    def attempt(self, kind):
        try:
            getattr(self, kind)(random)
        except (OSError, EOFError):
            pass  # the server has ended it, as it should
        self.over.wait(0.01)

    @staticmethod
    def expect(status, wanted, what):
        if status not in wanted:
            raise AssertionError(f"{what}: {status}, expected {wanted}")

    def post(self, body, wanted, what, extra=""):
        """A whole request: its status is one of `wanted`; 0 where the connection was reset before it was read."""
        with self.server.socket(120) as connection:
            connection.sendall(head(len(body), BAD + "Connection: close\r\n" + extra) + body)
            data = read_all(connection)
        self.expect(status_of(data), (*wanted, 0), what)

    def trickle(self, data, step=1, pause=0.2):
        """A little at a time, until the server has enough."""
        with self.server.socket(5) as connection:
            for at in range(0, len(data), step):
                connection.sendall(data[at:at + step])
                if self.over.wait(pause):
                    return

    @staticmethod
    def leave(connection, rude):
        if rude:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()

    def session(self):
        client = WebSocket(self.server, headers=[("Authorization", "Bearer bad")],
                           path=f"/v1/realtime?model={self.model}", timeout=3)
        if client.status != 101:
            client.socket.close()
            raise EOFError
        return client


class Attack(Means):
    """Each method is one attempt, of one connection or a few; errors of the connection are what it asks for."""

    @staticmethod
    def _kinds():
        return [name for name in vars(Attack) if not name.startswith("_")]

    # -------------------------------------------------------------------------------------- slowly

    def slow_head(self, chance):
        self.trickle(head(len(self.body), BAD), chance.choice((1, 3)))

    def slow_body(self, chance):
        with self.server.socket(5) as connection:
            connection.sendall(head(len(self.body), BAD) + self.body[:chance.randrange(300)])
            for byte in self.body[300:]:
                connection.sendall(bytes([byte]))
                if self.over.wait(0.2):
                    return

    def slow_chunks(self, _):
        self.trickle(head(None, BAD + "Transfer-Encoding: chunked\r\n") + b"1\r\n-\r\n" * 1000, 1, 0.1)

    def slow_reader(self, chance):
        """Asks for much, and reads a byte now and then."""
        asked = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50 if chance.random() < 0.5 else
                 head(len(self.long), BAD) + self.long)
        connection = small_window(self.server)
        try:
            connection.sendall(asked)
            while not self.over.wait(0.3):
                if not connection.recv(1):
                    return
        finally:
            self.leave(connection, chance.random() < 0.5)

    # ------------------------------------------------------------------------------------- by half

    def hang_up(self, chance):
        """At any byte of a request."""
        whole = head(len(self.body), BAD) + self.body
        stop = chance.choice((chance.randrange(400), chance.randrange(len(whole)), len(whole) - 1, len(whole)))
        connection = self.server.socket()
        connection.sendall(whole[:stop])
        self.leave(connection, chance.random() < 0.5)

    def hang_up_at_work(self, chance):
        """While it is transcribed, or its events are sent."""
        connection = self.server.socket()
        connection.sendall(head(len(self.long), BAD) + self.long)
        if chance.random() < 0.5:
            connection.recv(chance.choice((1, 200, 500)))
        else:
            self.over.wait(chance.random() * 0.2)
        self.leave(connection, chance.random() < 0.5)

    def half_closed(self, chance):
        """Says that nothing follows, in the middle, and waits."""
        whole = head(len(self.body), BAD) + self.body
        with self.server.socket(40) as connection:
            connection.sendall(whole[:chance.randrange(1, len(whole))])
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            while not self.over.is_set():
                try:
                    if not connection.recv(4096):
                        return
                except socket.timeout:
                    continue

    # --------------------------------------------------------------------------------- too much

    def ten_gigabytes(self, _):
        """In chunks: how much goes out before the server ends it."""
        start, chunk, sent = form([("model", self.model)], b"")[:-60], b"10000\r\n" + bytes(65536) + b"\r\n", 0
        with self.server.socket(20) as connection:
            connection.sendall(head(None, BAD + "Transfer-Encoding: chunked\r\n"))
            connection.sendall(b"%x\r\n" % len(start) + start + b"\r\n")
            try:
                while sent < 10 << 30 and not self.over.is_set():
                    connection.sendall(chunk)
                    sent += 65536
            finally:
                self.most_sent = max(self.most_sent, sent)

    def ten_gigabytes_told(self, _):
        with self.server.socket(20) as connection:
            connection.sendall(head(10 << 30, BAD) + self.body)
            self.expect(status_of(read_all(connection)), (413, 0), "10 GB by the head")

    def big_head(self, chance):
        much = chance.choice((b"X: " + b"y" * 200000, b"A: b\r\n" * 20000, b"Cookie: " + b"a=b; " * 30000))
        with self.server.socket(20) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + much + b"\r\n\r\n")
            self.expect(status_of(read_all(connection)), (400, 413, 431, 0), "a big head")

    def big_form(self, chance):
        """Parts without end, a field without end, a boundary without end."""
        part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nx\r\n'.encode()
        body = chance.choice((part * 5000, form([("prompt", "x" * 100000)], CLIP),
                              part.replace(b"prompt", b"p" * 50000) * 2, part[:-2] + b"\r\n--" * 20000,
                              form([("model", self.model)], CLIP)[:-40]))
        self.post(body, (400, 413), "a big form")

    def bomb(self, chance):
        """Hours of silence in some kilobytes, and gigabytes of zeros."""
        sound = chance.choice(self.bombs)
        wanted = (400,) if sound in self.bombs[:2] else (400, 200)  # others lie: it may believe that they are short
        self.post(form([("model", self.model)], sound), wanted, "a bomb")

    def zipped(self, chance):
        body, extra = chance.choice(((self.gzipped, "Content-Encoding: gzip\r\n"),
                                     (gzip.compress(self.body), "Content-Encoding: gzip\r\n"),
                                     (form([("model", self.model)], self.gzipped), "")))
        self.post(body, (400, 415), "gzip", extra)

    # ------------------------------------------------------------------------------------- lies

    def lying_sound(self, chance):
        fields = [("model", self.model), ("response_format", chance.choice(("json", "srt", "verbose_json")))]
        body = form(fields, chance.choice(self.wavs), "../../etc/passwd\\\"\r")
        self.post(body, (200, 400), "a head of sound that lies")

    def lying_length(self, chance):
        size = len(self.body)
        length = chance.choice((size + 1000, size - 1000, "9" * 30, "-1", "0x10", "1e9", "", " ", "1 1"))
        with self.server.socket(20) as connection:
            connection.sendall(head(length, BAD + "Connection: close\r\n") + self.body)
            connection.shutdown(socket.SHUT_WR)
            self.expect(status_of(read_all(connection)), (400, 413, 0), f"Content-Length: {length}")

    def lying_type(self, chance):
        start = "multipart/form-data"
        kind = chance.choice((start, start + "; boundary=", start + "; boundary=" + "b" * 5000, "application/json",
                              start + "; boundary=\"open", start + "; boundary=other", ""))
        text = head(len(self.body), BAD + "Connection: close\r\n").replace(TYPE.encode(), kind.encode())
        with self.server.socket(20) as connection:
            connection.sendall(text + self.body)
            self.expect(status_of(read_all(connection)), (400, 0), "a type that lies")

    def smuggling(self, chance):
        """Requests that two readers may end in different places: what is behind must never be one."""
        behind = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        zero = b"0\r\n\r\n" + behind
        length = f"Content-Length: {len(zero)}\r\n"
        shapes = [(length + lines, zero) for lines in (
            "Transfer-Encoding: chunked\r\n", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding:\tchunked\r\n",
            "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n chunked\r\n",
            "X: y\r\n Transfer-Encoding: chunked\r\n", "Transfer-Encoding: \x0bchunked\r\n", "Content-Length: 0\r\n",
            "Content-Length: 5\r\n", " Content-Length: 5\r\n", "content-length: 5\r\n")]
        shapes += [(f"Content-Length: {value}\r\n", zero) for value in (
            "5, 5", "+5", "5;", "5 5", "0x5")]
        shapes += [("Transfer-Encoding: chunked\r\n", body + behind) for body in (
            b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"-1\r\nhello", b"5\r\nhelloX0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n", b"ffffffffffffffff1\r\nhello\r\n", b"\r\n", b";\r\n\r\n", b"g\r\n\r\n")]
        lines, body = chance.choice(shapes)
        with self.server.socket(20) as connection:
            connection.sendall(head(None, BAD + lines, chance.choice((PATH, "/v1/load_lora_adapter"))) + body)
            connection.shutdown(socket.SHUT_WR)
            answer = read_all(connection)
        if answer and b"/smuggled" in answer:
            raise AssertionError(f"{lines!r}, {body!r}: what is behind was taken for a request")

    def no_head(self, chance):
        """What is no HTTP, or barely."""
        data = chance.choice((
            bytes(1000), chance.randbytes(3000),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500),  # TLS
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100), b"GET\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n",
            b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET /%00%ff%zz?%&=&;#%00 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET http://elsewhere/healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 5000,
            b"GET /healthz HTTP/1.1\nHost: x\n\n",
            b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100))
        with self.server.socket(20) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            read_all(connection)

    def no_key(self, chance):
        keys = ("", "Authorization: Bearer wrong\r\n", "Authorization: Bearer " + "x" * 20000 + "\r\n",
                "Authorization: \r\n")
        with self.server.socket(20) as connection:
            connection.sendall(head(len(self.body), chance.choice(keys) + "Connection: close\r\n") + self.body)
            self.expect(status_of(read_all(connection)), (401, 0), "no key")

    # ---------------------------------------------------------------------------------- realtime

    def frames(self, chance):
        """Frames that are none."""
        client = self.session()
        with client:
            client.raw(chance.choice((
                chance.randbytes(2000), frame(TEXT, b"{}", masked=False), frame(TEXT, b"{}", reserved=4),
                frame(TEXT, b"x", length=2**62), frame(TEXT, b"\xff\xfe"), frame(BINARY, bytes(100)), frame(3, b"x"),
                frame(PING, bytes(126)), frame(0, b"x"), frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"),
                frame(TEXT, gzip.compress(bytes(100000)), reserved=4), frame(TEXT, b"[" * 100000),
                frame(TEXT, json.dumps(append(b"x" * 3)).encode()), frame(TEXT, b'{"type":"' + b"t" * 100000 + b'"}'))))
            client.rest()

    def session_without_end(self, chance):
        """Sound without a pause, pings without end, pieces without end; nothing is read."""
        client = self.session()
        with client:
            sound = frame(TEXT, json.dumps(append(CLIP[44:])).encode())
            pieces = chance.choice((sound, frame(PING, b"?" * 125), frame(0, b"x" * 1000), frame(TEXT, b"{}"),
                                    sound + frame(TEXT, json.dumps(COMMIT).encode())))
            turns = chance.choice((None, {"type": "server_vad"}))
            client.raw(frame(TEXT, json.dumps(update(turn_detection=turns)).encode()))
            if pieces[0] == 0x80:
                client.raw(frame(TEXT, b"{", fin=False))
                pieces = pieces.replace(b"\x80", b"\x00", 1)
            for _ in range(chance.randrange(1, 60)):
                client.raw(pieces)
                if self.over.is_set():
                    break
            if chance.random() < 0.5:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def half_handshakes(self, chance):
        whole = request(headers=[("Authorization", "Bearer bad")])
        connection = self.server.socket()
        connection.sendall(whole[:chance.randrange(len(whole) + 1)])
        self.leave(connection, chance.random() < 0.5)

    # ------------------------------------------------------------------------------- many at once

    def idle_sockets(self, _):
        held = []
        try:
            for _ in range(self.idle):
                connection = socket.socket()
                held.append(connection)
                connection.settimeout(5)
                connection.connect(self.server.address)
                if self.over.is_set():
                    break
            self.over.wait(5)
        finally:
            for connection in held:
                self.leave(connection, True)

    def readers_who_do_not(self, _):
        """More than there are places for, each with an answer that is larger than what the system takes."""
        held = []
        try:
            for _ in range(min(self.idle, 600)):
                connection = small_window(self.server, 2048)
                held.append(connection)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 40)
                if self.over.is_set():
                    break
            self.over.wait(10)
        finally:
            for connection in held:
                self.leave(connection, True)
