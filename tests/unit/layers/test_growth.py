# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives of others: four times as many entries take about four times as long, whatever they hold, on every way that they are read."""

from __future__ import annotations

import os
import sys
import tarfile
import time

import pytest
from pycontainer.builds.trees import add_archives
from pycontainer.errors import EngineError
from pycontainer.images.archives import archive_reader, root_import
from pycontainer.images.library import history
from pycontainer.images.plans import squash
from pycontainer.layers import contents, difference, erofs_image, inodes, open_ends, stack, unpack
from pycontainer.layers.tar import reader as tar
from pycontainer.store import tree_removal


def entry(name, kind=tarfile.REGTYPE, link="", pax=None):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.pax_headers = kind, link, pax or {}
    return info.tobuf(tarfile.PAX_FORMAT)


def directory(name):
    return entry(name, tarfile.DIRTYPE)


def many_then_replaced(n):
    """Many directories, and one that a file takes the place of again and again."""
    pair = directory("x") + entry("x")
    return b"".join(directory("d%d" % number) for number in range(n)) + pair * n


def passed_then_replaced(n):
    return (
        b"".join(entry("d%d/f" % number) for number in range(n)) + (entry("x/y/z") + entry("x")) * n
    )


def whiteouts(n):
    return b"".join(entry("d/.wh.f%d" % number) for number in range(n)) + b"".join(
        entry("d/f%d" % number) + entry("d/.wh..wh..opq") for number in range(n)
    )


def links(n):
    """Each a link to the one before."""
    return entry("f0") + b"".join(
        entry("f%d" % number, tarfile.LNKTYPE, "f%d" % (number - 1)) for number in range(1, n)
    )


def symbolic(n):
    """Links that change while names lead through them."""
    return (
        directory("a")
        + directory("b")
        + b"".join(
            entry("l", tarfile.SYMTYPE, "ab"[number % 2]) + entry("l/f%d" % number)
            for number in range(n)
        )
    )


def deep(n):
    way = "/".join("d" * 40)
    return b"".join(directory("%s%d/%s" % (way, number, "e")) for number in range(n // 4))


def common(n):
    """Headers for every entry."""
    return (
        entry("g", tarfile.XGLTYPE)
        + b"".join(
            _global({"SCHILY.xattr.user.%d" % (n + number): "v" * 40 for number in range(n)})
        )
        + b"".join(entry("f%d" % number) for number in range(n))
    )


def _global(records):
    yield tarfile.TarInfo.create_pax_global_header(records)


def records(n):
    return entry("f", pax={"comment.%d" % number: "v" for number in range(n * 8)}) + entry("g") * n


def sparse(n):
    places = ",".join("%d,0" % (2 * number) for number in range(n * 8))
    return (
        entry(
            "f",
            pax={
                "GNU.sparse.major": "0",
                "GNU.sparse.minor": "1",
                "GNU.sparse.map": places,
                "GNU.sparse.realsize": str(n * 32),
            },
        )
        + entry("g") * n
    )


def endless_map(n):
    """A map before the content that has no line's end."""
    info = tarfile.TarInfo("f")
    info.size, info.pax_headers = (
        n * 512 * 8,
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "5"},
    )
    return info.tobuf(tarfile.PAX_FORMAT) + b"1" * info.size + entry("g") * n


ARCHIVES = [
    many_then_replaced,
    passed_then_replaced,
    whiteouts,
    links,
    symbolic,
    deep,
    common,
    records,
    sparse,
    endless_map,
]


def unpacked(data, place):
    return unpack.unpack([data], place, "it")


def listed(data, _place):
    found = contents.read([data], "it", hashed=True)
    pile = stack.Stack()
    pile.add(found)
    pile.add(found)
    return sum(1 for _each in pile.walk())


def indexed(data, place):
    """As a layer in a file."""
    found = inodes.read(tar.Stream([data], "it"), "it", sparse=True)
    found.passed()
    with open(os.path.join(place, "file"), "wb") as file:
        erofs_image.write(file.fileno(), found.root, len(data))


def over_another(data, place):
    """Completed by a layer below that has the same, and looked at as a build looks at what a step made."""
    below, above = os.path.join(place, "below"), os.path.join(place, "above")
    os.mkdir(below)
    os.mkdir(above)
    unpack.unpack([data], below, "it")
    ends = unpack.unpack([data], above, "it")
    fd = os.open(below, os.O_RDONLY)
    try:
        open_ends.close_ends(above, [fd], ends, "it")
        upper = os.open(above, os.O_RDONLY)
        difference.changes(upper, fd)
        os.close(upper)
        difference.clean(above, fd)
    finally:
        os.close(fd)
    for _piece in difference.archive(below):
        pass


def added(data, place):
    path = os.path.join(place, "archive")
    with open(path, "wb") as file:
        file.write(data)
    os.mkdir(os.path.join(place, "top"))
    top = os.open(os.path.join(place, "top"), os.O_RDONLY)
    try:
        add_archives.extract(top, lambda: os.open(path, os.O_RDONLY), "it")
    finally:
        os.close(top)


def imported(data, place):
    path = os.path.join(place, "archive")
    with open(path, "wb") as file:
        file.write(data)
    root_import.survey(path)


def loaded(data, place):
    """As an archive of images: behind a manifest, whatever it holds."""
    path, text = os.path.join(place, "archive"), b'[{"Config": "c", "Layers": []}]'
    info = tarfile.TarInfo("manifest.json")
    info.size = len(text)
    with open(path, "wb") as file:
        file.write(info.tobuf(tarfile.PAX_FORMAT) + text + bytes(512 - len(text)) + data)
    with archive_reader.opened(path, place) as members:
        archive_reader.contents(members, None)


def squashed(data, _place):
    """Three layers, of which the upper two become one."""
    made = squash._Merged.__new__(squash._Merged)
    made.below, made.sources, made.engine = 1, [("it", "it")] * 3, None
    made.pile = stack.Stack()
    for number in range(3):
        if number == 1:
            made.base = made.pile.root.copy()
        made.pile.add(contents.read([data], "it", number))
    archive, history.archive = history.archive, lambda _engine, _digest, _title: [data]
    try:
        made.diff_id()
    finally:
        history.archive = archive


def work(way, data, place):
    """``(calls of functions, seconds of CPU time)``. Calls are counted because how long the kernel takes depends on what else the machine does."""
    calls = [0]

    def count(_frame, event, _what):
        if event in ("call", "c_call"):
            calls[0] += 1

    os.mkdir(place)
    began = time.process_time()
    sys.setprofile(count)
    try:
        way(data, place)
    except EngineError:  # an archive that is refused soon is as good
        pass
    finally:
        sys.setprofile(None)
    spent = time.process_time() - began
    tree_removal.remove(place)
    return calls[0], spent


@pytest.mark.parametrize("make", ARCHIVES)
@pytest.mark.parametrize(
    "way, count",
    [
        (unpacked, 40),
        (listed, 300),
        (indexed, 300),
        (over_another, 40),
        (added, 40),
        (imported, 100),
        (squashed, 100),
        (loaded, 300),
    ],
)
def test_growth(tmp_path, make, way, count):
    if os.geteuid():
        pytest.skip("owners and devices are root's to set")
    end = b"\0" * 1024
    small, large = make(count) + end, make(4 * count) + end
    for attempt in range(3):  # a moment in which the machine is twice as slow
        once, grown = (
            work(way, small, str(tmp_path / ("s%d" % attempt))),
            work(way, large, str(tmp_path / ("l%d" % attempt))),
        )
        assert grown[0] < 5 * once[0] + 200
        if (
            way not in (listed, indexed) or grown[1] < 8 * once[1] + 0.02
        ):  # these two leave the kernel alone
            return
    raise AssertionError(f"{once[1]:.3f} s became {grown[1]:.3f} s with four times as much")
