# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that writes down all that reaches it, in order, so that its state at any moment can be had again: what a power cut leaves.

The disk is a loop device on a file of a small FUSE server, which logs every write and every flush (fuse(4), linux/fuse.h). A power cut leaves what
came before the last flush, and of what came after it any part: a disk's cache keeps no order.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import struct
import subprocess

BLOCK = 4096  # bytes that are written as a whole, or not at all
WRITE, FLUSH = b"W", b"F"
RECORD = struct.Struct("<cQI")  # kind, offset, bytes that follow

MOST = 1 << 20  # bytes of one request
IN, OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
ENOSYS = 38
GETATTR, OPEN, READ, WRITE_TO, STATFS, RELEASE, FSYNC, FLUSH_FILE, INIT, INTERRUPT, DESTROY = (
    3,
    14,
    15,
    16,
    17,
    18,
    20,
    25,
    26,
    36,
    38,
)
FORGETS = (2, 42)
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22


def run(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout.decode()


def why_not():
    """Why this host can't have such a disk, or ""."""
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.path.exists(path):
            return f"there is no {path}"
    with open("/proc/filesystems") as file:
        return "" if "\text4\n" in file.read() else "the kernel has no ext4"


class Server:
    """Answers the kernel's requests for the one file: ``content`` with what is written to it, which goes into ``log``."""

    def __init__(self, fd, content, log):
        self.fd, self.content, self.log, self.size = fd, content, log, len(content)

    def serve(self):
        while True:
            try:
                request = os.read(self.fd, MOST + (1 << 16))
            except FileNotFoundError:  # it was interrupted (fuse(4))
                continue
            except OSError:  # ENODEV: it is no longer mounted
                return
            _length, kind, unique, *_rest = IN.unpack_from(request)
            if kind in FORGETS or kind == INTERRUPT:
                continue
            answer = self.answer(kind, memoryview(request)[IN.size :])
            error, body = (-ENOSYS, b"") if answer is None else (0, answer)
            os.write(self.fd, OUT.pack(OUT.size + len(body), error, unique) + body)

    def answer(self, kind, body):
        if kind == INIT:
            _major, minor = struct.unpack_from("<II", body)
            return struct.pack(
                "<IIIIHHIIHHII",
                7,
                min(minor, 31),
                1 << 17,
                BIG_WRITES | MAX_PAGES,
                16,
                12,
                MOST,
                1,
                MOST // mmap.PAGESIZE,
                0,
                0,
                0,
            ).ljust(64, b"\0")
        if kind == GETATTR:
            return struct.pack("<QII", 3600, 0, 0) + struct.pack(
                "<QQQQQQ10I",
                1,
                self.size,
                self.size // 512,
                *[0] * 6,
                0o100600,
                1,
                0,
                0,
                0,
                4096,
                0,
            )
        if kind == OPEN:
            return bytes(16)
        if kind == READ:
            _fh, offset, size = struct.unpack_from("<QQI", body)
            return self.content[offset : offset + size]
        if kind == WRITE_TO:
            _fh, offset, size = struct.unpack_from("<QQI", body)
            self.content[offset : offset + size] = data = body[40 : 40 + size]
            self.note(RECORD.pack(WRITE, offset, size) + data)
            return struct.pack("<II", size, 0)
        if kind == FSYNC:
            self.note(RECORD.pack(FLUSH, 0, 0))
            return b""
        return b"" if kind in (RELEASE, FLUSH_FILE, DESTROY) else None

    def note(self, data):
        written = os.write(self.log, data)
        if written != len(data):
            os._exit(1)


class Disk:
    """A disk of ``size`` bytes with ext4, mounted at ``self.at`` in the block.

    :param place: a directory for its parts. :ivar position: how far the log is: what is done by now is done at this position.
    """

    def __init__(self, place, size=192 << 20):
        self.place, self.size = str(place), size
        self.file, self.at, self.log = (
            os.path.join(self.place, name) for name in ("disk", "mounted", "log")
        )

    def __enter__(self):
        base = os.path.join(self.place, "base")
        with open(base, "wb") as file:
            file.truncate(self.size)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", base)
        open(self.file, "wb").close()
        os.mkdir(self.at)
        with contextlib.ExitStack() as stack:
            self._serve(stack)
            loop = run("losetup", "-f", "--show", self.file).strip()
            stack.callback(run, "losetup", "-d", loop)
            run("mount", loop, self.at)
            stack.callback(run, "umount", self.at)
            self._stack = stack.pop_all()
        return self

    def _serve(self, stack):
        fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        subprocess.run(
            [
                "mount",
                "-i",
                "-t",
                "fuse",
                "-o",
                "fd=%d,rootmode=100000,user_id=0,group_id=0" % fuse,
                "recorded",
                self.file,
            ],
            check=True,
            pass_fds=[fuse],
        )
        pid = os.fork()
        if pid == 0:
            try:
                os.close(1)  # who reads a test's output waits for its end
                os.close(2)
                with open(self._base, "r+b") as file:
                    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
                Server(
                    fuse, content, os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                ).serve()
            finally:
                os._exit(0)
        os.close(fuse)
        stack.callback(os.waitpid, pid, 0)
        stack.callback(os.kill, pid, signal.SIGKILL)
        stack.callback(
            run, "umount", "--lazy", self.file
        )  # the loop device may hold it for a moment more

    @property
    def _base(self):
        return os.path.join(self.place, "base")

    def __exit__(self, *_exception):
        self._stack.close()

    @property
    def position(self):
        return os.stat(self.log).st_size

    def records(self):
        """``[(position at its end, kind, offset, where its data is in the log, bytes)]`` of all that has come."""
        found, at, end = [], 0, self.position
        with open(self.log, "rb") as log:
            while at < end:
                kind, offset, size = RECORD.unpack(os.pread(log.fileno(), RECORD.size, at))
                found.append((at + RECORD.size + size, kind, offset, at + RECORD.size, size))
                at = found[-1][0]
        return found

    def cut(self, records, count, path, seed=None):
        """Write to ``path`` what a power cut after the first ``count`` records leaves.

        :param seed: of what came after the last flush, keep the blocks that chance keeps. None: all of them, a disk without a cache.
        """
        chance = random.Random(seed)
        flushed = max(
            (number for number in range(count) if records[number][1] == FLUSH), default=-1
        )
        keep = 1 if seed is None else chance.choice((0, 0.3, 0.7, 0.95))
        run("cp", "--sparse=always", self._base, path)
        with open(path, "r+b") as target, open(self.log, "rb") as log:
            for number, (_end, kind, offset, at, size) in enumerate(records[:count]):
                if kind == WRITE:
                    for start in range(0, size, size if number < flushed or keep == 1 else BLOCK):
                        if number < flushed or chance.random() < keep:
                            length = (
                                size if number < flushed or keep == 1 else min(BLOCK, size - start)
                            )
                            os.pwrite(
                                target.fileno(),
                                os.pread(log.fileno(), length, at + start),
                                offset + start,
                            )


@contextlib.contextmanager
def mounted(path, at):
    """The ext4 in the file ``path``, its journal replayed, at the directory ``at``. The file is gone after that.

    Each needs a name of its own: a loop device that still has another file of that name would be taken again, with its cache.
    """
    os.makedirs(at, exist_ok=True)
    run("mount", "-o", "loop", path, at)
    os.unlink(path)
    try:
        yield at
    finally:
        run("umount", at)
