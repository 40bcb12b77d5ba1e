# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine holds that could be a leftover of the engine: mounts, cgroups, links, tables, processes, files.

The test suite looks before and after itself (``pytest --leak-check``). By hand, around anything:

    leaks.py save FILE       write down what is there
    leaks.py check FILE      say what has come since; ends with 1 when there is something
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

# What a process in a network and a mount namespace of its own, with a disk of its own at /var/tmp, sees alone.
OF_NAMESPACES = ("mount", "link", "nft table", "file in /var/tmp")
NAMES = re.compile(
    r"pycontainer|/run/pct-"
)  # the engine's own names, and the suite's scratch directories
PLACES = (
    "/var/lib/pycontainer",
    "/var/lib/pycontainer/containers/*",
    "/var/lib/pycontainer/volumes/*",
    "/var/lib/pycontainer/tmp/*",
    "/run/pycontainer",
    "/run/pycontainer/containers/*",
    "/run/pct-*",
    "/run/netns/*",
    "/etc/systemd/system/pycontainer*",
    "/etc/systemd/system/*/pycontainer*",
    "/run/systemd/transient/pycontainer*",
    "/etc/init.d/pycontainer*",
    "/usr/local/bin/pycontainer*",
    "/run/pycontainer-oci/*",
)


def mounts():
    """Mount points in this mount namespace that carry one of the engine's names."""
    with open("/proc/self/mountinfo") as file:
        return {line.split()[4] for line in file if NAMES.search(line)}


def cgroup_mounts():
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if line.partition(" - ")[2].startswith("cgroup")]


def cgroups(name=None):
    """Every cgroup with one of the engine's names in its path (or, where given, called ``name``), deepest first."""
    found = []
    for top in cgroup_mounts():
        below, waiting = [], [top]
        while waiting:  # no recursion: a test has groups that are nested a thousand levels deep
            path = waiting.pop()
            below.append(path)
            with contextlib.suppress(OSError):  # gone meanwhile
                waiting += [
                    entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)
                ]
        found += [
            path
            for path in reversed(below)
            if ((os.path.basename(path) == name) if name else "pycontainer" in path[len(top) :])
        ]
    return found


def ancestors():
    """This process and all that lead to it."""
    pid, found = os.getpid(), set()
    while pid:
        found.add(pid)
        with open("/proc/%d/stat" % pid) as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
    return found


def processes():
    """Processes that have one of the engine's names in their command line or cgroup: ``{pid: command line}``."""
    found, own = {}, ancestors()
    for directory in glob.glob("/proc/[0-9]*"):
        pid = int(os.path.basename(directory))
        with contextlib.suppress(OSError):
            with open(directory + "/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            with open(directory + "/cgroup") as file:
                groups = file.read()
            if pid not in own and (NAMES.search(command) or "pycontainer" in groups):
                found[pid] = command or without_command_line(directory, groups)
    return found


def without_command_line(directory, groups):
    """What is to be said of a process that has come to its end and is still there, as one that nobody waits for is: its name, state and parent."""
    with open(directory + "/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    return f"({status['Name']}, {status['State']}, child of {status['PPid']}, {', '.join((line for line in groups.split() if 'pycontainer' in line))})"


def nft_tables():
    if not shutil.which("nft"):
        return set()
    return set(
        subprocess.run(
            ["nft", "list", "tables"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
        ).stdout.splitlines()
    )


KINDS = {
    "mount": mounts,
    "cgroup": cgroups,
    "link": lambda: (name for _index, name in socket.if_nameindex()),
    "nft table": nft_tables,
    "process": lambda: (
        "%d %s" % (pid, " ".join(command.split())[:300]) for pid, command in processes().items()
    ),
    "file": lambda: (path for pattern in PLACES for path in glob.glob(pattern)),
    "file in /var/tmp": lambda: glob.glob("/var/tmp/pycontainer-*"),
}


def snapshot(kinds=tuple(KINDS)):
    """``{kind: sorted list of strings}`` of all that is looked at."""
    return {kind: sorted(KINDS[kind]()) for kind in kinds}


def since(before, patience=5.0, kinds=tuple(KINDS)):
    """What has come since ``before``, a snapshot: a list of sentences. Processes get ``patience`` seconds to end."""
    end = time.monotonic() + patience
    while True:
        left = [
            f"{kind}: {name}"
            for kind, names in snapshot(kinds).items()
            for name in names
            if name not in before.get(kind, ())
        ]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.2)


def remove(data, run):
    """Take down all that an engine with these directories may have left: for the end of a test, however it ended."""
    directories = tuple(os.path.join(path, "") for path in (data, run))
    end_processes(path.rstrip("/") for path in directories)
    with contextlib.suppress(FileNotFoundError):
        for ident in os.listdir(os.path.join(data, "containers")):
            for group in cgroups(ident):
                empty_cgroup(group)
    for path in reversed([line.split()[4] for line in open("/proc/self/mountinfo")]):
        if path.startswith(directories):
            subprocess.run(["umount", "--lazy", path], check=False)
    for path in (data, run):
        try:
            shutil.rmtree(path, ignore_errors=True)
        except RecursionError:  # of directories deeper than Python's stack
            subprocess.run(["rm", "-rf", path], check=False)


def end_processes(words, patience=10.0):
    """Kill the processes that have one of these words in their command line, and wait until they are gone.

    Again until there are none: the end of one may have another one begin, that looks after it.
    """
    words, end = tuple(words), time.monotonic() + patience
    while time.monotonic() < end:
        found = [
            pid for pid, command in processes().items() if any(word in command for word in words)
        ]
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def empty_cgroup(path):
    """Kill what is in a cgroup and remove it with what is below it."""
    for group, _directories, _files in os.walk(path, topdown=False):
        for attempt in range(100):
            with contextlib.suppress(OSError):
                os.rmdir(group)
                break
            with contextlib.suppress(OSError):
                with open(os.path.join(group, "cgroup.procs")) as file:
                    for pid in file.read().split():
                        os.kill(int(pid), 9)
            time.sleep(0.02)


def main(command, path):
    if command == "save":
        with open(path, "w") as file:
            json.dump(snapshot(), file, indent=1)
        return 0
    with open(path) as file:
        left = since(json.load(file))
    print("\n".join(left) if left else "nothing is left over")
    return 1 if left else 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("save", "check"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
