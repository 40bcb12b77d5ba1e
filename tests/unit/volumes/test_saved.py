# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that are saved to archives, restored from them, and copied."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import subprocess
import tarfile

import pytest
from pycontainer import volumes
from pycontainer.errors import EngineError, InvalidInput, NotFound
from pycontainer.reconcile import carry_out
from pycontainer.volumes import content, recovery, task, tree_archive

ACL = b"\2\0\0\0\1\0\6\0\xff\xff\xff\xff\2\0\4\0\1\0\0\0\4\0\4\0\xff\xff\xff\xff\x10\0\6\0\xff\xff\xff\xff \0\0\0\xff\xff\xff\xff"


def do(engine, check=False, **params):
    return carry_out(task.volume(engine, params), check)


@pytest.fixture
def data(engine):
    """A volume that has everything that a volume can have: ``(its name, its directory)``."""
    do(engine, name="data")
    place = volumes.path(engine, "data")
    make_everything(place)
    return "data", place


def make_everything(place):
    def path(name):
        return os.path.join(place, name)

    os.mkdir(path("deep"), 0o750)
    for name, content_ in (("plain", b"hello\n"), ("deep/.wh.gone", b"x"), ("empty", b"")):
        with open(path(name), "wb") as file:
            file.write(content_)
    os.mkdir(path(".wh..wh..opq"))
    with open(path("sparse"), "wb") as file:
        file.truncate(64 << 20)
        file.seek(16 << 20)
        file.write(b"middle")
    os.link(path("plain"), path("deep/other name"))
    os.symlink("/etc/passwd", path("link"))
    os.mkfifo(path("pipe"), 0o622)
    os.mknod(path("whiteout"), stat.S_IFCHR | 0o600, os.makedev(0, 0))
    os.setxattr(path("plain"), "user.colour", b"blue\0\n")
    os.setxattr(path("plain"), "trusted.overlay.opaque", b"y")
    os.setxattr(path("deep"), "system.posix_acl_default", ACL)
    os.chown(path("plain"), 1000, 2000)
    os.chmod(path("plain"), 0o4711)
    os.setxattr(path("empty"), "security.capability", b"\1\0\0\2\0\4\0\0" + bytes(12))
    os.utime(path("plain"), ns=(1, 1234567890123456789))
    os.utime(path("link"), ns=(1, -1500000000), follow_symlinks=False)
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(place, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    os.chown(place, 7, 8)
    os.chmod(place, 0o1770)
    os.utime(path("deep"), ns=(1, 42))
    os.utime(place, ns=(1, 99000000001))


def seen(place):
    """What is in a directory, told without the code under test."""
    found, inodes = {}, {}
    for top, directories, names in os.walk(place):
        for name in [".", *directories, *names]:
            path = os.path.normpath(os.path.join(top, name))
            status = os.lstat(path)
            if stat.S_ISSOCK(status.st_mode):
                continue
            xattrs = {
                key: os.getxattr(path, key, follow_symlinks=False)
                for key in os.listxattr(path, follow_symlinks=False)
            }
            inodes.setdefault(status.st_ino, set()).add(os.path.relpath(path, place))
            body = b""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    body = file.read()
            elif stat.S_ISLNK(status.st_mode):
                body = os.readlink(path).encode()
            found[os.path.relpath(path, place)] = (
                *(status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns),
                *(status.st_rdev, body, xattrs),
            )
    return found, sorted(map(sorted, inodes.values()))


@pytest.mark.parametrize("name", ["data.tar", "data.tar.gz", "data.tar.zst"])
def test_all_of_a_volume_comes_back(engine, data, tmp_path, name):
    archive = str(tmp_path / name)
    told = do(engine, True, name="data", state="saved", path=archive)
    assert told["actions"] == [f"save volume data to {archive}"] and not os.path.exists(archive)
    assert do(engine, name="data", state="saved", path=archive)["changed"]
    assert os.path.getsize(archive) < 1 << 20  # the holes are not in it
    assert stat.S_IMODE(os.stat(archive).st_mode) == 0o600
    assert not do(engine, name="data", state="saved", path=archive)["changed"]
    new = do(engine, name="copy", state="restored", path=archive, labels={"a": "b"})
    assert new["actions"] == [f"create volume copy from {archive}"]
    assert new["volume"]["Labels"] == {"a": "b"}
    place = new["volume"]["Mountpoint"]
    assert seen(place) == seen(data[1])
    assert os.stat(os.path.join(place, "sparse")).st_blocks < 1024
    assert not do(engine, name="copy", state="restored", path=archive)["changed"]


def test_saved_again_when_it_differs_and_not_when_its_holes_lie_elsewhere(engine, data, tmp_path):
    archive, place = str(tmp_path / "a.tar"), data[1]
    do(engine, name="data", state="saved", path=archive)
    for change in (
        lambda: os.setxattr(place + "/plain", "user.colour", b"red"),
        lambda: os.utime(place + "/empty", ns=(5, 5)),
        lambda: os.unlink(place + "/deep/other name"),
        lambda: os.truncate(place + "/sparse", 65 << 20),
    ):
        change()
        assert do(engine, name="data", state="saved", path=archive)["changed"]
        assert not do(engine, True, name="data", state="saved", path=archive)["changed"]
    status = os.stat(place + "/sparse")
    with open(place + "/sparse", "r+b") as file:
        file.write(b"\0" * 100000)
    os.utime(place + "/sparse", ns=(1, status.st_mtime_ns))
    assert not do(engine, name="data", state="saved", path=archive)["changed"]
    with open(archive, "r+b") as file:
        file.truncate(3000)  # a damaged archive is another one
    assert do(engine, name="data", state="saved", path=archive)["changed"]


@pytest.mark.skipif(not shutil.which("tar"), reason="needs GNU tar")
def test_gnu_tar_reads_and_is_read(engine, data, tmp_path):
    archive, out = str(tmp_path / "a.tgz"), tmp_path / "out"
    out.mkdir()
    do(engine, name="data", state="saved", path=archive)
    every = ["--xattrs", "--xattrs-include=*", "-C", str(out)]
    subprocess.run(["tar", "-xpf", archive, "--numeric-owner", *every], check=True)
    assert os.stat(out / "sparse").st_blocks < 1024
    assert seen(out)[1] == seen(data[1])[1]
    again = str(tmp_path / "again.tar")
    subprocess.run(["tar", "-cSf", again, "--format=pax", *every, "."], check=True)
    made = do(engine, name="of-tar", state="restored", path=again)
    assert seen(made["volume"]["Mountpoint"]) == seen(out)
    assert not do(engine, name="of-tar", state="restored", path=again)["changed"]


def test_a_restored_volume_has_the_archive_alone_and_keeps_the_old_content_on_failure(
    engine, data, tmp_path
):
    archive, place = str(tmp_path / "a.tar"), data[1]
    do(engine, name="data", state="saved", path=archive)
    before = seen(place)
    with open(place + "/newer", "w"):
        pass
    now = seen(place)
    with open(archive, "rb") as file:
        whole = file.read()
    with open(archive, "wb") as file:
        file.write(whole[: len(whole) // 2])
    with pytest.raises(EngineError, match="cut short"):
        do(engine, name="data", state="restored", path=archive)
    assert seen(place) == now and os.listdir(engine.paths.volume("data")) == ["_data"]
    with open(archive, "wb") as file:
        file.write(whole)
    told = do(engine, True, name="data", state="restored", path=archive)
    assert told["changed"] and seen(place) == now
    done = do(engine, name="data", state="restored", path=archive)
    assert done["actions"] == [f"restore volume data from {archive}"]
    assert seen(place) == before and os.listdir(engine.paths.volume("data")) == ["_data"]


def archive_of(tmp_path, *members):
    path = str(tmp_path / "foreign.tar")
    with tarfile.open(path, "w") as file:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            file.addfile(member, io.BytesIO(b""))
    return path


@pytest.mark.parametrize(
    "members",
    [
        [("../out", tarfile.REGTYPE, "")],
        [("a", tarfile.SYMTYPE, ".."), ("a/../../out", tarfile.REGTYPE, "")],
        [("a", tarfile.LNKTYPE, "b")],
        [("a", tarfile.LNKTYPE, "../../state.db")],
    ],
)
def test_hostile_archives_are_refused_and_nothing_is_left(engine, tmp_path, members):
    path = archive_of(tmp_path, *members)
    with pytest.raises(EngineError, match=r"foreign\.tar"):
        do(engine, name="new", state="restored", path=path)
    assert volumes.get(engine, "new") is None and not os.path.exists(engine.paths.volume("new"))


def test_links_out_of_the_volume_are_resolved_inside(engine, tmp_path):
    path = archive_of(
        tmp_path, ("out", tarfile.SYMTYPE, str(tmp_path)), ("out/file", tarfile.REGTYPE, "")
    )
    place = do(engine, name="new", state="restored", path=path)["volume"]["Mountpoint"]
    assert not (tmp_path / "file").exists()
    assert os.path.exists(place + str(tmp_path) + "/file")


def test_a_new_volume_begins_with_an_archive_or_another_volume(engine, data, tmp_path):
    archive, place = str(tmp_path / "a.tar"), data[1]
    do(engine, name="data", state="saved", path=archive)
    told = do(engine, True, name="second", path=archive)
    assert told["actions"] == [f"create volume second from {archive}"]
    do(engine, name="second", path=archive)
    cloned = do(engine, name="third", clone_from="data")
    assert cloned["actions"] == ["create volume third from volume data"]
    for name in ("second", "third"):
        assert seen(volumes.path(engine, name)) == seen(place)
    os.unlink(archive)
    open(volumes.path(engine, "second") + "/more", "w").close()
    assert not do(engine, name="second", path=archive)["changed"]  # it is there
    assert not do(engine, name="third", clone_from="gone")["changed"]
    again = do(engine, name="second", clone_from="data", recreate="always")
    assert again["changed"] and seen(again["volume"]["Mountpoint"]) == seen(place)


def test_volumes_elsewhere_are_saved_and_not_restored(engine, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    make_everything(str(there))
    options = {"type": "none", "o": "bind", "device": str(there)}
    do(engine, name="bound", driver_options=options)
    archive = str(tmp_path / "a.tar")
    assert do(engine, True, name="bound", state="saved", path=archive)["changed"]
    do(engine, name="bound", state="saved", path=archive)
    made = do(engine, name="copy", path=archive)
    assert seen(made["volume"]["Mountpoint"]) == seen(str(there))
    os.utime(there)
    with pytest.raises(EngineError, match="bound is what its driver_options name"):
        do(engine, name="bound", state="restored", path=archive)
    with pytest.raises(InvalidInput, match="driver_options"):
        do(engine, name="new", driver_options=options, path=archive)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"state": "saved"}, "path or artifact"),
        ({"state": "restored"}, "path or artifact"),
        ({"state": "saved", "path": "/a.tar", "artifact": "r/x"}, "either path, or artifact"),
        ({"state": "saved", "path": "/nowhere/a.tar"}, "there is no /nowhere"),
        ({"state": "saved", "path": "/"}, "not a directory"),
        ({"state": "saved", "path": "/a.tar", "labels": {"a": "b"}}, "no labels"),
        ({"state": "saved", "path": "/a.tar", "clone_from": "b1"}, "another volume"),
        ({"state": "saved", "artifact": "r.example/x@sha256:" + "0" * 64}, "without a digest"),
        ({"state": "restored", "path": "/a.tar", "recreate": "always"}, "no recreate"),
        ({"state": "restored", "path": "/nowhere/a.tar"}, "does not exist"),
        ({"state": "absent", "path": "/a.tar"}, "no path with state absent"),
        ({"clone_from": "data", "name": "data"}, "another volume"),
        ({"clone_from": "gone", "name": "new"}, "volume gone does not exist"),
        ({"freeze": True}, "freeze with state saved or clone_from"),
    ],
)
def test_what_does_not_fit_is_refused(engine, params, said):
    do(engine, name="data")
    with pytest.raises(EngineError, match=said):
        do(engine, **{"name": "data", **params})


def test_a_volume_that_is_not_there_is_not_saved(engine, tmp_path):
    with pytest.raises(NotFound, match="volume gone does not exist"):
        do(engine, name="gone", state="saved", path=str(tmp_path / "a.tar"))


def test_a_tree_too_deep_for_archives_is_refused(engine, tmp_path):
    do(engine, name="data")
    here = os.open(volumes.path(engine, "data"), os.O_RDONLY)
    for _level in range(260):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    archive = tmp_path / "a.tar"
    with pytest.raises(EngineError, match="nested deeper than"):
        do(engine, name="data", state="saved", path=str(archive))
    assert os.listdir(tmp_path) == []


def test_a_file_that_shrinks_meanwhile_is_told(engine, monkeypatch):
    do(engine, name="data")
    place = volumes.path(engine, "data")
    with open(place + "/file", "wb") as file:
        file.write(b"x" * (tree_archive.PIECE * 2))
    with content.reading(engine, "data", False) as fd:
        pieces = tree_archive.pieces(fd)
        next(pieces), next(pieces), next(pieces)
        os.truncate(place + "/file", tree_archive.PIECE)
        with pytest.raises(EngineError, match="'file' changed while it was read"):
            list(pieces)


def test_a_killed_restore_leaves_the_old_content_alone(engine, data):
    coming = os.path.join(engine.paths.volume("data"), content.COMING)
    os.mkdir(coming)
    recovery.recover(engine, "fill-volume", {"name": "data"})
    assert os.listdir(engine.paths.volume("data")) == ["_data"]
