# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer in one file shows the tree that a directory shows, whatever is in its archive."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import stat
import struct
import subprocess
import tarfile

import pytest
from pycontainer import errors
from pycontainer.images.library import layer_store
from pycontainer.kernel.mounts import erofs as kernel
from pycontainer.kernel.mounts import overlay
from pycontainer.layers import erofs_image, formats
from support.layouts import as_directory, fingerprint, layer, member, mounted

DIRECTORY, LINK, SYMLINK, CHAR, FIFO = (
    tarfile.DIRTYPE,
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.FIFOTYPE,
)
KINDS = (layer_store.DIRECTORY, layer_store.EROFS)


@pytest.fixture(autouse=True)
def needed(engine):
    reason = kernel.why_not(engine.paths.tmp)
    if reason:
        pytest.skip(reason)


@pytest.fixture
def bring(engine):
    """``bring(kind, [archives, lowest first]) -> [places, topmost first]``: as a pull does it, with the open ends closed."""
    number = [0]

    def do(kind, archives):
        found = []
        for data in archives:
            number[0] += 1
            path = os.path.join(engine.paths.tmp, "layer-%d" % number[0])
            ends = formats.fill(
                kind, path, [data[at : at + 5000] for at in range(0, len(data), 5000)], "the layer"
            )
            if ends["passed"] or ends["links"]:
                opened = [overlay.opened(place) for place in found]
                formats.close(path, [each.__enter__() for each in opened], ends, "the layer")
                for each in opened:
                    each.__exit__(None, None, None)
            found.insert(0, path)
        return found

    return do


def facts(place):
    """The fingerprint of one layer with overlayfs' marks: root, whiteouts and opaque directories too."""
    with as_directory(place) as top:
        found = fingerprint(top)
        status = os.stat(top)
        found[b""] = [oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns]
        for path, each in found.items():
            full = os.path.join(os.fsencode(top), path)
            if stat.S_ISDIR(os.lstat(full).st_mode):
                each.append("trusted.overlay.opaque" in os.listxattr(full))
                each.append(sorted(os.listdir(full)))
            elif stat.S_ISCHR(os.lstat(full).st_mode) and os.lstat(full).st_rdev == 0:
                each[3] = None  # a whiteout has the time of its making
    return found


def both(bring, *archives):
    """Bring layers as both kinds, compare them one by one and stacked; returns the kinds of what the second has become."""
    one, other = (bring(kind, archives) for kind in KINDS)
    for left, right in zip(one, other):
        assert os.path.isdir(left)
        assert facts(left) == facts(right)
    trees = []
    for paths in (one, other):
        fd = overlay.overlay(paths)
        trees.append(fingerprint("/proc/self/fd/%d/" % fd))
        os.close(fd)
    assert trees[0] == trees[1]
    return ["directory" if os.path.isdir(path) else "erofs" for path in other]


def test_everything_a_layer_can_have(bring):
    long = "l" * 255
    assert (
        both(
            bring,
            layer(
                [
                    member(b"./", kind=DIRECTORY, mode=0o700, uid=5, gid=6, mtime=1234),
                    member(b"many/", kind=DIRECTORY, mode=0o755),
                    *[
                        member(b"many/" + b"%d" % number * (number % 40 + 1), b"%d" % number)
                        for number in range(700)
                    ],
                    member(b"sizes/", kind=DIRECTORY),
                    *[
                        member(b"sizes/%d" % size, os.urandom(size))
                        for size in (0, 1, 511, 512, 513, 4095, 4096, 4097, 70000, 1 << 20)
                    ],
                    member(b"links/", kind=DIRECTORY),
                    *[
                        member(b"links/%d" % size, kind=SYMLINK, linkname="t" * size)
                        for size in (1, 60, 99, 400, 447, 448, 449, 512, 513, 4000)
                    ],
                    member(b"x" * 255, b"longest name"),
                    member((b"deep/" * 40) + long.encode(), b"pax path"),
                    member(b"caf\xe9", b"bytes", kind=tarfile.REGTYPE),
                    member(b"dev/null", kind=CHAR, devmajor=1, devminor=3),
                    member(b"dev/big", kind=CHAR, devmajor=4095, devminor=1048575, mode=0o600),
                    member(b"dev/pipe", kind=FIFO, mode=0o622),
                    member(b"setuid", b"x", mode=0o6755, uid=4294967294, gid=70000),
                    member(b"before", b"1901", pax={"mtime": "-1.5"}),
                    member(b"exact", b"ns", pax={"mtime": "1700000000.999999999"}),
                    member(
                        b"attributes",
                        b"",
                        pax={
                            "SCHILY.xattr.user.a": "x" * 500,
                            "SCHILY.xattr.user." + "n" * 200: "",
                            "SCHILY.xattr.security.selinux": "no",
                        },
                    ),
                    member(b"linked", b"once"),
                    *[
                        member(b"many/link%d" % number, kind=LINK, linkname="linked")
                        for number in range(20)
                    ],
                ]
            ),
            layer(
                [
                    member(b".wh.many"),
                    member(b"sizes/.wh.1"),
                    member(b"links/.wh..wh..opq"),
                    member(b"links/new", b"n"),
                ]
            ),
            layer(
                [
                    member(b"again", kind=LINK, linkname="setuid"),
                    member(b"new/deep", kind=LINK, linkname="sizes/70000"),
                    member(b"links/1/x", b""),
                ]
            ),
        )
        == ["erofs"] * 3
    )


def test_gnu_names(bring):
    name = b"directory/" * 15 + b"file"
    archive = layer(
        [member(name, b"x"), member(b"l", kind=SYMLINK, linkname="t" * 300)],
        form=tarfile.GNU_FORMAT,
    )
    assert both(bring, archive) == ["erofs"]


def test_open_ends_meet_both_kinds_below(bring, engine):
    """A layer that is completed from layers of the other kind."""
    lower = layer(
        [
            member(b"d/", kind=DIRECTORY, mode=0o711, uid=3, mtime=99),
            member(b"d/f", b"f" * 3000, mode=0o4755, uid=8),
        ]
    )
    upper = layer(
        [member(b"d/new", b"new")]
        + [
            member(name, kind=LINK, linkname="d/f", mode=0o4755, uid=8)
            for name in (b"link", b"other")
        ]
    )
    expected = facts(bring(layer_store.DIRECTORY, [lower, upper])[0])
    assert expected[b"d"][:4] == ["0o40711", 3, 0, 99 * 10**9] and expected[b"link"][:2] == [
        "0o104755",
        8,
    ]
    for below in KINDS:
        bottom = bring(below, [lower])
        for kind in KINDS:
            path = os.path.join(engine.paths.tmp, f"layer-{below}-{kind}")
            ends = formats.fill(kind, path, [upper], "the layer")
            with overlay.opened(bottom[0]) as fd:
                formats.close(path, [fd], ends, "the layer")
            assert facts(path) == expected


@pytest.mark.parametrize(
    "hostile",
    (
        member(b"n" * 256, b""),
        member(b"d/" + b"n" * 600, b""),
        member(b"l", kind=SYMLINK, linkname="t" * 4096),
        member(b"l", kind=SYMLINK, linkname="t" * 4095 + "/x"),
    ),
    ids=("name", "long name", "target", "longer target"),
)
def test_names_that_no_file_system_has(bring, hostile):
    """The index has room for them; the kernel is not given any."""
    for kind in KINDS:
        with pytest.raises(OSError, match="too long"):
            bring(kind, [layer([hostile])])


def test_a_link_to_a_name_that_no_file_system_has(bring):
    for kind in KINDS:
        with pytest.raises(OSError, match="too long"):
            bring(
                kind, [layer([member(b"l", kind=SYMLINK, linkname="n" * 256), member(b"l/x", b"")])]
            )


def test_more_than_memory_should_hold_is_unpacked(bring, monkeypatch):
    from pycontainer.layers import inodes

    few = layer(
        [member(b"f%d" % number, b"%d" % number) for number in range(30)]
        + [member(b"a/b/c/d/e/f", b"")]
    )
    assert both(bring, few) == ["erofs"]
    for name, limit in (("MOST", 30), ("WEIGHT", 60)):
        with monkeypatch.context() as patch:
            patch.setattr(inodes, name, limit)
            assert both(bring, few) == ["directory"]


def test_an_archive_can_not_bring_a_file_system(bring):
    """Bytes that would be a superblock are a file's content, wherever in the archive they stand."""
    from pycontainer.kernel.mounts import erofs as mounting

    image = mounting._smallest()
    archive = layer(
        [member(b"first", image), member(b"x", image[512:]), member(b"y", image[1024:])]
    )
    assert both(bring, archive) == ["erofs"]


def test_sparse_files_are_unpacked(bring, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    for form in ("gnu", "pax"):
        data = subprocess.run(
            ["tar", "-cS", "--format=" + form, "-C", str(tmp_path), "sparse"],
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        assert both(bring, data) == ["directory"]


def test_attributes_too_large_for_an_index(bring):
    """128 KiB of attributes fit in the file's index, and in the directory they do where the store's file system has room."""
    value = {"SCHILY.xattr.user.%d" % number: "x" * 60000 for number in range(3)}
    with pytest.raises(
        errors.Unsupported
    ):  # ext4's limit is a block: what the fallback says is the user's sentence
        bring(layer_store.EROFS, [layer([member(b"f", b"", pax=value)])])


@pytest.mark.parametrize("seed", range(12))
def test_random_archives(bring, seed):
    """Names that meet: files in the place of directories, links on the way, whiteouts before and after, entries that come twice."""
    chance = random.Random(seed)
    names = [b"a", b"b", b"c", b"a/a", b"a/b", b"b/a", b"b/c", b"a/a/a", b"c/b/a", b"b/a/b"]

    def one():
        name = chance.choice(names)
        pick = chance.random()
        facts_ = {
            "uid": chance.randrange(3),
            "mode": chance.choice((0o600, 0o755, 0o4711)),
            "mtime": chance.randrange(10**9),
        }
        if pick < 0.35:
            return member(name, b"%d" % chance.randrange(1000) * chance.randrange(400), **facts_)
        if pick < 0.6:
            return member(
                name + b"/",
                kind=DIRECTORY,
                pax={"SCHILY.xattr.user.d": "%d" % chance.randrange(9)},
                **facts_,
            )
        if pick < 0.7:
            return member(
                name,
                kind=SYMLINK,
                linkname=chance.choice(["a", "b", "../b", "/c", "a/b", "nowhere/at/all"]),
                **facts_,
            )
        if pick < 0.8:
            return member(name, kind=LINK, linkname=os.fsdecode(chance.choice(names)))
        directory, _slash, last = name.rpartition(b"/")
        prefix = directory + b"/" if directory else b""
        return member(prefix + (b".wh..wh..opq" if pick < 0.85 else b".wh." + last))

    alike = 0
    for _turn in range(25):
        archives = [
            layer([one() for _number in range(chance.randrange(1, 12))]) for _layer in range(3)
        ]
        for count in (1, 2, 3):
            outcomes = []
            for kind in KINDS:
                try:
                    outcomes.append(
                        [without_times(facts(place)) for place in bring(kind, archives[:count])]
                    )
                except (
                    errors.RegistryError,
                    OSError,
                ):  # which one does not matter: such archives contradict themselves
                    outcomes.append(None)
            if None in outcomes:
                break
            assert outcomes[0] == outcomes[1], (seed, _turn)
            alike += 1
    assert alike > 15


def without_times(found):
    """Without those of directories, which an entry may have that reaches them by a link that is replaced later."""
    for each in found.values():
        if each[0].startswith("0o4"):
            each[3] = None
    return found


def test_the_index_is_a_proper_file_system(bring, engine, tmp_path):
    """Every file can be read where the index says, and its digest in the head is right."""
    content = {b"f%d" % number: os.urandom(number * 37 % 9000) for number in range(300)}
    directories = [member(name, kind=DIRECTORY) for name in (b"d/", b"d/e/", b"d/f/")]
    (place,) = bring(
        layer_store.EROFS,
        [layer([member(name, data) for name, data in content.items()] + directories)],
    )
    with mounted([place], tmp_path / "mnt") as top:
        for name, data in content.items():
            with open(os.path.join(os.fsencode(top), name), "rb") as file:
                assert file.read() == data
        assert os.statvfs(top).f_flag & os.ST_RDONLY
        assert [os.stat(os.path.join(top, name)).st_nlink for name in ("", "d", "d/e", "f1")] == [
            3,
            4,
            2,
            1,
        ]
    head = erofs_image.head(place)
    with open(place, "rb") as file:
        data = file.read()
    assert len(data) == head.end and hashlib.sha256(data[head.index :]).digest() == head.digest
    assert (
        struct.unpack("<I", data[1024:1028]) == (0xE0F5E1E2,)
        and data[erofs_image.START : erofs_image.START + 3] == b"f0\0"
        and head.length % 512 == 0
    )


def test_five_hundred_layers(bring):
    archives = [
        layer([member(b"f%d" % number, b"%d" % number), member(b"same", b"%d" % number)])
        for number in range(500)
    ]
    paths = bring(layer_store.EROFS, archives)
    fd = overlay.overlay(paths)
    try:
        top = "/proc/self/fd/%d/" % fd
        assert len(os.listdir(top)) == 501
        with open(top + "same") as file:
            assert file.read() == "499"
    finally:
        os.close(fd)


def test_before_detached_mounts_could_be_stacked(bring, monkeypatch):
    """As Linux 6.12 to 6.14 do it: in a mount namespace that nobody else sees."""
    monkeypatch.setattr(overlay, "FORCE_OLD", True)
    paths = bring(
        layer_store.EROFS,
        [
            layer([member(b"f", b"low"), member(b"g", b"")]),
            layer([member(b"f", b"high"), member(b".wh.g")]),
        ],
    )
    before = open("/proc/self/mountinfo").read()
    for chosen, expected in ((paths, {"f"}), (paths[:1], {"f", "g"})):
        fd = overlay.overlay(chosen)
        assert set(os.listdir("/proc/self/fd/%d/" % fd)) == expected
        os.close(fd)
    assert open("/proc/self/mountinfo").read() == before


def test_a_place_that_is_damaged_is_not_there(bring):
    (place,) = bring(layer_store.EROFS, [layer([member(b"f", b"x" * 5000)])])
    assert layer_store.is_there(place)
    shutil.copy(place, place + ".good")
    os.truncate(place, os.path.getsize(place) - 1)
    assert not layer_store.is_there(place)
    os.truncate(place, 0)
    assert not layer_store.is_there(place)
