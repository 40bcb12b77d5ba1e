# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CVE-2019-14271, CVE-2022-1227 and Python's form of them: no file of an image is opened, let alone run, by a process that has
the host's rights. The kernel itself is asked (fanotify(7)): each opening waits until its opener's capabilities were looked at."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import struct
import subprocess
import threading

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.kernel.isolation import capabilities

DATA_FILES = ("/etc/passwd", "/etc/group")  # read as text, by our own code (kernel/mounts/users.py)
HOST_RIGHTS = capabilities.mask(["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_PTRACE"])
MODULES = (
    "socket",
    "signal",
    "traceback",
    "encodings/idna",
    "encodings/ascii",
    "encodings/latin_1",
    "encodings/utf_8",
    "_cffi_backend",
    "linecache",
    "os",
    "pwd",
    "grp",
    "struct",
    "resource",
    "re",
    "errors",
    "warnings",
    "stat",
    "sitecustomize",
    "usercustomize",
    "site",
    "codecs",
    "subprocess",
    "json/__init__",
    "ctypes/__init__",
)
LIBRARIES = (
    "lib/x86_64-linux-gnu/libnss_files.so.2",
    "lib/x86_64-linux-gnu/libnss_compat.so.2",
    "lib/libnss_files.so.2",
    "usr/lib/libnss_dns.so.2",
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib64/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/gconv/gconv-modules",
    "etc/nsswitch.conf",
    "etc/ld.so.preload",
    "etc/ld.so.cache",
    "etc/localtime",
    "usr/share/zoneinfo/UTC",
    "usr/lib/locale/locale-archive",
    "etc/resolv.conf",
    "etc/host.conf",
    "etc/gai.conf",
    "bin/ps",
    "usr/bin/ps",
    "usr/bin/nsenter",
    "usr/bin/xz",
    "usr/bin/unpigz",
    "usr/bin/python3",
    "pyvenv.cfg",
    "python311.zip",
)


def poison(layer):
    code = "import os\nos.write(1, b'POISONED')\n"
    bases = [
        os.path.dirname(os.__file__).lstrip("/"),
        "usr/lib/python3/dist-packages",
        "usr/lib/python311.zip",
        "",
    ]
    bases.append(os.path.dirname(os.path.dirname(capabilities.__file__)).lstrip("/"))
    for path in [f"{base}/{name}.py" for base in bases for name in MODULES] + list(LIBRARIES):
        path = os.path.join(layer, path.lstrip("/"))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            continue
        if not os.path.lexists(path):
            with open(path, "w") as file:
                file.write(code)
    for name in (
        "hostname",
        "hosts",
    ):  # mount points are there: making them would be an opening too
        with open(os.path.join(layer, "etc", name), "w"):
            pass


class Gate:
    """Takes down every opening on one file system and with what rights its process had: ``opened`` is [(path, capabilities, name)]."""

    INIT, MARK = {"x86_64": (300, 301), "aarch64": (262, 263)}[os.uname().machine]
    CONTENT, CLOEXEC, NONBLOCK, ADD, FILESYSTEM, OPEN_PERM, OPEN_EXEC_PERM, ALLOW = (
        4,
        1,
        2,
        1,
        0x100,
        0x10000,
        0x40000,
        1,
    )

    def __init__(self, place):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(
            self.INIT, self.CONTENT | self.CLOEXEC | self.NONBLOCK, os.O_RDONLY | os.O_CLOEXEC
        )
        if self.fd < 0:
            pytest.skip(f"no fanotify permission events here: {os.strerror(ctypes.get_errno())}")
        masks = ctypes.c_uint64(self.OPEN_PERM | self.OPEN_EXEC_PERM)
        assert (
            libc.syscall(
                self.MARK, self.fd, self.ADD | self.FILESYSTEM, masks, -100, os.fsencode(place)
            )
            == 0
        ), os.strerror(ctypes.get_errno())
        self.opened, self.stop = [], os.pipe2(os.O_CLOEXEC)
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            ready = select.select([self.fd, self.stop[0]], [], [])[0]
            if self.fd not in ready:
                return
            data = os.read(self.fd, 4096)
            while len(data) >= 24:
                length, _version, _reserved, _size, mask, fd, pid = struct.unpack_from(
                    "=IBBHQii", data
                )
                data = data[length:]
                self._note(fd, pid, mask)
                os.write(self.fd, struct.pack("=iI", fd, self.ALLOW))
                os.close(fd)

    def _note(self, fd, pid, mask):
        try:
            with open("/proc/%d/status" % pid) as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            self.opened.append(
                (
                    os.readlink("/proc/self/fd/%d" % fd),
                    int(status["CapEff"], 16),
                    status["Name"],
                    pid,
                )
            )
        except (OSError, KeyError) as error:
            self.opened.append(("?", -1, str(error), pid))

    def close(self):
        os.write(self.stop[1], b"x")
        self.thread.join()
        for fd in (self.fd, *self.stop):
            os.close(fd)

    def with_host_rights(self, top):
        """The files below ``top`` that a process with the host's rights opened; not this one, and not the data files."""
        return sorted(
            {
                (path[len(top) :], name)
                for path, rights, name, pid in self.opened
                if rights & HOST_RIGHTS
                and pid != os.getpid()
                and path[len(top) :] not in DATA_FILES
                and not path.endswith(DATA_FILES)
            }
        )


@pytest.fixture
def separate(boxes, tmp_path):
    """The image on a file system of its own, so that the gate holds up nobody else."""
    place = tmp_path / "image"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
    shutil.copytree(boxes.layer, place / "root", symlinks=True)
    yield str(place / "root")
    subprocess.run(["umount", "--lazy", place], check=True)


def test_start(boxes, separate):
    if boxes.kind == "engine":
        pytest.skip(
            "an overlay's file system is there only once it is mounted; the code is that of the "
            "OCI command"
        )
    poison(separate)
    box = boxes("/bin/sh", "-c", "echo fine")
    box.config["root"]["path"] = separate
    gate = Gate(separate)
    try:
        assert "fine" in box.output()
        for args in (
            ["/bin/nöpe"],
            ["nope"],
            ["/etc/passwd"],
        ):  # an error's way out opens nothing either
            failing = boxes(*args)
            failing.config["root"]["path"] = separate
            with pytest.raises(ContainerFailed):
                failing.start()
    finally:
        gate.close()
    assert any(
        path.endswith("/busybox") and not rights & HOST_RIGHTS
        for path, rights, _name, _pid in gate.opened
    ), "it sees the program's opening"
    assert gate.with_host_rights(separate) == []


def test_commands(boxes):
    poison(boxes.layer)
    box = boxes("/bin/sleep", "100")
    if boxes.kind == "oci":
        boxes.made.remove(box)
        pytest.skip(
            "the gate needs a file system of its own; exec is the same code as the engine's"
        )
    box.start()
    top = "/proc/%d/root" % box.pid
    gate = Gate(top)
    try:
        for options in (
            {},
            {"user": "user"},
            {"stdin": b"x"},
            {"tty": True},
            {"user": "1:1", "cwd": "/tmp"},
        ):
            assert b"fine" in box.execute("/bin/echo", "fine", **options)["stdout"]
        for args in (["/bin/nöpe"], ["nope"], ["/etc/passwd"]):
            with pytest.raises(ContainerFailed):
                box.execute(*args)
        with pytest.raises(ContainerFailed):
            box.execute("/bin/true", user="nobody-here")
    finally:
        gate.close()
    assert any(
        path.endswith("/busybox") and not rights & HOST_RIGHTS
        for path, rights, _name, _pid in gate.opened
    ), gate.opened
    assert gate.with_host_rights("") == []
