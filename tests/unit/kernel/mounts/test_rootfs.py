# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths inside a root: by openat2 and by the walk that stands in for it, the same answers and never a step outside."""

from __future__ import annotations

import errno
import os

import pytest
from pycontainer.kernel.mounts import rootfs


@pytest.fixture(params=[False, True], ids=["openat2", "walk"])
def root(request, tmp_path, monkeypatch):
    """A root directory (path) next to a canary that nothing may touch."""
    monkeypatch.setattr(rootfs, "FORCE_WALK", request.param)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("outside")
    path = tmp_path / "root"
    (path / "etc/deep").mkdir(parents=True)
    (path / "etc/file").write_text("inside")
    return path


def call(root, function, *args):
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        return function(fd, *args)
    finally:
        os.close(fd)


def read(root, path, flags=os.O_RDONLY):
    fd = call(root, rootfs.open_in_root, path, flags)
    try:
        assert not os.get_inheritable(fd)
        return os.read(fd, 100).decode()
    finally:
        os.close(fd)


def code(root, function, *args):
    with pytest.raises(OSError) as caught:
        os.close(call(root, function, *args))
    return caught.value.errno


def test_plain(root):
    """Absolute and relative, dots and slashes."""
    for path in ("/etc/file", "etc/file", "//etc/./deep/../file", "../../etc/file", "/../etc/file"):
        assert read(root, path) == "inside"
    assert code(root, rootfs.open_in_root, "/etc/nothing", os.O_RDONLY) == errno.ENOENT
    assert code(root, rootfs.open_in_root, "/etc/file/x", os.O_RDONLY) == errno.ENOTDIR
    assert (
        code(root, rootfs.open_in_root, "/etc/file", os.O_RDONLY | os.O_DIRECTORY) == errno.ENOTDIR
    )
    fd = call(root, rootfs.open_in_root, "/", os.O_PATH)
    assert os.path.samestat(os.fstat(fd), os.stat(root))
    os.close(fd)


def test_links(root):
    """Absolute links start at the root, relative ones at their directory, and none leads out."""
    for name, target in (
        ("absolute", "/etc/file"),
        ("relative", "deep/../file"),
        ("climbing", "../../../../etc/file"),
        ("chain", "absolute"),
    ):
        (root / "etc" / name).symlink_to(target)
        assert read(root, "/etc/" + name) == "inside"
    (root / "etc/out").symlink_to("../../outside/secret")
    (root / "etc/outside").symlink_to(root.parent / "outside")
    for path in ("/etc/out", "/etc/outside/secret", "../outside/secret"):
        assert code(root, rootfs.open_in_root, path, os.O_RDONLY) == errno.ENOENT
    (root / "etc/loop").symlink_to("loop")
    assert code(root, rootfs.open_in_root, "/etc/loop", os.O_RDONLY) == errno.ELOOP
    assert (
        code(root, rootfs.open_in_root, "/etc/absolute", os.O_RDONLY | os.O_NOFOLLOW) == errno.ELOOP
    )
    fd = call(root, rootfs.open_in_root, "/etc/absolute", os.O_PATH | os.O_NOFOLLOW)
    assert os.readlink("", dir_fd=fd) == "/etc/file"
    os.close(fd)


def test_creat(root):
    """O_CREAT makes a file inside, also by a link in the directory's path."""
    (root / "link").symlink_to("/etc/deep")
    fd = call(root, rootfs.open_in_root, "/link/made", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(fd, b"x")
    os.close(fd)
    assert (root / "etc/deep/made").read_text() == "x"


def test_make(root):
    """Missing mount points are made, with what is above them, as directories or files."""
    os.close(call(root, rootfs.make_in_root, "/a/b/c", True))
    assert (root / "a/b/c").is_dir()
    os.close(call(root, rootfs.make_in_root, "/a/b/c", True))
    os.close(call(root, rootfs.make_in_root, "/d/e/f", False))
    assert (root / "d/e/f").is_file() and (root / "d/e/f").stat().st_size == 0
    assert code(root, rootfs.make_in_root, "/etc/file/x", True) == errno.ENOTDIR


def test_make_behind_links(root):
    """What a dangling link points to is made inside the root, as the container would see it; the canary stays as it was."""
    (root / "var").mkdir()
    (root / "var/run").symlink_to("/run")
    (root / "escape").symlink_to("../../../../outside/new")
    (root / "host").symlink_to(root.parent / "outside")
    os.close(call(root, rootfs.make_in_root, "/var/run/docker/x", True))
    assert (root / "run/docker/x").is_dir()
    os.close(call(root, rootfs.make_in_root, "/escape/dir", True))
    assert (root / "outside/new/dir").is_dir()
    os.close(call(root, rootfs.make_in_root, "/host/file", False))
    os.close(call(root, rootfs.make_in_root, "/../../up", True))
    assert (root / "up").is_dir()
    assert sorted(os.listdir(root.parent / "outside")) == ["secret"]
    assert sorted(os.listdir(root.parent)) == ["outside", "root"]


def test_no_descriptor_is_left(root):
    """Whatever comes of it, only the answer stays open."""
    before = set(os.listdir("/proc/self/fd"))
    (root / "etc/loop").symlink_to("loop/x")
    for path in (
        "/etc/file",
        "/etc/loop",
        "/etc/nothing/x",
        "/new/one",
        "/etc/deep/../../etc/file",
    ):
        for function, *args in (
            (rootfs.open_in_root, os.O_RDONLY),
            (rootfs.make_in_root, True),
            (rootfs.open_in_root, os.O_PATH),
        ):
            try:
                os.close(call(root, function, path, *args))
            except OSError:
                pass
    assert set(os.listdir("/proc/self/fd")) == before
