# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers that exhaust instead of escape, and layers that are unpacked while somebody moves things: what images/test_breakouts.py
does not have. Decompression bombs, sparse files beyond the disk, a million entries, giant headers and attributes
(CVE-2021-20291, CVE-2025-8194, CVE-2024-6232); CVE-2025-47290."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import multiprocessing
import os
import resource
import shutil
import subprocess
import tarfile
import time

import pytest
from integration.images.conftest import task  # noqa: F401  # pylint: disable=unused-import # task is a fixture
from pycontainer.errors import EngineError
from pycontainer.images.library import garbage
from pycontainer.layers import unpack
from pycontainer.layers.compression import compressed_streams
from support.layouts import layer, layout, member

MIB = 1 << 20


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "layer"
    path.mkdir()
    return path


@pytest.fixture
def small(tmp_path):
    """A directory on a file system of 64 MiB and 20,000 files: the disk that a bomb is to fill."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,nr_inodes=20000,mode=755", "tmpfs", place],
        check=True,
    )
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def header(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def zeros(size, piece=MIB):
    for _number in range(size // piece):
        yield b"\0" * piece


def refused(chunks, target, what="the layer"):
    """It is refused with a sentence, in bounded time and memory."""
    began, memory = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((EngineError, OSError)) as caught:
        unpack.unpack(chunks, str(target), what)
    assert time.monotonic() - began < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200000, "kB"
    return str(caught.value)


def test_a_bomb_stops_before_the_disk_is_full(small):
    """What a layer unpacks to is bounded by what the disk has left: some of it is never touched."""

    def chunks():
        yield header("bomb", 1 << 30)
        yield from zeros(1 << 30)

    text = refused(chunks(), small)
    assert "space" in text
    status = os.statvfs(small)
    assert status.f_bavail > 0, "the last block was not taken"


def test_a_million_entries_stop_before_the_inodes_are_gone(small):
    def chunks():
        for number in range(1000000):
            yield header("d%d" % number, 0)

    assert "space" in refused(chunks(), small)
    assert os.statvfs(small).f_favail > 0


PACKERS = {"xz": lzma.compress, "bzip2": bz2.compress}


@pytest.mark.parametrize("kind", ["xz", "bzip2", "zstd"])
def test_what_grows_ten_thousandfold_is_refused(kind, target):
    """gzip can't do more than 1:1032; others can, and nothing honest does for gigabytes on end."""
    stream = io.BytesIO()
    piece = header("bomb", 1 << 40) + b"\0" * (16 * MIB)
    if kind == "zstd":
        if not shutil.which("zstd"):
            pytest.skip("needs zstd to make the bomb")
        packed = subprocess.run(
            ["zstd", "-q", "-19"], input=piece, stdout=subprocess.PIPE, check=True
        ).stdout
        more = subprocess.run(
            ["zstd", "-q", "-19"], input=b"\0" * (16 * MIB), stdout=subprocess.PIPE, check=True
        ).stdout
    else:
        packed, more = PACKERS[kind](piece), PACKERS[kind](b"\0" * (16 * MIB))
    stream.write(packed)

    def chunks():
        yield packed
        while True:  # endless: only a bound ends it
            yield more

    total, began = 0, time.monotonic()
    with pytest.raises(EngineError, match="grows"):
        for output in compressed_streams.decompress(chunks(), "the layer"):
            total += len(output)
            assert total < 3 << 30, "it has no end"
    assert total <= compressed_streams.GRACE + 256 * MIB and time.monotonic() - began < 120


def test_an_honest_file_of_zeros_passes():
    """A gigabyte and a half of zeros in gzip: 1:1030, as an empty disk image has it."""
    inside = gzip.compress(b"\0" * (16 * MIB), 9)
    assert (
        sum(len(piece) for piece in compressed_streams.decompress(iter([inside] * 96), "the layer"))
        == 96 * 16 * MIB
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: header("f", 2**63 - 1),
        lambda: header("f", 2**63 + 5),
        lambda: header("x", 2**63, b"x"),
        lambda: header("x", 4 << 30, b"x"),
        lambda: header("L", 4 << 30, b"L"),
        lambda: header("g", 4 << 30, b"g"),
        lambda: header("K", 1 << 62, b"K"),
    ],
    ids=[
        "2^63-1 bytes",
        "more than 2^63",
        "pax 2^63",
        "pax 4 GiB",
        "long name 4 GiB",
        "global 4 GiB",
        "link 2^62",
    ],
)
def test_headers_that_promise_too_much(make, target):
    try:
        data = make()
    except ValueError:
        pytest.skip("tarfile can't write it")

    def chunks():
        yield data
        yield from zeros(512 * MIB) if data[156:157] in b"xgLK" else zeros(MIB)

    refused(chunks(), target)


@pytest.mark.parametrize("size", [2**63 - 1, 2**62, 2**64])
def test_sparse_files_beyond_any_disk(size, target):
    """ftruncate to 2^63 is refused by the file system, or the file has no blocks: no time and no space goes into it."""
    data = layer(
        [
            member(
                b"sparse",
                b"x" * 512,
                pax={
                    "GNU.sparse.major": "0",
                    "GNU.sparse.minor": "1",
                    "GNU.sparse.name": "sparse",
                    "GNU.sparse.size": str(size),
                    "GNU.sparse.numblocks": "1",
                    "GNU.sparse.map": "0,512",
                },
            )
        ]
    )
    began = time.monotonic()
    try:
        unpack.unpack([data], str(target), "the layer")
        assert os.stat(target / "sparse").st_blocks < 100
    except (EngineError, OSError, OverflowError):
        pass
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("value", [65536, 70000, 1 << 19])
def test_giant_attributes(value, target):
    """The kernel takes 64 KiB (XATTR_SIZE_MAX); more is refused in a sentence."""
    refused([layer([member(b"f", b"x", pax={"SCHILY.xattr.user.big": "v" * (value + 1)})])], target)


def test_many_attributes(target):
    refused(
        [
            layer(
                [
                    member(
                        b"f",
                        b"x",
                        pax={"SCHILY.xattr.user.n%d" % number: "v" * 3000 for number in range(340)},
                    )
                ]
            )
        ],
        target,
    )


def test_nothing_is_left_of_a_bomb(engine, task, tmp_path):
    """The whole way: an image whose second layer is refused leaves no blob, no layer, no row."""
    bomb = layer([member(b"f", b"x", pax={"SCHILY.xattr.user.big": "v" * 70000})])
    layout(tmp_path / "layout", [layer([member(b"ok", b"x")]), bomb])
    with pytest.raises(EngineError):
        task(engine, source="load", path=str(tmp_path / "layout"), name="evil:1")
    assert (
        os.listdir(engine.paths.layers) == []
        and os.listdir(engine.paths.tmp) == []
        and list(garbage._all_blobs(engine)) == []
    )
    assert not engine.db.all("SELECT * FROM images") and not engine.db.all(
        "SELECT * FROM operations"
    )


def turning(canary, count):
    """A layer in which a directory and a link to the canary take turns, with files through it."""
    members = []
    for number in range(count):
        members += [
            member(b"a/", kind=tarfile.DIRTYPE, mode=0o755),
            member(b"a/file", b"evil"),
            member(b"a", kind=tarfile.SYMTYPE, linkname=canary),
            member(b"a/file", b"evil"),
            member(b"a/sub/inner", b"evil"),
            member(b"a/.wh.file"),
            member(b"a/new%d" % number, b"evil", mode=0o777, uid=5),
        ]
    return layer(members)


def _unpack(data, path):
    try:
        unpack.unpack([data], path, "the layer")
    except EngineError:
        pass


@pytest.mark.parametrize(
    "swapped", [False, True], ids=["at once", "with parents that are exchanged"]
)
def test_unpacked_at_once(host, program, tmp_path, swapped):
    """CVE-2025-47290: the same layer several times at once; and while somebody exchanges directories below it for links."""
    data = turning(host.canary, 150)
    places = [str(tmp_path / ("layer%d" % number)) for number in range(3)]
    racers = []
    for place in places:
        os.mkdir(place)
        if swapped:
            os.mkdir(os.path.join(place, "a"))
            os.symlink(host.canary, os.path.join(place, "other"))
            racers.append(
                subprocess.Popen(
                    [program("flip"), os.path.join(place, "a"), os.path.join(place, "other"), "30"],
                    stdout=subprocess.DEVNULL,
                )
            )
    workers = [
        multiprocessing.get_context("fork").Process(target=_unpack, args=(data, place))
        for place in places
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode is not None
    for racer in racers:
        racer.kill()
        racer.wait()
