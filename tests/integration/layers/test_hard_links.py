# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hard link's own owner, mode, time and attributes in a layer: the last header of a file's names describes it, in a directory, in an EROFS image, in what
is told of layers and in merged ones; as podman's and buildah's storage and Docker have it."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile

import pytest
from pycontainer import images
from pycontainer.images.library import history
from pycontainer.images.plans import squash
from pycontainer.layers import stack
from pycontainer.reconcile import carry_out
from support.layouts import as_directory, fingerprint, layer, layout, member, mounted, need, run

LINK, SYMLINK, FIFO = tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE
BELOW = [
    member(b"low", b"x", uid=1, gid=1, mode=0o600),
    member(b"low2", kind=LINK, linkname="low", uid=1, gid=1, mode=0o600),
]
ABOVE = [
    member(b"f", b"hello", uid=1, gid=1, mode=0o600, pax={"SCHILY.xattr.user.a": "1"}),
    member(
        b"l",
        kind=LINK,
        linkname="f",
        uid=7,
        gid=8,
        mode=0o4755,
        mtime=1600000000,
        pax={"SCHILY.xattr.user.b": "2"},
    ),
    member(b"m", kind=LINK, linkname="low", uid=9, gid=9, mode=0o640, mtime=1500000000),
    member(b"n", kind=LINK, linkname="m", uid=10, gid=9, mode=0o640, mtime=1500000000),
]
OTHERS = [
    member(b"s", kind=SYMLINK, linkname="f", uid=1),
    member(b"sl", kind=LINK, linkname="s", uid=5, mode=0o600, mtime=1),
    member(b"p", kind=FIFO, uid=1, mode=0o600),
    member(b"pl", kind=LINK, linkname="p", uid=5, mode=0o640, mtime=1600000000),
]


@pytest.fixture
def load(engine, task, tmp_path):
    def do(*layers):
        layout(tmp_path / "layout", [layer(each) for each in layers])
        return task(engine, source="load", path=str(tmp_path / "layout"), name="test:1")["image"][
            "Id"
        ]

    return do


@pytest.fixture
def shown(engine, tmp_path):
    def do(name):
        with mounted(
            images.layer_paths(engine, name), tmp_path / ("at-" + os.urandom(4).hex())
        ) as at:
            return fingerprint(at)

    return do


def described(tree, name):
    mode, uid, gid, mtime = tree[name][:4]
    return stat.S_IMODE(int(mode, 8)), uid, gid, mtime // 10**9


@pytest.mark.usefixtures("kind")
def test_the_last_header_describes_the_file(engine, load, shown):
    load(BELOW, ABOVE + OTHERS)
    tree = shown("test:1")
    assert described(tree, b"f") == described(tree, b"l") == (0o4755, 7, 8, 1600000000)
    assert tree[b"f"][6:] == [{"user.a": b"1", "user.b": b"2"}, [b"f", b"l"]]
    assert (
        described(tree, b"low")
        == described(tree, b"m")
        == described(tree, b"n")
        == (0o640, 10, 9, 1500000000)
    )
    assert described(tree, b"low2") == (
        0o600,
        1,
        1,
        1700000000,
    )  # copied up by one name, as overlayfs does it
    assert described(tree, b"s") == described(tree, b"sl") == (0o777, 5, 0, 1700000000)
    assert described(tree, b"p") == described(tree, b"pl") == (0o640, 5, 0, 1600000000)
    assert not images.damaged(engine, True)


def test_as_buildah_has_it(load, shown, tmp_path):
    """In one tree of files: over two layers its storage for overlayfs refuses the link."""
    need("buildah")
    peer = [
        shutil.which("buildah"),
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "vfs",
    ]
    load(BELOW[:1], ABOVE[:3])
    run(*peer, "pull", "-q", f"oci:{tmp_path / 'layout'}:t")
    container = run(*peer, "from", "--pull=never", f"oci:{tmp_path / 'layout'}:t").strip()
    try:
        assert fingerprint(run(*peer, "mount", container).strip()) == shown("test:1")
    finally:
        run(*peer, "umount", container)
        run(*peer, "rm", container)
        run(*peer, "rmi", "-af")


def test_a_link_keeps_the_capabilities_of_its_file(load, shown):
    capability = (
        b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".decode(
            "latin-1"
        )
    )
    load(
        [
            member(b"f", b"x", mode=0o755, pax={"SCHILY.xattr.security.capability": capability}),
            member(b"l", kind=LINK, linkname="f", mode=0o755),
        ]
    )
    assert shown("test:1")[b"f"][6] == {"security.capability": capability.encode("latin-1")}


@pytest.mark.parametrize("from_layer", [None, 2])
def test_merged_layers_show_the_same(engine, load, shown, from_layer):
    load([member(b"first", b"1")], BELOW, ABOVE + OTHERS)
    before = shown("test:1")
    carry_out(squash.plan_squash(engine, "test:1", ["merged:1"], from_layer), False)
    assert shown("merged:1") == before


def test_what_is_told_of_layers(engine, load):
    ident = load(BELOW, ABOVE + OTHERS)
    record = images.get(engine, ident)
    found = list(history.read_layers(engine, record, hashed=True))
    for _again in range(2):  # what is read can be stacked again
        pile = stack.Stack()
        for each in found:
            pile.add(each)
        items = {path: node.item for path, node in pile.walk()}
        assert items[b"f"] is items[b"l"] and (
            items[b"f"].st_uid,
            stat.S_IMODE(items[b"f"].st_mode),
        ) == (7, 0o4755)
        assert items[b"low"] is items[b"m"] is items[b"n"] and (
            items[b"m"].st_uid,
            items[b"low2"].st_uid,
        ) == (10, 1)
        assert items[b"sl"].st_uid == 5 and stat.S_ISLNK(items[b"sl"].st_mode)


def test_one_layer_as_both_kinds_shows_the_same(engine, task, tmp_path):
    from pycontainer.kernel.mounts import erofs
    from pycontainer.store import settings

    if erofs.why_not(engine.paths.tmp):
        pytest.skip(erofs.why_not(engine.paths.tmp))
    layout(tmp_path / "it", [layer(ABOVE[:2] + OTHERS)])
    found = []
    for kind in ("directory", "erofs"):
        settings.write(engine.paths.config, {"layers": kind})
        ident = task(engine, source="load", path=str(tmp_path / "it"), name="test:1")["image"]["Id"]
        with as_directory(images.layer_paths(engine, ident)[0]) as top:
            found.append(fingerprint(top))
        task(engine, state="absent", name="test:1")
    assert found[0] == found[1]
