# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One test as a process of its own: it can't hang the run, and what it leaves behind is taken down before the next.

The harness is a subreaper (prctl(2)) and works in a mount namespace of its own, so whatever a test left running is its
descendant, and whatever is mounted beyond what was there is a test's.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
INSIDE = "PYCONTAINER_CONFORMANCE_INSIDE"


def inside():
    return os.environ.get(INSIDE) == "1"


def enter():
    """Go on in mount and network namespaces of our own: executes this program again."""
    if not inside():
        os.environ[INSIDE] = "1"
        os.execvp(
            "unshare",
            ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, *sys.argv],
        )
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextlib.contextmanager
def no_controllers_on_v2():
    """crun refuses a hybrid host whose v2 hierarchy has controllers: show it none."""
    controllers = pathlib.Path("/sys/fs/cgroup/unified/cgroup.controllers")
    if not controllers.exists() or not controllers.read_text().strip():
        yield
        return
    with tempfile.NamedTemporaryFile() as nothing:
        subprocess.run(["mount", "--bind", nothing.name, str(controllers)], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", str(controllers)], check=True)


def mounts():
    with open("/proc/self/mountinfo") as file:
        return [
            re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), line.split()[4])
            for line in file
        ]


def children():
    """``{pid: parent's pid}`` of all processes."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            with open(path) as file:
                fields = file.read().rpartition(")")[2].split()
            found[int(path.split("/")[2])] = int(fields[1])
    return found


def descendants(root, spare=()):
    """Pids below ``root``, without the trees that begin at ``spare``."""
    parents, found, level = children(), [], [root]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level and pid not in spare]
        found += level
    return found


def reap():
    """Wait for whoever has ended, as a process 1 does: ``{pid: exit code}``."""
    found = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            found[pid] = os.waitstatus_to_exitcode(status)
    return found


def attend(process, timeout):
    """The exit code of a Popen, None when its time runs out; orphans that come here are reaped meanwhile."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        code = reap().get(process.pid)
        if code is not None:
            process.returncode = code
            return code
        time.sleep(0.01)
    return None


def end_processes(spare=()):
    """Kill all descendants but ``spare`` and theirs; frozen ones die as soon as they are thawed."""
    for attempt in range(50):
        left = descendants(os.getpid(), spare)
        if not left:
            return
        for pid in left:
            thaw(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02 * min(attempt, 10))
        if not spare:
            reap()


def thaw(pid):
    with contextlib.suppress(OSError):
        with open("/proc/%d/cgroup" % pid) as file:
            for line in file:
                _number, controllers, path = line.rstrip("\n").split(":", 2)
                if controllers == "freezer" and path != "/":
                    pathlib.Path("/sys/fs/cgroup/freezer" + path, "freezer.state").write_text(
                        "THAWED"
                    )
                elif not controllers and path != "/":
                    pathlib.Path("/sys/fs/cgroup/unified" + path, "cgroup.freeze").write_text("0")


def cgroup_tops():
    with open("/proc/self/mountinfo") as file:
        return [line.split()[4] for line in file if line.partition(" - ")[2].startswith("cgroup")]


def remove_cgroups(wanted, tops=None):
    """Remove the cgroups whose own name ``wanted`` says yes to, and all below them."""
    for top in tops or cgroup_tops():
        doomed = set()
        for path in groups(top):  # each before those below it
            if path != top and (os.path.dirname(path) in doomed or wanted(os.path.basename(path))):
                doomed.add(path)
        for path in sorted(doomed, key=lambda path: path.count("/"), reverse=True):
            empty(path)


def groups(top):
    """A cgroup and all below it, of any depth: a suite may nest them a thousand levels deep."""
    found = [top]
    for path in found:
        with contextlib.suppress(OSError):  # gone meanwhile
            found += [
                entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)
            ]
    return found


def empty(group):
    for attempt in range(20):
        try:
            os.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError:
            with contextlib.suppress(OSError):
                with open(os.path.join(group, "cgroup.procs")) as file:
                    for pid in file.read().split():
                        os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.02)


class Cage:
    """Where tests run, one after the other."""

    def __init__(self, cgroup_names):
        self.cgroup_names = re.compile(cgroup_names)
        self.hierarchies = set(
            os.listdir("/sys/fs/cgroup")
        )  # on v1; where the top is cgroup v2 itself, groups go by their names alone
        self.spare = ()

    def run(self, command, timeout, cwd=None, env=None, terminal=False):
        """Run a test, where asked on a terminal. :returns: ``(exit code or None where its time ran out, its output)``"""
        before = mounts()
        if terminal:
            command = ["script", "-qefc", shlex.join(map(str, command)), "/dev/null"]
        with tempfile.TemporaryFile() as output:
            # A terminal whose input ends gives the test a character that says so: it stays open and silent.
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env=dict(os.environ, **env or {}),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.PIPE if terminal else subprocess.DEVNULL,
                start_new_session=True,
            )
            code = attend(process, timeout)
            if code is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            self.clean(before)
            process.poll()
            if process.stdin:
                process.stdin.close()
            output.seek(0)
            return code, output.read().decode("utf-8", "replace").replace("\r\n", "\n")

    def clean(self, before):
        end_processes(self.spare)
        os.chown(
            "/dev/null", 0, 0
        )  # crun 1.8 gives it to the user of a process that it is the input of
        left = mounts()
        for path in before:
            if path in left:
                left.remove(path)
        for path in reversed(left):
            subprocess.run(["umount", "--lazy", path], check=False, stderr=subprocess.DEVNULL)
        remove_cgroups(self.cgroup_names.search)
        unified = os.path.exists("/sys/fs/cgroup/cgroup.procs")
        for name in (
            set() if unified else set(os.listdir("/sys/fs/cgroup")) - self.hierarchies
        ):  # plain directories, made for controllers that no hierarchy has
            if (
                not os.path.ismount("/sys/fs/cgroup/" + name)
                and os.stat("/sys/fs/cgroup").st_dev == os.stat("/sys/fs/cgroup/" + name).st_dev
            ):
                shutil.rmtree("/sys/fs/cgroup/" + name, ignore_errors=True)
