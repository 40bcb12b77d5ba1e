# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpacked layers, seen through overlayfs, are the tree that umoci unpacks: every type, whiteouts, links between layers."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
import struct
import tarfile

import pytest
from pycontainer import errors, images
from pycontainer.layers.compression import native
from support.layouts import as_directory, fingerprint, layer, layout, member, mounted, need, run

DIRECTORY, LINK, SYMLINK, CHAR, BLOCK, FIFO = (
    tarfile.DIRTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.FIFOTYPE,
)
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode(
    "latin-1"
)  # cap_net_bind_service+ep


def base(twice=True):
    return layer(
        [
            member(b"./", kind=DIRECTORY, mode=0o755),
            member(b"bin/", kind=DIRECTORY, mode=0o755),
            member(b"bin/tool", b"#!" + b"x" * 100000, mode=0o4755),
            member(b"bin/same", kind=LINK, linkname="bin/tool", mode=0o4755),
            member(b"bin/soft", kind=SYMLINK, linkname="/etc/../bin/tool", mtime=1600000000),
            member(b"tmp/", kind=DIRECTORY, mode=0o1777, mtime=1500000000),
            member(b"home/", kind=DIRECTORY, mode=0o750, uid=1000, gid=1000),
            member(
                b"home/file", b"mine", uid=1000, gid=1000, pax={"mtime": "1700000000.123456789"}
            ),
            member(b"dev/", kind=DIRECTORY, mode=0o755),
            member(b"dev/null", kind=CHAR, devmajor=1, devminor=3, mode=0o666),
            member(b"dev/sda", kind=BLOCK, devmajor=8, devminor=0, mode=0o660, gid=6),
            member(b"dev/pipe", kind=FIFO, mode=0o600),
            member(b"attributes", b"a", pax={"SCHILY.xattr.user.note": "hello"}),
            member(b"empty", b""),
            member(b"caf\xe9-\xff", b"not utf-8"),
            member(b"deep/" + b"d/" * 60 + b"n" * 200, b"long name"),
            member(b"hidden/", kind=DIRECTORY, mode=0o755),
            member(b"hidden/a", b"a"),
            member(b"hidden/b/", kind=DIRECTORY, mode=0o700),
            member(b"hidden/b/c", b"c"),
            member(b"gone", b"gone"),
            member(b"gone-tree/", kind=DIRECTORY, mode=0o755),
            member(b"gone-tree/x/", kind=DIRECTORY, mode=0o755),
            member(b"gone-tree/x/y", b"y"),
            member(b"was-file", b"file"),
            member(b"was-directory/", kind=DIRECTORY, mode=0o755),
            member(b"was-directory/inside", b"inside"),
            member(b"was-link", kind=SYMLINK, linkname="bin"),
            member(b"below/", kind=DIRECTORY, mode=0o711, uid=7, gid=8, mtime=1400000000),
            member(b"below/target", b"target of a link from above", mode=0o640, uid=3),
            *([member(b"twice", b"first")] if twice else []),
            member(b"twice", b"second, which wins", mode=0o600),
        ]
    )


def second():
    return layer(
        [
            member(b"./.wh.gone"),
            member(b".wh.gone-tree"),
            member(b"hidden/", kind=DIRECTORY, mode=0o755),
            member(b"hidden/new", b"new"),
            member(b"hidden/.wh..wh..opq"),
            member(b"was-file/", kind=DIRECTORY, mode=0o755),
            member(b"was-file/inside", b"now a directory"),
            member(b"was-directory", b"now a file"),
            member(b"was-link", b"now a file too"),
            member(b"tmp/passed", b"through a directory without an entry"),
            member(b"below/link", kind=LINK, linkname="below/target", mode=0o640, uid=3),
            member(b".wh..wh.plnk", b"aufs' own"),
        ]
    )


def third():
    return layer(
        [
            member(b"gone-tree/", kind=DIRECTORY, mode=0o700, mtime=1650000000),
            member(b"gone-tree/back", b"again"),
            member(b"hidden/.wh.new"),
            member(b"hidden/b/", kind=DIRECTORY, mode=0o755),
        ]
    )


@pytest.fixture
def loaded(engine, kind, task, tmp_path):
    """Load an image of some layers: its id, and its directories topmost first."""
    shown = {}  # one directory for one layer, however often it is asked for
    with contextlib.ExitStack() as stack:

        def load(*layers):
            path = tmp_path / (f"layout-{len(os.listdir(tmp_path))}")
            layout(path, layers)
            ident = task(engine, source="load", path=str(path), name="test:1")["image"]["Id"]
            for place in images.layer_paths(engine, ident):
                if place not in shown:
                    shown[place] = stack.enter_context(as_directory(place))
            return ident, [shown[place] for place in images.layer_paths(engine, ident)]

        yield load


def by_umoci(tmp_path, layers):
    need("umoci")
    layout(tmp_path / "peer", layers)
    run("umoci", "unpack", "--image", f"{tmp_path / 'peer'}:t", str(tmp_path / "bundle"))
    return fingerprint(tmp_path / "bundle" / "rootfs")


@pytest.mark.parametrize("count", (1, 2, 3))
def test_the_tree_is_umocis(loaded, tmp_path, count):
    layers = [base(), second(), third()][:count]
    expected = by_umoci(tmp_path, layers)
    _ident, paths = loaded(*layers)
    with mounted(paths, tmp_path / "mnt") as root:
        found = fingerprint(root)
    assert sorted(found) == sorted(expected)
    differing = {
        path: (found[path], expected[path]) for path in found if found[path] != expected[path]
    }
    # made without an entry: umoci gives the current time, we the epoch
    made = {b"deep"} | {b"deep/" + b"/".join([b"d"] * depth) for depth in range(1, 61)}
    for path in made & set(differing):
        assert differing.pop(path)[0][:3] == ["0o40755", 0, 0]
    assert differing == {}


def test_the_tree_is_podmans(loaded, podman, tmp_path):
    """But for what podman does not do: it refuses entries that come twice, and directories that a layer only passes through get a new time."""
    layers = [base(twice=False), second(), third()]
    layout(tmp_path / "podman", layers)
    name = podman("pull", "-q", f"oci:{tmp_path / 'podman'}:t").strip()
    expected = fingerprint(podman("image", "mount", name).strip())
    podman("image", "umount", name)
    _ident, paths = loaded(*layers)
    with mounted(paths, tmp_path / "mnt") as root:
        found = fingerprint(root)
    for facts in [*found.values(), *expected.values()]:
        if facts[0].startswith("0o4"):
            facts[3] = None
    differing = {
        path for path in set(found) | set(expected) if found.get(path) != expected.get(path)
    }
    assert not differing, sorted(differing)[:5]


def test_capabilities_and_what_is_not_taken(loaded, tmp_path):
    _ident, (path,) = loaded(
        layer(
            [
                member(b"capable", b"x", pax={"SCHILY.xattr.security.capability": CAPABILITY}),
                member(
                    b"marked/",
                    kind=DIRECTORY,
                    mode=0o755,
                    pax={
                        "SCHILY.xattr.trusted.overlay.opaque": "y",
                        "SCHILY.xattr.user.overlay.opaque": "y",
                        "SCHILY.xattr.trusted.x": "y",
                        "SCHILY.xattr.user.kept": "y",
                    },
                ),
            ]
        )
    )
    assert os.getxattr(path + "/capable", "security.capability") == CAPABILITY.encode("latin-1")
    assert os.listxattr(path + "/marked") == ["user.kept"]


def test_whiteouts_whatever_the_order(loaded):
    lower = layer([member(b"d/", kind=DIRECTORY), member(b"d/old", b"old"), member(b"f", b"old")])
    for order in (1, -1):
        members = [
            member(b".wh.d"),
            member(b"d/", kind=DIRECTORY, mode=0o755),
            member(b"d/new", b"new"),
            member(b".wh.f"),
            member(b"f", b"new"),
        ]
        # the directory's own entry stays before what is in it
        top = layer(
            [members[0]] + members[1:]
            if order == 1
            else [members[1], members[2], members[4], members[0], members[3]]
        )
        _ident, paths = loaded(lower, top)
        assert os.getxattr(paths[0] + "/d", "trusted.overlay.opaque") == b"y"
        with open(paths[0] + "/f") as file:
            assert file.read() == "new"


def test_a_whiteout_and_something_below_its_name(loaded, tmp_path):
    lower = layer([member(b"d/", kind=DIRECTORY, mode=0o700), member(b"d/old", b"old")])
    _ident, paths = loaded(lower, layer([member(b".wh.d"), member(b"d/new", b"new")]))
    with mounted(paths, tmp_path / "mnt") as root:
        assert (
            os.listdir(root + "/d") == ["new"]
            and stat.S_IMODE(os.stat(root + "/d").st_mode) == 0o755
        )


def test_sparse_files_stay_sparse(loaded, tmp_path):
    source = tmp_path / "sparse"
    with open(source, "wb") as file:
        file.seek(50 << 20)
        file.write(b"end")
    _ident, (path,) = loaded(subprocess_tar(tmp_path, "sparse"))
    status = os.stat(path + "/sparse")
    assert status.st_size == (50 << 20) + 3 and status.st_blocks < 100
    with open(path + "/sparse", "rb") as file:
        file.seek(50 << 20)
        assert file.read() == b"end"


def subprocess_tar(directory, name):
    import subprocess

    return subprocess.run(
        ["tar", "-cS", "--format=pax", "-C", str(directory), name],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def test_a_hard_link_over_three_layers(loaded, tmp_path):
    """Its target lies two layers down, in a directory with attributes; another link of the same layer shares the copy."""
    layers = [
        layer(
            [
                member(b"d/", kind=DIRECTORY, mode=0o711, uid=5, mtime=1300000000),
                member(b"d/t", b"target", mode=0o4711, uid=9),
            ]
        ),
        layer([member(b"other", b"")]),
        layer(
            [
                member(name, kind=LINK, linkname=target, mode=0o4711, uid=9)
                for name, target in ((b"one", "d/t"), (b"two", "./d/t"))
            ]
        ),
    ]
    _ident, paths = loaded(*layers)
    with mounted(paths, tmp_path / "mnt") as root:
        statuses = [os.stat(os.path.join(root, name)) for name in ("d/t", "one", "two")]
        assert len({status.st_ino for status in statuses}) == 1 and statuses[0].st_nlink == 3
        assert (stat.S_IMODE(statuses[0].st_mode), statuses[0].st_uid) == (0o4711, 9)
        status = os.stat(root + "/d")
        assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_mtime) == (
            0o711,
            5,
            1300000000,
        )


def test_a_layer_with_open_ends_is_not_shared_between_different_parents(loaded):
    top = layer([member(b"d/new", b"new")])
    _first, one = loaded(layer([member(b"d/", kind=DIRECTORY, mode=0o700)]), top)
    _second, two = loaded(layer([member(b"d/", kind=DIRECTORY, mode=0o750)]), top)
    assert one[0] != two[0]
    assert [stat.S_IMODE(os.stat(paths[0] + "/d").st_mode) for paths in (one, two)] == [
        0o700,
        0o750,
    ]


def test_a_complete_layer_is_shared(loaded):
    shared = layer([member(b"d/", kind=DIRECTORY, mode=0o700), member(b"d/f", b"f")])
    _first, one = loaded(shared, layer([member(b"a", b"")]))
    _second, two = loaded(shared, layer([member(b"b", b"")]))
    assert one[1] == two[1] and one[0] != two[0]


def test_the_same_layer_twice(loaded, tmp_path):
    one = layer([member(b"f", b"one")])
    _ident, paths = loaded(one, layer([member(b".wh.f")]), one)
    assert paths[0] == paths[2]


@pytest.mark.parametrize("native_libraries", [True, False])
def test_a_gzip_layer_whose_checksum_is_wrong_does_not_come_in(
    engine, task, tmp_path, monkeypatch, native_libraries
):
    """Its content is what the configuration promises, and its digest the manifest's."""
    if not native_libraries:
        monkeypatch.setattr(native, "ffi", None)
    plain = layer([member(b"file", b"content")])
    good = gzip.compress(plain, mtime=0)
    layout(tmp_path / "bad", [plain], packed=[good[:-8] + bytes([good[-8] ^ 1]) + good[-7:]])
    layout(tmp_path / "good", [plain], packed=[good])
    with pytest.raises(errors.RegistryError, match="is damaged: .*incorrect"):
        task(engine, source="load", path=str(tmp_path / "bad"), name="crc:1")
    assert images.find(engine, "crc:1") is None and not os.listdir(engine.paths.layers)
    task(engine, source="load", path=str(tmp_path / "good"), name="crc:1")
    assert images.find(engine, "crc:1") is not None
