# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layer archives and compressed streams by the thousand: read, or refused in a sentence; nothing hangs or fills the memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
from pycontainer.errors import EngineError
from pycontainer.layers.compression import compressed_streams
from pycontainer.layers.tar import reader
from support import mutations

MOST = 64 << 20  # bytes that are taken from one stream


def good_archive(form):
    """A bit of everything: directories, long names, links, devices, attributes, whiteouts, times before the epoch, a sparse file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:

        def add(name, kind=tarfile.REGTYPE, content=b"", **more):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode, info.mtime = kind, len(content), 0o755, 1700000000
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))

        add("dir", tarfile.DIRTYPE)
        add("dir/file", content=b"x" * 1500)
        add("dir/" + "long" * 40, content=b"y")
        add("dir/hard", tarfile.LNKTYPE, linkname="dir/file")
        add("dir/soft", tarfile.SYMTYPE, linkname="../" + "t" * 120)
        add("dev", tarfile.CHRTYPE, devmajor=1, devminor=3)
        add("fifo", tarfile.FIFOTYPE)
        add("dir/.wh.gone")
        add("dir/.wh..wh..opq")
        if form == tarfile.PAX_FORMAT:
            add(
                "attributes",
                content=b"z",
                pax_headers={"SCHILY.xattr.user.a": "b", "mtime": "-1.5", "uid": "70000"},
            )
            add(
                "sparse",
                content=b"2\n0\n1\n5\n1\n".ljust(512, b"\0") + b"ab",
                pax_headers={
                    "GNU.sparse.major": "1",
                    "GNU.sparse.minor": "0",
                    "GNU.sparse.name": "sparse",
                    "GNU.sparse.realsize": "6",
                },
            )
    return buffer.getvalue()


ARCHIVES = [good_archive(form) for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)]


def chopped(chance, data):
    size = chance.choice((100, 512, 1000, 1 << 18))
    return (data[at : at + size] for at in range(0, len(data), size))


def test_archives():
    def attempt(chance):
        data = mutations.archive(chance, chance.choice(ARCHIVES))
        stream, total = reader.Stream(chopped(chance, data), "it"), [0]

        def sink(view):
            total[0] += len(view)

        for entry in reader.entries(stream):
            assert isinstance(entry.name, bytes) and entry.size >= 0
            if entry.sparse is None:
                entry.write_to(sink)
            else:
                for _offset, _length, write in entry.parts():
                    write(sink)
        stream.drain()
        assert total[0] <= len(data)

    wrong, fine = mutations.outcomes(mutations.cases(6000), attempt, EngineError)
    assert wrong == [] and fine


PLAIN = ARCHIVES[0] * 20
PACKED = {
    "gzip": gzip.compress(PLAIN, mtime=0),
    "members": gzip.compress(PLAIN[:5000], mtime=0)
    + gzip.compress(PLAIN[5000:], mtime=0)
    + bytes(512),
    "xz": lzma.compress(PLAIN),
    "bzip2": bz2.compress(PLAIN),
}


def zstd():
    """A zstd stream, with a skippable frame before it; None where nothing here makes one."""
    try:
        import zstandard
    except ImportError:
        return None
    return b"\x50\x2a\x4d\x18\4\0\0\0abcd" + zstandard.ZstdCompressor().compress(PLAIN)


@pytest.mark.parametrize("kind", [*PACKED, "zstd"])
def test_compressed_streams(kind):
    good = PACKED.get(kind) or zstd()
    if good is None:
        pytest.skip("python3-zstandard is not installed")

    def attempt(chance):
        total = 0
        for piece in compressed_streams.decompress(
            chopped(chance, mutations.binary(chance, good)), "it"
        ):
            total += len(piece)
            assert len(piece) <= max(compressed_streams.PIECE, len(good) * 2) or kind == "zstd"
            assert total < MOST, "it grows without end"

    wrong, fine = mutations.outcomes(mutations.cases(800), attempt, EngineError)
    assert wrong == [] and fine
