# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile layers: whatever they hold, nothing outside of the layer's directory is made, changed or removed.

The vectors are the known ones of docker (CVE-2014-6407, CVE-2014-9356), containerd (TestBreakouts, CVE-2021-32760), umoci
(CVE-2021-29136) and Python's tarfile (CVE-2007-4559, CVE-2025-4517), written anew.
"""

from __future__ import annotations

import os
import stat
import tarfile

import pytest
from pycontainer.errors import EngineError, RegistryError
from pycontainer.images.library import garbage
from pycontainer.layers import unpack
from support.layouts import fingerprint, layer, member

DIRECTORY, LINK, SYMLINK = tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE
DEEP = b"/".join([b"d" * 200] * 15)


def soft(name, target):
    return member(name, kind=SYMLINK, linkname=os.fsdecode(target))


def hard(name, target):
    return member(name, kind=LINK, linkname=os.fsdecode(target))


def folder(name, **options):
    return member(name, kind=DIRECTORY, mode=0o755, **options)


# Every vector gets CANARY (absolute) and the way up to it put in. "refused" must raise; "inside" must stay inside.
UP = b"../../../../../../../../../../../.."
VECTORS = {
    "name with dots": ("refused", lambda c: [member(UP + c + b"/f", b"evil")]),
    "name with dots in the middle": (
        "refused",
        lambda c: [folder(b"a"), member(b"a/../.." + c + b"/f", b"evil")],
    ),
    "absolute name": ("inside", lambda c: [member(c + b"/f", b"evil")]),
    "directory with dots": ("refused", lambda c: [folder(UP + c + b"/dir")]),
    "link to the outside, then through it": (
        "inside",
        lambda c: [soft(b"l", c), member(b"l/f", b"evil")],
    ),
    "relative link to the outside, then through it": (
        "inside",
        lambda c: [soft(b"l", UP + c), member(b"l/f", b"evil")],
    ),
    "two links": (
        "inside",
        lambda c: [
            soft(b"a", b".."),
            soft(b"b", b"a/.."),
            soft(b"l", b"b" + UP + c),
            member(b"l/f", b"evil"),
        ],
    ),
    "link over link": (
        "inside",
        lambda c: [soft(b"a", c), soft(b"b", b"a"), member(b"b/new/f", b"evil")],
    ),
    "link to a file, then a file over it": (
        "inside",
        lambda c: [soft(b"l", c + b"/file"), member(b"l", b"evil")],
    ),
    "link to a directory, then a directory over it": (
        "inside",
        lambda c: [soft(b"l", c), folder(b"l", uid=99)],
    ),
    "link to a directory, then attributes through it": (
        "inside",
        lambda c: [soft(b"l", c), folder(b"l/sub", uid=99)],
    ),
    "directory, then a link in its place, then through it": (
        "inside",
        lambda c: [folder(b"d"), member(b"d/x", b""), soft(b"d", c), member(b"d/f", b"evil")],
    ),
    "root is a link": ("refused", lambda c: [soft(b".", c), member(b"f", b"evil")]),
    "root is a link, spelled otherwise": (
        "refused",
        lambda c: [soft(b"./", c), member(b"f", b"evil")],
    ),
    "root is a file": ("refused", lambda c: [member(b"/", b"evil")]),
    "hard link to the outside, absolute": (
        "refused or open",
        lambda c: [hard(b"h", c + b"/file"), member(b"h", b"evil")],
    ),
    "hard link to the outside, relative": (
        "refused",
        lambda c: [hard(b"h", UP + c + b"/file"), member(b"h", b"evil")],
    ),
    "hard link through a link": (
        "refused or open",
        lambda c: [soft(b"l", c), hard(b"h", b"l/file"), member(b"h", b"evil", mode=0o777)],
    ),
    "hard link to a link, then a file over it": (
        "inside",
        lambda c: [soft(b"l", c + b"/file"), hard(b"h", b"l"), member(b"h", b"evil")],
    ),
    "hard link to a link, then through it": (
        "inside",
        lambda c: [soft(b"l", c), hard(b"h", b"l"), member(b"h/f", b"evil")],
    ),
    "hard link to the root": ("refused", lambda c: [hard(b"h", b".")]),
    "hard link to a directory": ("refused", lambda c: [folder(b"d"), hard(b"h", b"d")]),
    "hard link to itself": ("inside", lambda c: [member(b"f", b"x"), hard(b"f", b"f")]),
    "whiteout through a link": ("inside", lambda c: [soft(b"l", c), member(b"l/.wh.file")]),
    "whiteout of a directory through a link": (
        "inside",
        lambda c: [soft(b"l", c), member(b"l/.wh.sub")],
    ),
    "opaque mark through a link": ("inside", lambda c: [soft(b"l", c), member(b"l/.wh..wh..opq")]),
    "whiteout of the root": ("refused", lambda c: [member(b".wh.")]),
    "whiteout of dot": ("refused", lambda c: [member(b".wh..")]),
    "whiteout of the parent": ("refused", lambda c: [member(b".wh...")]),
    "whiteout of the parent of a directory": (
        "refused",
        lambda c: [folder(b"a"), member(b"a/.wh...")],
    ),
    "whiteout with dots before it": ("refused", lambda c: [member(UP + c + b"/.wh.file")]),
    "whiteout through a dead link": (
        "inside",
        lambda c: [soft(b"l", c + b"/nowhere"), member(b"l/.wh.x")],
    ),
    "directory through a dead link": (
        "inside",
        lambda c: [soft(b"l", c + b"/nowhere"), folder(b"l/x")],
    ),
    "link loop": (
        "refused",
        lambda c: [soft(b"a", b"b"), soft(b"b", b"a"), member(b"a/f", b"evil")],
    ),
    "link to itself": ("refused", lambda c: [soft(b"a", b"a"), member(b"a/f", b"evil")]),
    "long chain of links": (
        "refused",
        lambda c: (
            [soft(b"l%d" % n, b"l%d" % (n + 1)) for n in range(60)]
            + [soft(b"l60", c), member(b"l0/f", b"evil")]
        ),
    ),
    "path longer than PATH_MAX through links": (
        "inside",
        lambda c: [
            folder(DEEP),
            soft(b"s", DEEP),
            soft(b"t", b"s/" + b"/".join([b".."] * 15) + UP + c),
            member(b"t/f", b"evil"),
        ],
    ),
    "link named as a whiteout": ("inside", lambda c: [soft(b".wh.x", c), member(b"x/f", b"evil")]),
    "device over a link": (
        "inside",
        lambda c: [
            soft(b"l", c + b"/file"),
            member(b"l", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o777, uid=9),
        ],
    ),
    "fifo over a link": (
        "inside",
        lambda c: [
            soft(b"l", c + b"/file"),
            member(b"l", kind=tarfile.FIFOTYPE, mode=0o777, uid=9),
        ],
    ),
    "name with a NUL": (
        "refused or open",
        lambda c: [member(b"a", b"evil", pax={"path": "f\0" + os.fsdecode(c)})],
    ),
    "empty link": ("refused", lambda c: [member(b"l", kind=SYMLINK, linkname="")]),
    "owner out of range": ("refused", lambda c: [member(b"f", b"", uid=2**32 - 1)]),
    "too deep": ("refused", lambda c: [member(b"d/" * 400 + b"f", b"evil")]),
}


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    (path / "sub").mkdir(parents=True)
    (path / "file").write_text("untouched")
    (path / "sub" / "inner").write_text("untouched")
    return path


def everything(path):
    """The canary with its parent's names and, for the root of it, its own attributes."""
    status = os.stat(path)
    return (
        fingerprint(path),
        (status.st_mode, status.st_uid, status.st_mtime_ns, os.listxattr(path)),
        sorted(os.listdir(path.parent)),
    )


@pytest.mark.parametrize("name", VECTORS)
def test_nothing_outside_is_touched(tmp_path, canary, name):
    expected, make = VECTORS[name]
    target = tmp_path / "layer"
    target.mkdir()
    before = everything(canary)
    raised = None
    try:
        unpack.unpack([layer(make(os.fsencode(canary)))], str(target), "the layer")
    except RegistryError as error:
        raised = error
    assert everything(canary) == before
    if expected == "refused":
        assert raised is not None
    elif expected == "inside":
        assert raised is None


def test_the_vectors_would_break_out_of_a_careless_reader(tmp_path, canary):
    """The harness itself: Python's tarfile without its filter does leave the directory."""
    target = tmp_path / "layer"
    target.mkdir()
    before = everything(canary)
    import io

    with tarfile.open(
        fileobj=io.BytesIO(
            layer(VECTORS["link to the outside, then through it"][1](os.fsencode(canary)))
        )
    ) as archive:
        archive.extractall(
            target,
            **({"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}),
        )
    assert everything(canary) != before


def test_open_links_to_nowhere_are_refused_when_the_image_is_taken(engine, task, tmp_path, canary):
    from support.layouts import layout

    layout(tmp_path / "layout", [layer([hard(b"h", os.fsencode(canary) + b"/file")])])
    with pytest.raises(EngineError, match="is a file in no layer"):
        task(engine, source="load", path=str(tmp_path / "layout"), name="evil:1")
    assert (
        os.listdir(engine.paths.layers) == []
        and os.listdir(engine.paths.tmp) == []
        and not engine.db.all("SELECT * FROM operations")
    )
    assert list(garbage._all_blobs(engine)) == []


def test_device_numbers_and_modes_are_the_layers(tmp_path):
    target = tmp_path / "layer"
    target.mkdir()
    unpack.unpack(
        [layer([member(b"null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666, uid=5)])],
        str(target),
        "the layer",
    )
    status = os.lstat(target / "null")
    assert (
        stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3) and status.st_uid == 5
    )
