"""The Python end of driver_io.h: records to and from a driver program."""

import subprocess
import struct


class DriverError(Exception):
    """The driver answered with a status other than 0."""


class Driver:
    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()

    def send(self, *parts):
        self.process.stdin.write(b"".join(parts))
        self.process.stdin.flush()

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            raise EOFError(f"driver ended with code {self.process.wait()}")
        return data

    def number(self):
        return struct.unpack("=I", self.read(4))[0]

    def status(self):
        code = self.number()
        if code:
            raise DriverError(f"status {code}: {self.text()}")

    def text(self):
        return self.read(self.number()).decode("utf-8")

    def encode(self, text, add_special_tokens=True):
        self.send(b"E", number(add_special_tokens), item(text))
        self.status()
        count = self.number()
        return list(struct.unpack(f"={count}i", self.read(4 * count)))

    def decode(self, ids, skip_special_tokens):
        ids = list(ids)
        self.send(b"D", number(skip_special_tokens), number(len(ids)), struct.pack(f"={len(ids)}i", *ids))
        self.status()
        return self.text()

    def normalize(self, text):
        self.send(b"N", item(text))
        self.status()
        return self.text()

    def normalize_by_kind(self, kind, text):
        self.send(b"W", number(kind), item(text))
        self.status()
        return self.text()

    def score(self, reference, hypothesis, normalize=False):
        self.send(b"S", number(normalize), item(reference), item(hypothesis))
        self.status()
        return struct.unpack("=4Q", self.read(32))

    def align(self, reference, hypothesis):
        """The edits as letters of "=sdi", characters of the reference, errors of characters."""
        self.send(b"A", item(reference), item(hypothesis))
        self.status()
        edits = self.text()
        return edits, *struct.unpack("=2Q", self.read(16))

    def bootstrap(self, rows, samples):
        """(value, low, high, p) of the sums of rows' first column by their second, and of that less the same of the
        third and fourth."""
        values = [float(value) for row in rows for value in row]
        self.send(b"B", number(samples), number(len(rows)), number(len(rows[0])), number(len(values)),
                  struct.pack(f"={len(values)}d", *values))
        self.status()
        numbers = struct.unpack("=8d", self.read(64))
        return numbers[:4], numbers[4:]

    def match(self, triples):
        """Segments, mean difference, z, p of the matched-pairs test over (reference, a, b)."""
        self.send(b"M", number(len(triples)), *(item(text) for triple in triples for text in triple))
        self.status()
        return struct.unpack("=4d", self.read(32))


def number(value):
    return struct.pack("=I", value)


def item(text):
    data = text.encode("utf-8")
    return number(len(data)) + data
