# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from /proc and written to it. Always the host's /proc: call before a container's root is entered."""

from __future__ import annotations

import os

_version = []


def kernel_version():
    """The running kernel's ``(major, minor)``."""
    if not _version:
        major, minor = os.uname().release.split("-")[0].split("+")[0].split(".")[:2]
        _version.append((int(major), int(minor)))
    return _version[0]


def read(path, limit=1 << 20):
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


def write(path, text):
    """Write ``text`` in one write(2), as the files of /proc and /sys want it; never makes a file."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, os.fsencode(text))
    finally:
        os.close(fd)


def boot_id():
    """The random name of this boot."""
    return read("/proc/sys/kernel/random/boot_id").strip()


def stat(pid):
    """``{"name", "state", "parent", "group", "session", "start"}`` of a process, or None when there is none.

    ``start``: when it started, in clock ticks since boot (proc_pid_stat(5) field 22): with the pid it names one process of a boot.
    """
    try:
        text = read("/proc/%d/stat" % pid)
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


def start_time(pid):
    """A process's start time (as in ``stat``), or None when there is none or it is dead and waited for by nobody yet."""
    status = stat(pid)
    return status["start"] if status is not None and status["state"] not in ("Z", "X") else None


def status(pid):
    """/proc/PID/status as a dict of strings."""
    lines = read("/proc/%d/status" % pid).splitlines()
    return {key: value.strip() for key, _colon, value in (line.partition(":") for line in lines)}


def in_user_namespace():
    """Whether this process is in another user namespace than the host's own, which maps every id to itself."""
    return read("/proc/self/uid_map").split() != ["0", "0", "4294967295"]


def user_outside():
    """This process's effective user, as the user namespace around its own numbers it: whom services of the host take it for."""
    user = os.geteuid()
    for line in read("/proc/self/uid_map").splitlines():
        inside, outside, count = map(int, line.split())
        if inside <= user < inside + count:
            return outside + user - inside
    return user


def cgroups(pid="self"):
    """The cgroups of a process: hierarchy's controllers as the kernel lists them ("memory", "cpu,cpuacct", "" for v2) -> path."""
    groups = {}
    for line in read(f"/proc/{pid}/cgroup").splitlines():
        _number, controllers, path = line.split(":", 2)
        groups[controllers] = path
    return groups


def mounts(pid="self"):
    """The mounts of a process's namespace, in order, proc_pid_mountinfo(5).

    Dicts with id, parent, device ("major:minor"), root, point, options (set), propagation (list), type, source, fs_options (set).
    """
    found = []
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


def _unescape(text):
    """mountinfo writes blanks and backslashes as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def set_oom_score_adj(score, pid="self"):
    """How readily the kernel kills a process for want of memory: -1000 to 1000. Lowering it needs CAP_SYS_RESOURCE."""
    write(f"/proc/{pid}/oom_score_adj", str(score))
