# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as an attack must leave it: looked at before and after, with a tree of files that attacks aim at.

What is compared: the canary tree down to inodes and change times, the host's mounts, its Python and the libraries that
maps, the device nodes and files that past attacks have changed, and a few settings of the kernel. What must not be there
afterwards: processes, cgroups and network namespaces of the containers.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import stat
import sys
import time

from support import leaks

# Other tests may mount there at the same time; what an attack mounts lands elsewhere, or in the test's own directories.
FOREIGN = ("/run/", "/tmp/", "/var/tmp/", "/var/lib/", "/mnt/", "/root/", "/work/", "/home/")
FILES = (
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/tty",
    "/dev/console",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
    "/etc",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/group",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/etc/mtab",
    "/etc/ld.so.cache",
    "/usr/bin",
    "/usr/sbin",
    "/",
    "/dev",
    "/root",
)
SETTINGS = (
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/shmmni",
    "/proc/sys/kernel/msgmax",
    "/proc/sys/net/ipv4/ip_default_ttl",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    "/proc/sys/fs/suid_dumpable",
    "/proc/self/attr/current",
)
MUTABLE_TIMES = (
    "/",
    "/dev",
    "/dev/pts",
    "/dev/shm",
    "/etc",
    "/root",
    "/usr/bin",
    "/usr/sbin",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/null",
    "/dev/console",
)


def interpreter_files():
    """The host's Python and every library that this process maps."""
    with open("/proc/self/maps") as file:
        mapped = {
            line.split(None, 5)[5].strip()
            for line in file
            if line.count(" /") == 1 and "(deleted)" not in line
        }
    return sorted(
        path
        for path in mapped | {os.path.realpath(sys.executable)}
        if path.startswith(("/usr/", "/lib"))
    )


def digests(paths):
    found = {}
    for path in paths:
        with open(path, "rb") as file:
            found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def _facts(path):
    """What may not change: of directories that all the machine uses, and of devices, not their times."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    facts = [status.st_dev, status.st_ino, oct(status.st_mode), status.st_rdev]
    if (
        path != "/dev/null"
    ):  # other runtimes on this machine may chown it (crun 1.8.1 does); the canary has one of its own
        facts += [status.st_uid, status.st_gid]
    if path not in MUTABLE_TIMES:
        facts += [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    return facts


def tree(top):
    """``{path: everything about it}`` of a tree and its root: inodes, times and content."""
    found = {}
    for directory, names, files in os.walk(top):
        for path in [directory] + [os.path.join(directory, name) for name in names + files]:
            status = os.lstat(path)
            facts = [
                status.st_ino,
                oct(status.st_mode),
                status.st_uid,
                status.st_gid,
                status.st_nlink,
                status.st_mtime_ns,
                status.st_ctime_ns,
            ]
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    facts.append(file.read())
            found[os.path.relpath(path, top)] = facts + [
                sorted(os.listxattr(path, follow_symlinks=False))
            ]
    return found


class Host:
    """:ivar canary: a directory that attacks aim at. :ivar null: a null device of the host's, in it.
    :ivar watched: idents of containers; what is left of them is told."""

    def __init__(self, directory, own):
        self.canary, self.own, self.watched = (
            os.path.join(directory, "canary"),
            [os.path.join(path, "") for path in own],
            set(),
        )
        self.namespaces = {}
        os.makedirs(os.path.join(self.canary, "sub"))
        os.chmod(self.canary, 0o755)
        for name in ("file", "sub/inner", "core_pattern", "sysrq-trigger"):
            with open(os.path.join(self.canary, name), "w") as file:
                file.write("untouched\n")
        self.null = os.path.join(self.canary, "null")
        os.mknod(self.null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chmod(self.null, 0o666)
        self.interpreter = interpreter_files()
        self.before = self.look()

    def look(self):
        return {
            "canary": tree(self.canary),
            "mounts": self._mounts(),
            "files": {path: _facts(path) for path in list(FILES) + self.interpreter},
            "settings": {
                path: _read(path)
                for path in list(SETTINGS)
                + sorted(
                    path
                    for top in leaks.cgroup_mounts()
                    for path in glob.glob(os.path.join(top, "release_agent"))
                )
            },
        }

    def _mounts(self):
        found = set()
        with open("/proc/self/mountinfo") as file:
            for line in file:
                fields = line.split(" - ")[0].split()
                place = fields[4]
                if not place.startswith(FOREIGN) or place.startswith(tuple(self.own)):
                    found.add((place, fields[3], line.split(" - ")[1].strip()))
        return found

    def watch(self, ident, pid=None):
        """A container is there: at the end nothing may be left of it. Its namespaces are kept, or their numbers would be given to others."""
        self.watched.add(ident)
        for kind in ("net", "pid") if pid else ():
            with contextlib.suppress(OSError):
                fd = os.open("/proc/%d/ns/%s" % (pid, kind), os.O_RDONLY | os.O_CLOEXEC)
                self.namespaces[fd] = os.readlink("/proc/self/fd/%d" % fd)

    def close(self):
        for fd in self.namespaces:
            os.close(fd)
        self.namespaces.clear()

    def changes(self):
        """Sentences about what is not as it was."""
        now, found = self.look(), []
        for kind in ("canary", "files", "settings"):
            for path in sorted(set(self.before[kind]) | set(now[kind])):
                if self.before[kind].get(path) != now[kind].get(path):
                    found.append(
                        f"{kind} {path}: {now[kind].get(path)}, was {self.before[kind].get(path)}"
                    )
        found += [f"mount came: {entry}" for entry in now["mounts"] - self.before["mounts"]]
        found += [
            f"mount went: {entry}"
            for entry in self.before["mounts"] - now["mounts"]
            if not entry[0].startswith(tuple(self.own))
        ]
        return found

    def left(self, patience=6.0):
        """Sentences about what is left of the containers; it gets some time to go."""
        end = time.monotonic() + patience
        while True:
            found = self._left()
            if not found or time.monotonic() > end:
                return found
            time.sleep(0.1)

    def _left(self):
        found = [
            f"cgroup {path}"
            for ident in self.watched
            for top in leaks.cgroup_mounts()
            for path in glob.glob(os.path.join(top, "**", ident), recursive=False)
            + glob.glob(os.path.join(top, "pycontainer", ident))
        ]
        foreign = set(self.namespaces.values()) - {
            os.readlink("/proc/self/ns/net"),
            os.readlink("/proc/self/ns/pid"),
        }
        for directory in glob.glob("/proc/[0-9]*"):
            with contextlib.suppress(OSError):
                groups = _read(directory + "/cgroup") or ""
                if any(ident in groups for ident in self.watched):
                    found.append(
                        f"process {directory[6:]} is in a container's cgroup: "
                        f"{_read(directory + '/cmdline')}"
                    )
                if foreign & {
                    os.readlink(directory + "/ns/net"),
                    os.readlink(directory + "/ns/pid"),
                }:
                    found.append(
                        f"process {directory[6:]} is in a container's namespaces: "
                        f"{_read(directory + '/cmdline')}"
                    )
        return found


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read(65536).replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return None
