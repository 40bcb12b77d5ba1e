# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlay mounts of one layer to five hundred, by lowerdir+ and as before Linux 6.7, on a file system on disk."""

from __future__ import annotations

import errno
import os
import pathlib
import sys
import threading

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel.mounts import mounts, overlay, userns
from pycontainer.kernel.processes import procfs

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import child  # noqa: E402

LAYERS = 500


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """500 layers with short names, each with a file of its own and all with one named "who"."""
    base = tmp_path_factory.mktemp("layers")
    for number in range(LAYERS):
        directory = base / (f"{number:x}")
        directory.mkdir()
        (directory / ("file%d" % number)).write_text(str(number))
        (directory / "who").write_text(str(number))
    return base


@pytest.fixture(params=[False, True], ids=["new", "old"])
def stack(request, store, tmp_path, monkeypatch):
    """``stack(n)``: the paths of n layers, topmost first, with upper and work directories."""
    monkeypatch.setattr(overlay, "FORCE_OLD", request.param)
    (tmp_path / "upper").mkdir()
    (tmp_path / "work").mkdir()
    stack = lambda count: [str(store / (f"{number:x}")) for number in range(count)]
    stack.upper, stack.work = str(tmp_path / "upper"), str(tmp_path / "work")
    return stack


def names(fd):
    directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
    try:
        return set(os.listdir(directory))
    finally:
        os.close(directory)


def read(fd, name):
    with open(os.open(name, os.O_RDONLY, dir_fd=fd)) as stream:
        return stream.read()


def write(fd, name):
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=fd))


@pytest.mark.parametrize("count", [1, 2, 130, 200, 500])
def test_layers(stack, count):
    """All layers are there, the topmost wins, writes land in the upper layer alone; the host sees no mount and no descriptor is left."""
    before = procfs.mounts(), sorted(os.listdir("/proc/self/fd"))
    fd = overlay.overlay(stack(count), stack.upper, stack.work)
    assert not os.get_inheritable(fd)
    assert names(fd) == {"file%d" % number for number in range(count)} | {"who"}
    assert read(fd, "who") == "0"
    write(fd, "new")
    os.unlink("file0", dir_fd=fd)
    assert "file0" not in names(fd)
    assert os.path.exists(stack.upper + "/new") and os.path.exists(stack(1)[0] + "/file0")
    os.close(fd)
    assert (procfs.mounts(), sorted(os.listdir("/proc/self/fd"))) == before


def test_a_layer_that_is_named_twice(stack):
    """Images have the same layer twice: its topmost place counts."""
    upper, lower = stack(2)
    for layers, first in (([upper, lower, upper], "0"), ([lower, upper, upper, lower], "1")):
        fd = overlay.overlay(layers, stack.upper, stack.work)
        assert read(fd, "who") == first and names(fd) == {"file0", "file1", "who"}
        os.close(fd)
    fd = overlay.overlay([upper, upper])
    assert read(fd, "who") == "0"
    os.close(fd)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_read_only(stack, count):
    """Without an upper layer, and with one if asked to, nothing can be written."""
    fd = overlay.overlay(stack(count))
    assert names(fd) == {"file%d" % number for number in range(count)} | {"who"}
    assert child.errno_of(write, fd, "new") == errno.EROFS
    os.close(fd)
    fd = overlay.overlay(stack(count), stack.upper, stack.work, read_only=True)
    assert child.errno_of(write, fd, "new") == errno.EROFS
    os.close(fd)


def test_whiteouts(stack, store, tmp_path):
    """A character device 0:0 hides a file, trusted.overlay.opaque what was in a directory."""
    top, bottom = tmp_path / "top", tmp_path / "bottom"
    for directory in (top, bottom):
        (directory / "dir").mkdir(parents=True)
    (bottom / "gone").write_text("")
    (bottom / "dir/old").write_text("")
    (top / "dir/new").write_text("")
    os.mknod(top / "gone", 0o020000, os.makedev(0, 0))
    os.setxattr(top / "dir", "trusted.overlay.opaque", b"y")
    fd = overlay.overlay([str(top), str(bottom)], stack.upper, stack.work)
    assert names(fd) == {"dir"}
    directory = os.open("dir", os.O_PATH, dir_fd=fd)
    assert names(directory) == {"new"}
    os.close(directory)
    os.close(fd)


def test_odd_names(stack, tmp_path):
    """Names that the option string splits at, and names longer than a parameter may be."""
    odd = [tmp_path / "a:b", tmp_path / "c,d", tmp_path / "e\\f", tmp_path / "plain"]
    if not overlay.FORCE_OLD:
        odd.append(tmp_path / ("long" * 40) / ("long" * 40))
    for number, directory in enumerate(odd):
        directory.mkdir(parents=True)
        (directory / str(number)).write_text("")
    upper, work = tmp_path / "u,p:p\\er", tmp_path / "w,o"
    upper.mkdir()
    work.mkdir()
    fd = overlay.overlay([str(directory) for directory in odd], str(upper), str(work))
    assert names(fd) == {str(number) for number in range(len(odd))}
    write(fd, "new")
    assert (upper / "new").exists()
    os.close(fd)


def test_options(stack, tmp_path):
    """No index, no metacopy, no redirects, whatever the kernel's build prefers: layers stay plain."""
    (tmp_path / "layer/directory").mkdir(parents=True)
    fd = overlay.overlay([*stack(2), str(tmp_path / "layer")], stack.upper, stack.work)
    os.rename("file1", "moved", src_dir_fd=fd, dst_dir_fd=fd)
    assert read(fd, "moved") == "1"
    assert (
        child.errno_of(lambda: os.rename("directory", "other", src_dir_fd=fd, dst_dir_fd=fd))
        == errno.EXDEV
    )
    os.chmod("who", 0o600, dir_fd=fd)
    os.close(fd)
    assert pathlib.Path(stack.upper, "who").read_text() == "0"  # copied up as a whole
    assert not [name for name in os.listxattr(stack.upper + "/who") if "metacopy" in name]


def test_volatile(stack):
    """A volatile upper layer works, and is marked as such in its work directory."""
    fd = overlay.overlay(stack(1), stack.upper, stack.work, volatile=True)
    write(fd, "new")
    assert os.path.exists(stack.work + "/work/incompat/volatile")
    os.close(fd)


def test_errors(stack, tmp_path):
    """A missing layer is the kernel's error, with its words; what it can't stack is said before it is tried."""
    with pytest.raises(OSError) as caught:
        overlay.overlay([str(tmp_path / "missing"), stack(1)[0]], stack.upper, stack.work)
    assert caught.value.errno == errno.ENOENT
    with pytest.raises(Unsupported, match="501 layers"):
        overlay.overlay(
            [str(tmp_path / str(number)) for number in range(501)], stack.upper, stack.work
        )
    before = sorted(os.listdir("/proc/self/fd"))
    for _attempt in range(3):
        assert child.errno_of(overlay.overlay, stack(2), stack.upper, "/proc") in (
            errno.EINVAL,
            errno.EXDEV,
            errno.EROFS,
        )
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_long_names_on_old_kernels(tmp_path, monkeypatch):
    """Where names do not fit a page, the sentence says so and how many bytes it would take."""
    monkeypatch.setattr(overlay, "FORCE_OLD", True)
    layers = []
    for number in range(60):
        directory = tmp_path / ("x" * 100 + str(number)) / "diff"
        directory.mkdir(parents=True)
        layers.append(str(directory))
    with pytest.raises(Unsupported, match="60 layers can't be mounted: their names take"):
        overlay.overlay(layers)


@pytest.mark.timeout(60)
def test_threads_on_old_kernels(store, monkeypatch):
    """A task with a list of containers mounts in one of its threads while the others work."""
    monkeypatch.setattr(overlay, "FORCE_OLD", True)
    ended, interval = threading.Event(), sys.getswitchinterval()
    threads = [
        threading.Thread(target=lambda: [sum(range(1000)) for _turn in iter(ended.is_set, True)])
        for _number in range(2)
    ]
    for thread in threads:
        thread.start()
    sys.setswitchinterval(1e-6)  # the others ask for the interpreter's lock at every moment
    try:
        for _turn in range(20):
            fd = overlay.overlay([str(store / "0"), str(store / "1")], read_only=True)
            assert read(fd, "who") == "0"
            os.close(fd)
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        for thread in threads:
            thread.join()


# ------------------------------------------------------------------------------------------------------ with mapped owners

BASE = 1_500_000_000


@pytest.fixture
def mapped():
    fd = userns.namespace([(0, BASE, 1000)], [(0, BASE + 5000, 1000)])
    yield fd, BASE, BASE + 5000
    os.close(fd)


@pytest.mark.parametrize("count", [1, 2, 130, 500])
def test_mapped_owners(stack, mapped, count):
    """The disk has the ids inside, in layers and in what is written; what is seen are the host's ids of them."""
    before = procfs.mounts(), sorted(os.listdir("/proc/self/fd"))
    os.chown(stack(1)[0] + "/file0", 7, 8)
    fd = overlay.overlay(stack(count), stack.upper, stack.work, mapped=mapped)
    assert not os.get_inheritable(fd)
    assert names(fd) == {"file%d" % number for number in range(count)} | {"who"}
    status = os.stat("file0", dir_fd=fd)
    assert (status.st_uid, status.st_gid) == (BASE + 7, BASE + 5008)
    with userns.as_owner(BASE + 3, BASE + 5004):
        write(fd, "new")
    os.chown("who", BASE + 9, BASE + 5010, dir_fd=fd)  # a copy up
    os.unlink("file0", dir_fd=fd)
    for name, owner in (("new", (3, 4)), ("who", (9, 10)), (".", (0, 0))):
        status = os.stat(stack.upper + "/" + name)
        assert (status.st_uid, status.st_gid) == owner
    assert os.path.exists(stack(1)[0] + "/file0") and os.stat(stack(1)[0] + "/who").st_uid == 0
    with pytest.raises(OSError):
        write(fd, "the host's root has no owner there")
    os.close(fd)
    fd = overlay.overlay(stack(count), stack.upper, stack.work, mapped=mapped)  # a second start
    assert "new" in names(fd) and "file0" not in names(fd)
    os.close(fd)
    assert (procfs.mounts(), sorted(os.listdir("/proc/self/fd"))) == before


@pytest.mark.parametrize("count", [1, 3])
def test_mapped_owners_read_only(stack, mapped, count):
    fd = overlay.overlay(stack(count), mapped=mapped)
    assert os.stat("who", dir_fd=fd).st_uid == BASE
    with pytest.raises(OSError) as error:
        write(fd, "new")
    assert error.value.errno == errno.EROFS
    os.close(fd)


def test_mapped_owners_need_a_kernel(stack, mapped, monkeypatch):
    monkeypatch.setattr(procfs, "_version", [(5, 18)])
    with pytest.raises(Unsupported, match="Linux 5.19"):
        overlay.overlay(stack(1), stack.upper, stack.work, mapped=mapped)


def test_as_owner_gives_all_rights_back(tmp_path, mapped):
    before = procfs.status(os.getpid())
    with userns.as_owner(5, 6):
        (tmp_path / "one").write_text("")
        os.chown(tmp_path / "one", 7, 8)  # a right of root that leaving it takes away
    (tmp_path / "two").write_text("")
    assert os.stat(tmp_path / "one").st_uid == 7 and os.stat(tmp_path / "two").st_uid == 0
    after = procfs.status(os.getpid())
    assert {key: after[key] for key in ("Uid", "Gid", "CapEff", "CapPrm")} == {
        key: before[key] for key in ("Uid", "Gid", "CapEff", "CapPrm")
    }


def test_a_writable_layer_on_an_overlay_is_refused_by_a_sentence(stack, tmp_path):
    """As for a host that is a container itself, with the engine's data in its root."""
    place = tmp_path / "place"
    place.mkdir()

    def look():
        fd = overlay.overlay(stack(1), stack.upper, stack.work)
        mounts.attach_root(fd, str(place))
        for name in ("upper", "work"):
            (place / name).mkdir()
        said = overlay.obstacle(str(place / "missing" / "below"))
        try:
            overlay.overlay(stack(1), str(place / "upper"), str(place / "work"))
        except Unsupported as error:
            return said, str(error)
        return said, "mounted"

    said, refused = child.run(look)
    assert said.startswith(f"{place} is on an overlay, as in a container")
    assert refused.startswith(f"{place}/upper is on an overlay")
    assert overlay.obstacle(stack.upper) == ""
