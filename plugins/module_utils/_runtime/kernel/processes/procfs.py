# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from /proc and written to it. Always the host's /proc: call before a container's root is entered."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class Stat(TypedDict):
        """A process, as /proc/PID/stat tells it (proc_pid_stat(5))."""

        name: str
        state: str  # "R", "S", "Z" ...
        parent: int
        group: int
        session: int
        start: int  # clock ticks since boot: with the pid it names one process of a boot

    class Mount(TypedDict):
        """A mount, as /proc/PID/mountinfo tells it (proc_pid_mountinfo(5))."""

        id: int
        parent: int
        device: str  # "major:minor"
        root: str  # of the mount, in its file system
        point: str
        options: set[str]  # of the mount
        propagation: list[str]  # "shared:2", "master:1" ...
        type: str
        source: str
        fs_options: set[str]  # of the file system


_version: list[tuple[int, int]] = []


def kernel_version() -> tuple[int, int]:
    """The running kernel's ``(major, minor)``."""
    if not _version:
        major, minor = os.uname().release.split("-")[0].split("+")[0].split(".")[:2]
        _version.append((int(major), int(minor)))
    return _version[0]


def read(path: str, limit: int = 1 << 20) -> str:
    """A file's first ``limit`` bytes as text; bytes that are not UTF-8 are kept as surrogates."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        chunks, size = [], 0
        while size < limit:
            chunk = os.read(fd, min(65536, limit - size))
            if not chunk:
                break
            chunks.append(chunk)
            size += len(chunk)
    finally:
        os.close(fd)
    return os.fsdecode(b"".join(chunks))


def write(path: str, text: str | bytes) -> None:
    """Write ``text`` in one write(2), as the files of /proc and /sys want it; never makes a file."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, os.fsencode(text))
    finally:
        os.close(fd)


def boot_id() -> str:
    """The random name of this boot."""
    return read("/proc/sys/kernel/random/boot_id").strip()


def stat(pid: int | str) -> Stat | None:
    """What the kernel says of a process, or None when there is none."""
    try:
        text = read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _bracket, rest = text.partition("(")[2].rpartition(
        ") "
    )  # the name may hold anything, brackets too
    fields = rest.split()
    return {
        "name": name,
        "state": fields[0],
        "parent": int(fields[1]),
        "group": int(fields[2]),
        "session": int(fields[3]),
        "start": int(fields[19]),
    }


def start_time(pid: int | str) -> int | None:
    """A process's start time (see :class:`Stat`), or None when there is none or it is dead and waited for by nobody yet."""
    status = stat(pid)
    return status["start"] if status is not None and status["state"] not in ("Z", "X") else None


def status(pid: int | str) -> dict[str, str]:
    """/proc/PID/status as a dict of strings."""
    lines = read(f"/proc/{pid}/status").splitlines()
    return {key: value.strip() for key, _colon, value in (line.partition(":") for line in lines)}


def in_user_namespace() -> bool:
    """Whether this process is in another user namespace than the host's own, which maps every id to itself."""
    return read("/proc/self/uid_map").split() != ["0", "0", "4294967295"]


def user_outside() -> int:
    """This process's effective user, as the user namespace around its own numbers it: services of the host take it for that one."""
    user = os.geteuid()
    for line in read("/proc/self/uid_map").splitlines():
        inside, outside, count = map(int, line.split())
        if inside <= user < inside + count:
            return outside + user - inside
    return user


def highest_gid() -> int:
    """The last of the gids that this user namespace has from 0 on without a gap, at most the kernel's own last."""
    last = -1
    for line in sorted(
        read("/proc/self/gid_map").splitlines(), key=lambda line: int(line.split()[0])
    ):
        inside, _outside, count = map(int, line.split())
        if inside <= last + 1:
            last = max(last, inside + count - 1)
    return min(last, 2**31 - 1)


def cgroups(pid: int | str = "self") -> dict[str, str]:
    """The cgroups of a process: ``{controllers: path}``, the controllers as the kernel lists them: "memory", "cpu,cpuacct", "" for v2."""
    groups = {}
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        groups[controllers] = path
    return groups


def mounts(pid: int | str = "self") -> list[Mount]:
    """The mounts of a process's namespace, in the kernel's order."""
    found: list[Mount] = []
    for line in read(f"/proc/{pid}/mountinfo", 1 << 26).splitlines():
        first, _dash, last = line.partition(" - ")
        fields, (fstype, source, fs_options) = first.split(" "), last.split(" ", 2)
        found.append(
            {
                "id": int(fields[0]),
                "parent": int(fields[1]),
                "device": fields[2],
                "root": _unescape(fields[3]),
                "point": _unescape(fields[4]),
                "options": set(fields[5].split(",")),
                "propagation": fields[6:],
                "type": fstype,
                "source": _unescape(source),
                "fs_options": set(fs_options.split(",")),
            }
        )
    return found


def _unescape(text: str) -> str:
    """mountinfo writes blanks and backslashes as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def set_oom_score_adj(score: int, pid: int | str = "self") -> None:
    """Say how readily the kernel kills a process for want of memory: -1000 to 1000. Lowering it needs CAP_SYS_RESOURCE."""
    write(f"/proc/{pid}/oom_score_adj", str(score))
