# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command took: wall seconds, CPU seconds and, sampled, the memory of all processes that worked for it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
INTERVAL = 0.01  # seconds between two looks at memory


class Taken:
    """:ivar wall, cpu: seconds. :ivar peak: bytes of PSS, 0 where it was not sampled."""

    def __init__(self, wall, cpu, peak=0):
        self.wall, self.cpu, self.peak = wall, cpu, peak


def measure(command, daemons=(), memory=False, env=None):
    """Run ``command`` and return what it :class:`Taken`.

    :param daemons: pids of processes that do work for it: what they and their children use in the meantime counts too.
    :param memory: sample the proportional set size (proc_pid_smaps_rollup(5)) of it and them: this slows it down.
    :raises RuntimeError: with its output when it fails.
    """
    before, begin = sum(map(_cpu, daemons)), time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    )
    sampler = _Sampler([process.pid, *daemons]) if memory else None
    output = process.stdout.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begin
    peak = sampler.end() if sampler else 0
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {output.decode('utf-8', 'replace')}")
    return Taken(wall, usage.ru_utime + usage.ru_stime + sum(map(_cpu, daemons)) - before, peak)


def _stat(pid):
    """Fields of /proc/PID/stat from the third on, where the second can't mislead."""
    return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()


def _cpu(pid):
    """CPU seconds of a process, its children that have ended, and those that live."""
    return sum(int(value) for value in _stat(pid)[11:15]) / TICK


def family(roots):
    """Pids of the processes ``roots`` and of all that come from them."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(_stat(int(entry))[1])
            except OSError:
                continue
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def pss(pid):
    """Bytes of a process's proportional set size; 0 when it is gone."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            return next(
                (int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:")), 0
            )
    except OSError:
        return 0


class _Sampler(threading.Thread):
    def __init__(self, roots):
        super().__init__(daemon=True)
        self.roots, self.peak, self._ending = roots, 0, threading.Event()
        self.start()

    def run(self):
        while not self._ending.wait(INTERVAL):
            self.peak = max(self.peak, sum(map(pss, family(self.roots))))

    def end(self):
        self._ending.set()
        self.join()
        return self.peak
