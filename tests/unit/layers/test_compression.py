# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decompression by content: members, streams, padding, damage, bombs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import zlib

import pytest
from pycontainer.errors import RegistryError
from pycontainer.layers.compression import compressed_streams, native

DATA = bytes(range(256)) * 20000


def zstd(data):
    if not shutil.which("zstd"):
        pytest.skip("no zstd command")
    return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


PACKERS = {"gzip": gzip.compress, "xz": lzma.compress, "bzip2": bz2.compress, "zstd": zstd}


@pytest.fixture(params=("what Python has", "C libraries"), autouse=True)
def readers(request, monkeypatch):
    """Everything once by the modules that this Python has, and once by the libraries that a host has."""
    if request.param == "C libraries":
        factory = native.inflater(compressed_streams.PIECE)
        if factory is None:
            pytest.skip("no libisal2")
        monkeypatch.setattr(compressed_streams, "_gzip_factory", lambda: (native.Damaged, factory))
        monkeypatch.setattr(
            compressed_streams,
            "_zstd_library",
            lambda: (native.Damaged, native.unzstd(compressed_streams.PIECE)),
        )
    else:
        monkeypatch.setattr(native, "ffi", None)


def undo(data, piece=1000):
    return b"".join(
        compressed_streams.decompress(data[at : at + piece] for at in range(0, len(data), piece))
    )


@pytest.mark.parametrize("kind", PACKERS)
def test_round_trip_of_one_and_of_several_members(kind):
    pack = PACKERS[kind]
    assert compressed_streams.kind_of(pack(DATA)) == kind
    for piece in (1, 1000, 1 << 20):
        assert undo(pack(DATA[:3000]), piece) == DATA[:3000]
    assert undo(pack(DATA)) == DATA
    assert undo(pack(DATA) + pack(b"second") + pack(b"third")) == DATA + b"secondthird"


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_cut_short_or_changed_is_noticed(kind):
    data = PACKERS[kind](DATA)
    for broken in (
        data[:-9],
        data[: len(data) // 2],
        data[:100] + bytes([data[100] ^ 0xFF]) + data[101:] if kind != "zstd" else data[:-1],
    ):
        with pytest.raises(RegistryError):
            undo(broken)


def test_plain_data_and_nothing_pass_through():
    assert undo(DATA) == DATA and undo(b"") == b"" and undo(b"ab") == b"ab"


def test_padding_after_gzip_is_no_member():
    assert undo(gzip.compress(DATA) + b"\0" * 5000) == DATA
    with pytest.raises(RegistryError):
        undo(gzip.compress(DATA) + b"garbage")


def test_a_skippable_zstd_frame_is_skipped():
    frame = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    assert compressed_streams.kind_of(frame) == "zstd" and undo(frame + zstd(DATA) + frame) == DATA


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_comes_out_in_bounded_pieces(kind):
    sizes = [
        len(piece) for piece in compressed_streams.decompress([PACKERS[kind](b"\0" * (64 << 20))])
    ]
    assert sum(sizes) == 64 << 20 and max(sizes) <= compressed_streams.PIECE


def test_compression_is_the_same_every_time_and_for_every_cut():
    once = b"".join(compressed_streams.compress([DATA]))
    assert (
        once
        == b"".join(
            compressed_streams.compress(DATA[at : at + 999] for at in range(0, len(DATA), 999))
        )
        and gzip.decompress(once) == DATA
    )


def test_what_does_not_get_smaller_is_only_wrapped():
    import random

    noise = random.Random(1).randbytes(3 << 20)
    for data, most in (
        (noise, len(noise) * 1.001),
        (b"text " * (1 << 19), 1 << 17),
        (b"", 100),
        (b"x", 100),
    ):
        packed = b"".join(
            compressed_streams.compress_if_worth(
                [data[at : at + 100000] for at in range(0, len(data), 100000)]
            )
        )
        assert b"".join(compressed_streams.decompress([packed])) == data and len(packed) <= most
        assert compressed_streams.kind_of(packed) == "gzip"


def test_a_hundred_small_members_and_headers_with_names_in_any_cut():
    parts = [b"%d" % number * (number * 37 % 5000) for number in range(100)]
    packed = io.BytesIO()
    for number, part in enumerate(parts):
        with gzip.GzipFile("a-name-%d" % number, "wb", number % 10, packed, mtime=number) as file:
            file.write(part)
    for piece in (1, 7, 4096, 1 << 20):
        assert undo(packed.getvalue(), piece) == b"".join(parts)


def test_every_changed_byte_of_a_small_stream_is_noticed():
    """Or changes nothing but the header's time, name and system, which nobody reads."""
    packed = gzip.compress(b"some text, some more text", mtime=5)
    for at in range(10, len(packed)):
        with pytest.raises(RegistryError):
            undo(packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :])


def test_a_checksum_that_is_wrong_is_damage():
    packed = gzip.compress(DATA)
    crc = len(packed) - 8
    for at in (crc, crc + 4):  # CRC-32, and the length behind it
        with pytest.raises(RegistryError, match="is damaged: .*incorrect"):
            undo(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :])


def test_a_checksum_of_the_header_is_verified_too():
    plain = gzip.compress(DATA, mtime=0)
    start = plain[:3] + b"\2" + plain[4:10]
    good = start + (zlib.crc32(start) & 0xFFFF).to_bytes(2, "little") + plain[10:]
    for piece in (1, 1000):
        assert undo(good, piece) == DATA
        with pytest.raises(RegistryError, match="is damaged"):
            undo(good[:10] + bytes([good[10] ^ 1]) + good[11:], piece)


def test_a_library_of_another_interface_is_left_alone(monkeypatch):
    if native.inflater(100) is None:
        pytest.skip("no libisal2, or not its turn")
    library = native._load("libisal.so.2")

    class Other:
        ISAL_BLOCK_FINISH = library.ISAL_BLOCK_FINISH + 1

        def __getattr__(self, name):
            return getattr(library, name)

    monkeypatch.setattr(native, "_load", lambda _name: Other())
    assert native.inflater(100) is None
