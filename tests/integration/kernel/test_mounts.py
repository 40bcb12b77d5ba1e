# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts on the real kernel, each way that kernels since 5.4 offer: new API, and as on a kernel without mount_setattr."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import sys

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.mounts import mounts, rootfs
from pycontainer.kernel.processes import procfs

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import child  # noqa: E402


@pytest.fixture(params=[False, True], ids=["new", "old"])
def root(request, tmp_path, monkeypatch):
    """A directory that becomes a root, and a host directory beside it; on "old" kernels mount_setattr is missing."""
    monkeypatch.setattr(mounts, "FORCE_OLD", request.param)
    (tmp_path / "root").mkdir()
    (tmp_path / "host/sub").mkdir(parents=True)
    (tmp_path / "host/file").write_text("host")
    return tmp_path / "root"


def open_root(root):
    return os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def mount_at(path):
    return [mount for mount in procfs.mounts() if mount["point"] == str(path)][-1]


def test_bind(root):
    """A directory and a file, their mount points made, attributes in force; the host never sees them."""

    def inside():
        fd = open_root(root)
        for source, destination in (("host", "/a/b"), ("host/file", "/c/d")):
            mount = mounts.bind(str(root.parent / source))
            assert not os.get_inheritable(mount)
            attributes = (
                c.MOUNT_ATTR_RDONLY | c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC
            )
            mounts.attach(mount, fd, destination, attributes=attributes, propagation=c.MS_PRIVATE)
        assert (root / "c/d").read_text() == (root / "a/b/file").read_text() == "host"
        for path in ("a/b", "c/d"):
            assert {"ro", "nosuid", "nodev", "noexec"} <= mount_at(root / path)["options"]
            assert mount_at(root / path)["propagation"] == []
        return child.errno_of((root / "a/b/new").write_text, "x"), child.errno_of(
            (root / "c/d").write_text, "x"
        )

    assert child.run(inside) == [errno.EROFS, errno.EROFS]
    assert (root / "a/b").is_dir() and os.listdir(root / "a/b") == []
    assert not any(str(root) in mount["point"] for mount in procfs.mounts())


def test_bind_from_outside(root):
    """A source is bound outside the container and attached inside, as when a container starts."""
    mount = mounts.bind(str(root.parent / "host"))

    def inside():
        mounts.attach(mount, open_root(root), "/data")
        (root / "data/new").write_text("container")

    child.run(inside)
    os.close(mount)
    assert (root.parent / "host/new").read_text() == "container"


def test_recursive_read_only(root):
    """rro reaches the mounts below; before 5.12 that can't be, and is said before anything is attached."""

    def inside():
        below = mounts.new_fs("tmpfs")
        mounts.attach(below, open_root(root.parent / "host"), "/sub")
        mount = mounts.bind(str(root.parent / "host"))
        mounts.attach(
            mount, open_root(root), "/data", attributes=c.MOUNT_ATTR_RDONLY, recursive=True
        )
        return child.errno_of((root / "data/sub/x").write_text, "x")

    if mounts.FORCE_OLD:
        with pytest.raises(AssertionError, match="Unsupported: recursive mount attributes"):
            child.run(inside)
    else:
        assert child.run(inside) == errno.EROFS


def test_not_recursive(root):
    """Without recursion the mounts below keep their attributes, and a bind without recursion does not have them at all."""

    def inside():
        mounts.attach(mounts.new_fs("tmpfs"), open_root(root.parent / "host"), "/sub")
        (root.parent / "host/sub/below").write_text("x")
        mounts.attach(
            mounts.bind(str(root.parent / "host")),
            open_root(root),
            "/deep",
            attributes=c.MOUNT_ATTR_RDONLY,
        )
        mounts.attach(
            mounts.bind(str(root.parent / "host"), recursive=False), open_root(root), "/flat"
        )
        return (
            child.errno_of((root / "deep/sub/x").write_text, "x"),
            os.listdir(root / "flat/sub"),
            os.listdir(root / "deep/sub"),
        )

    written, flat, deep = child.run(inside)
    assert written == 0 and flat == [] and "below" in deep


def test_remount_keeps_flags(root):
    """Making a mount read-only keeps the flags that it has."""

    def inside():
        fd = open_root(root)
        mounts.attach(
            mounts.new_fs(
                "tmpfs", None, c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC
            ),
            fd,
            "/t",
        )
        mounts.make_read_only(fd, ["/t", "/missing"])
        return sorted(mount_at(root / "t")["options"])

    assert {"ro", "nosuid", "nodev", "noexec"} <= set(child.run(inside))


def test_file_systems(root):
    """All that a container mounts: with options, and the kernel's own words when one is wrong."""

    def inside():
        fd = open_root(root)
        for fstype, destination, options in (
            ("proc", "/proc", {}),
            ("tmpfs", "/dev", {"mode": "755", "size": "65536k"}),
            (
                "devpts",
                "/dev/pts",
                {"newinstance": None, "ptmxmode": "0666", "mode": "0620", "gid": "5"},
            ),
            ("mqueue", "/dev/mqueue", {}),
            ("sysfs", "/sys", {}),
            ("tmpfs", "/dev/shm", {"mode": "1777", "size": "67108864"}),
        ):
            mounts.attach(
                mounts.new_fs(
                    fstype, options, c.MOUNT_ATTR_NOSUID, "shm" if "shm" in destination else None
                ),
                fd,
                destination,
            )
            assert mount_at(root / destination[1:])["type"] == fstype
        assert os.listdir(root / "proc/self/fd")
        assert (
            mount_at(root / "dev/shm")["source"] == "shm"
            and "size=65536k" in mount_at(root / "dev/shm")["fs_options"]
        )
        assert os.stat(root / "dev/pts/ptmx").st_mode & 0o777 == 0o666
        assert sorted(name for name in os.listdir(root / "proc") if name.isdigit()) == [
            "1"
        ]  # its own pid namespace's
        try:
            mounts.new_fs("tmpfs", {"sise": "1"})
        except OSError as error:
            return error.errno, error.strerror

    code, text = child.run(inside, c.CLONE_NEWNS | c.CLONE_NEWPID | c.CLONE_NEWIPC | c.CLONE_NEWNET)
    assert code == errno.EINVAL and text.startswith("mount tmpfs: ") and "sise" in text
    assert child.errno_of(mounts.new_fs, "nosuchfs") == errno.ENODEV


def test_masks(root):
    """Masked files are /dev/null, masked directories empty and read-only, missing paths no matter, and nothing outside is reached."""
    (root / "proc/dir/below").mkdir(parents=True)
    (root / "proc/other").mkdir()
    (root / "proc/file").write_text("secret")
    (root / "proc/out").symlink_to("../../host/file")

    def inside():
        fd, null = open_root(root), mounts.open_null()
        mounts.mask(
            fd,
            [
                "/proc/dir",
                "/proc/file",
                "/proc/missing",
                "/proc/file/x",
                "/proc/out",
                "/proc/other",
            ],
            null,
        )
        assert os.listdir(root / "proc/dir") == os.listdir(root / "proc/other") == []
        assert (root / "proc/file").read_text() == ""
        assert os.stat(root / "proc/file").st_rdev == os.makedev(1, 3)
        assert (root.parent / "host/file").read_text() == "host"
        return [child.errno_of(os.mkdir, root / "proc" / name / "x") for name in ("dir", "other")]

    assert child.run(inside) == [errno.EROFS, errno.EROFS]
    assert (root / "proc/file").read_text() == "secret"


def test_null_is_verified(root):
    """A mask is never made of something that only looks like /dev/null (CVE-2025-31133)."""

    def inside():
        for fake in (root.parent / "host/file", None):
            if fake:
                mounts.attach(mounts.bind(str(fake)), os.open("/", os.O_PATH), "/dev/null")
            else:
                os.close(os.open(root / "zero", os.O_CREAT))
                mounts.attach(mounts.bind("/dev/zero"), os.open("/", os.O_PATH), "/dev/null")
            assert child.errno_of(mounts.open_null) == errno.ENODEV

    child.run(inside)
    os.close(mounts.open_null())


def test_destinations_stay_inside(root):
    """A destination behind links lands inside the root; what is above it is it; files and directories are not mixed."""
    (root / "etc").symlink_to(root.parent / "host")
    (root / "up").symlink_to("../../host")
    (root / "plain").write_text("")

    def inside():
        fd = open_root(root)
        for destination in ("/etc/x", "/up/y", "/../z"):
            mounts.attach(mounts.new_fs("tmpfs"), fd, destination)
        points = [mount["point"] for mount in procfs.mounts() if str(root.parent) in mount["point"]]
        assert all(point.startswith(str(root) + "/") for point in points) and len(points) == 3
        found = [
            child.errno_of(mounts.attach, mounts.new_fs("tmpfs"), fd, "/plain"),
            child.errno_of(mounts.attach, mounts.bind("/dev/null"), fd, "/made"),
            child.errno_of(mounts.attach, mounts.bind("/dev/null"), fd, "/z"),
        ]
        for destination in ("/", "/.."):
            above = mounts.new_fs("tmpfs")
            mounts.attach(above, fd, destination)
            assert os.path.samestat(os.fstat(above), os.fstat(fd)), (
                "the root's descriptor is of what is there now"
            )
        assert [mount["point"] for mount in procfs.mounts()[-2:]] == [str(root)] * 2
        return found

    assert child.run(inside) == [errno.ENOTDIR, 0, errno.EISDIR]
    assert sorted(os.listdir(root.parent / "host")) == ["file", "sub"]


def test_pivot(root):
    """After the pivot nothing of the host is there: no mount, no way up, no old root; and the host keeps all its mounts."""
    (root / "bin").mkdir()
    before = procfs.mounts()

    def inside():
        mount = mounts.bind(str(root), recursive=False)
        mounts.attach_root(mount, str(root))
        fd = os.open(".", os.O_PATH | os.O_DIRECTORY, dir_fd=mount)
        mounts.attach(mounts.new_fs("proc"), fd, "/proc")
        mounts.pivot(fd)
        points = [mount["point"] for mount in procfs.mounts()]
        assert os.getcwd() == "/" and sorted(os.listdir("/")) == ["bin", "proc"] == sorted(
            os.listdir("/..")
        )
        assert not os.path.exists(str(root))
        return points

    assert child.run(inside, c.CLONE_NEWNS | c.CLONE_NEWPID) == ["/", "/proc"]
    assert procfs.mounts() == before


def test_propagation(root):
    """slave and shared as asked for."""

    def inside():
        fd = open_root(root)
        for name, flag in (("shared", c.MS_SHARED), ("private", c.MS_PRIVATE)):
            mounts.attach(mounts.new_fs("tmpfs"), fd, "/" + name, propagation=flag)
        return mount_at(root / "shared")["propagation"], mount_at(root / "private")["propagation"]

    shared, private = child.run(inside)
    assert shared[0].startswith("shared:") and private == []


def test_mapped_ids_need_the_new_call(monkeypatch):
    """What an old kernel lacks is refused by name."""
    monkeypatch.setattr(mounts, "FORCE_OLD", True)
    fd = mounts.new_fs("tmpfs")
    with pytest.raises(Unsupported, match="5.12"):
        mounts.set_attributes(fd, userns_fd=3)
    os.close(fd)


def test_mapped_ids(tmp_path):
    """File owners are shown shifted by a user namespace, and written back unshifted."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host/file").write_text("x")
    (tmp_path / "root").mkdir()
    pid, pidfd = syscalls.clone3(c.CLONE_NEWUSER)
    if pid == 0:
        signal.pause()
    try:
        for name in ("uid_map", "gid_map"):
            procfs.write("/proc/%d/%s" % (pid, name), "0 100000 65536")
        userns = os.open("/proc/%d/ns/user" % pid, os.O_RDONLY)
    finally:
        syscalls.pidfd_send_signal(pidfd, c.SIGKILL)
        os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        os.close(pidfd)

    def inside():
        mount = mounts.bind(str(tmp_path / "host"))
        mounts.set_attributes(mount, userns_fd=userns)
        mounts.attach(mount, open_root(tmp_path / "root"), "/data")
        directory = os.open(tmp_path / "root/data", os.O_PATH)
        os.setegid(100007)
        os.seteuid(100007)
        os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=directory))
        return os.stat("file", dir_fd=directory).st_uid

    os.chmod(tmp_path / "host", 0o777)
    assert child.run(inside) == 100000
    os.close(userns)
    assert (tmp_path / "host/new").stat().st_uid == 7


def test_walk_crosses_mounts(root, monkeypatch):
    """The walk for kernels without openat2 goes through mounts as the other does."""
    monkeypatch.setattr(rootfs, "FORCE_WALK", True)

    def inside():
        fd = open_root(root)
        mounts.attach(mounts.new_fs("tmpfs"), fd, "/a")
        mounts.attach(mounts.bind(str(root.parent / "host")), fd, "/a/b")
        target = rootfs.open_in_root(fd, "/a/b/../b/file", os.O_RDONLY)
        return os.read(target, 10).decode()

    assert child.run(inside) == "host"
