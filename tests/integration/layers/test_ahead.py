# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer whose pieces are worked out in threads: the same result, the same errors, and no thread that stays."""

from __future__ import annotations

import gzip
import hashlib
import threading

import pytest
from pycontainer.errors import RegistryError
from pycontainer.images.library import ingest, ingest_layer
from pycontainer.images.library.layer_store import DIRECTORY
from pycontainer.layers import unpack
from pycontainer.layers.compression import read_ahead
from support.layouts import fingerprint, layer, member

PLAIN = layer(
    [member(b"d%d/f%d" % (number % 7, number), b"%d" % number * 40000) for number in range(60)]
)
PACKED = gzip.compress(PLAIN, 1)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def coming(packed=PACKED, plain=PLAIN, size=None):
    """A layer that arrives as ``packed``, and is said to be what the other two are."""
    return ingest.Layer(
        digest(plain),
        lambda: (packed[at : at + 5000] for at in range(0, len(packed), 5000)),
        digest(PACKED),
        size,
    )


def tree(path):
    path.mkdir()
    return str(path)


@pytest.fixture(autouse=True)
def threads_end():
    before = set(threading.enumerate())
    yield
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize("threads", (0, 1, 2))
def test_the_layer_is_the_same(engine, tmp_path, threads):
    unpack.unpack([PLAIN], tree(tmp_path / "alone"), "x")
    answer = ingest_layer.bring(
        engine, "x", coming(size=len(PACKED)), str(tmp_path / "tree"), DIRECTORY, threads
    )
    assert answer["digest"] == digest(PACKED) and answer["ends"]["size"] == sum(
        len(b"%d" % number * 40000) for number in range(60)
    )
    assert fingerprint(str(tmp_path / "tree")) == fingerprint(str(tmp_path / "alone"))


@pytest.mark.parametrize("threads", (0, 1, 2))
@pytest.mark.parametrize(
    "wrong, words",
    (
        (coming(PACKED[:-20000]), "is cut short"),
        (coming(PACKED[:9000] + b"\xff" * 5000 + PACKED[14000:]), "is damaged"),
        (coming(PACKED + b"\0" * 600), "what arrived has the digest"),
        (coming(size=len(PACKED) - 7000), "is larger than"),
        (coming(plain=b"other"), "is not what the image configuration promises"),
        (coming(gzip.compress(PLAIN[:100000])), "is cut short"),
    ),
    ids=("short", "damaged", "more", "larger", "another", "short archive"),
)
def test_errors_are_the_same(engine, tmp_path, wrong, words, threads):
    with pytest.raises(RegistryError, match=words):
        ingest_layer.bring(engine, "x", wrong, str(tmp_path / "tree"), DIRECTORY, threads)
    assert not engine.blobs.has(digest(PACKED))


def test_what_the_source_raises_is_raised_where_it_is_read():
    def broken():
        yield b"a"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"), read_ahead.ahead(broken()) as pieces:
        assert next(pieces) == b"a"
        next(pieces)


def test_a_reader_that_stops_ends_the_thread():
    def endless():
        while True:
            yield b"a" * 100

    with read_ahead.ahead(endless()) as pieces:
        assert next(pieces) == b"a" * 100
