"""Files that are small and mean much, or whose heads lie: standard library alone."""

import struct
import zlib


def table_of(polynomial, bits):
    table, top, mask = [], 1 << (bits - 1), (1 << bits) - 1
    for value in range(256):
        value <<= bits - 8
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & mask
        table.append(value)
    return table


CRC8, CRC16 = table_of(0x07, 8), table_of(0x8005, 16)


def crc8(data):
    crc = 0
    for byte in data:
        crc = CRC8[crc ^ byte]
    return crc


def crc16(data):
    crc = 0
    for byte in data:
        crc = (crc << 8 ^ CRC16[crc >> 8 ^ byte]) & 0xFFFF
    return crc


def flac_number(number):
    """A frame's number, as UTF-8 would have it."""
    if number < 0x80:
        return bytes([number])
    if number < 0x800:
        return bytes([0xC0 | number >> 6, 0x80 | number & 63])
    return bytes([0xE0 | number >> 12, 0x80 | number >> 6 & 63, 0x80 | number & 63])


def silent_flac(seconds, channels=1, claimed=None):
    """Silence at 16 kHz, some 17 bytes for four seconds of a channel; `claimed` samples are what its head says."""
    block, rate = 65535, 16000
    count = int(seconds * rate) // block + 1
    claimed = count * block if claimed is None else claimed
    info = struct.pack(">HH", block, block) + bytes(6)
    info += (rate << 44 | (channels - 1) << 41 | 15 << 36 | claimed).to_bytes(8, "big") + bytes(16)
    out = bytearray(b"fLaC" + bytes([0x80]) + len(info).to_bytes(3, "big") + info)
    for number in range(count):
        head = bytes([0xFF, 0xF8, 0x75, (channels - 1) << 4 | 8]) + flac_number(number) + struct.pack(">H", block - 1)
        head += bytes([crc8(head)])
        frame = head + bytes(3) * channels  # a constant, which is 0
        out += frame + struct.pack(">H", crc16(frame))
    return bytes(out)


def lying_wavs():
    """Heads that have nothing to do with what follows."""
    def head(riff=2**32 - 1, code=1, channels=1, rate=16000, width=2, bits=16, data=2**32 - 1):
        return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, code, channels, rate,
                           rate * width & 0xFFFFFFFF, width, bits, b"data", data)

    sound = bytes(range(256)) * 40
    yield head() + sound
    yield head(data=0) + sound
    yield head(channels=65535, width=65535) + sound
    yield head(channels=0, width=0) + sound
    yield head(rate=2**32 - 1) + sound
    yield head(rate=0) + sound
    yield head(bits=0, width=0) + sound
    yield head(bits=64, width=8) + sound
    yield head(code=0xFFFE) + sound
    yield head(code=85) + sound  # MP3 within
    yield head()[:20]
    yield b"RIFF\xff\xff\xff\xffWAVE" + b"fmt \xff\xff\xff\xff" + sound
    sizes = struct.pack("<IQQQI", 28, 2**63, 2**63, 2**63, 2**31)
    yield b"RF64" + b"\xff" * 4 + b"WAVEds64" + sizes + head()[12:] + sound
    yield b"fLaC" + b"\x00\xff\xff\xff" + sound
    yield b"OggS" + bytes(22) + b"\xff" * 300
    yield b"FORM" + struct.pack(">I", 2**31) + b"AIFFCOMM" + b"\xff" * 200
    yield b"\xff\xfb\x90\x00" * 3000


def gzip_bomb(mib):
    """Zeros, a thousandth of them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mib)) + packer.flush()
