# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel facilities' parts that need neither root nor a container: names, masks, /proc, processes, features."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.kernel import features
from pycontainer.kernel.calls import call_numbers, fds, fork, syscalls
from pycontainer.kernel.isolation import capabilities, namespaces
from pycontainer.kernel.mounts import overlay
from pycontainer.kernel.processes import pidfd, procfs
from pycontainer.kernel.seccomp import syscall_numbers

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def test_capability_names():
    """With or without CAP_, in any case; an unknown one names the option."""
    assert capabilities.parse(["cap_chown", "NET_ADMIN", "CAP_CHOWN"]) == (
        "CAP_CHOWN",
        "CAP_NET_ADMIN",
    )
    for wrong in ("CAP_", "CHOW", "", "CAP_CAP_CHOWN", "chown,kill", None, 3):
        with pytest.raises(InvalidInput, match="^cap_add: "):
            capabilities.parse([wrong], "cap_add")
    assert capabilities.mask(["CAP_CHOWN", "CAP_KILL"]) == 0x21
    assert capabilities.of_mask(0x21) == ("CAP_CHOWN", "CAP_KILL")
    assert capabilities.mask(capabilities.DOCKER_DEFAULT) == 0xA80425FB
    assert capabilities.NUMBERS["CAP_CHECKPOINT_RESTORE"] == 40


def test_last_cap():
    """The highest capability is what the kernel says it is, with no look into /proc."""
    assert capabilities.last_cap() == int(procfs.read("/proc/sys/kernel/cap_last_cap"))
    assert capabilities.parse(["all"]) == tuple(
        sorted(capabilities.of_mask(int(procfs.status(os.getpid())["CapBnd"], 16)))
    )


def test_processes():
    """A process is known by its pid and its start; a pid alone is not enough."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        start = procfs.start_time(child.pid)
        assert procfs.stat(child.pid)["parent"] == os.getpid()
        assert pidfd.open_process(child.pid, start + 1) is None
        fd = pidfd.open_process(child.pid, start)
        assert not os.get_inheritable(fd)
        assert not pidfd.ended(fd)
        assert pidfd.send(fd, 15)
        assert pidfd.ended(fd, 5)
        assert procfs.start_time(child.pid) is None  # dead, though still there
        assert pidfd.reap(fd) == (None, 15)
        child.returncode = -15
        assert not pidfd.send(fd, 15)
        assert pidfd.open_process(child.pid, start) is None
        assert pidfd.open_process(0, 0) is None and pidfd.open_process(-1, 0) is None
        os.close(fd)
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()


def test_ended_waits():
    """Waiting ends with its time."""
    fd = syscalls.pidfd_open(os.getpid())
    before = time.monotonic()
    assert not pidfd.ended(fd, 0.05)
    assert time.monotonic() - before >= 0.05
    os.close(fd)


def test_stat_with_odd_names():
    """A process name may hold blanks and brackets."""
    script = "import time\nopen('/proc/self/comm', 'w').write('a) R 1 (b')\nprint(flush=True)\ntime.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        assert procfs.stat(child.pid)["name"] == "a) R 1 (b"
        assert procfs.stat(child.pid)["parent"] == os.getpid()
    finally:
        child.kill()
        child.communicate()
    assert procfs.stat(child.pid) is None


def test_proc_files():
    """Boot, mounts, groups and sysctls as dicts and strings."""
    assert len(procfs.boot_id()) == 36
    mounts = {mount["point"]: mount for mount in procfs.mounts()}
    assert mounts["/proc"]["type"] == "proc" and "rw" in mounts["/proc"]["options"]
    assert procfs._unescape("a\\040b\\134040") == "a b\\040"
    assert procfs.kernel_version() >= (5, 4)
    assert all(path.startswith("/") for path in procfs.cgroups().values())


def test_descriptors_are_passed_and_closed(monkeypatch):
    """They arrive close-on-exec, no more than were asked for; all but some are closed, by the call and by the loop that stands in for it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        assert fds.send(ours, b"two", [0, 1]) == 3
        data, found, flags = fds.receive_with_flags(theirs, 16, 1)
        assert (data, len(found), flags & socket.MSG_CTRUNC) == (b"two", 1, socket.MSG_CTRUNC)
        assert not os.get_inheritable(found[0])
        fds.send(ours, b"none")
        assert fds.receive(theirs, 16, 3) == (b"none", [])
        ours.close()
        assert fds.receive(theirs, 16, 3) == (b"", [])
    for old in (False, True):
        if old:
            monkeypatch.setitem(call_numbers.NUMBERS, "close_range", 9999)
        reader, writer = os.pipe()

        def tell(writer=writer):
            for number in (77, 78, 79):
                os.dup2(0, number)
            fds.close_all_but({78, writer})
            os.write(writer, " ".join(os.listdir("/proc/self/fd")).encode())

        pid = fork.child(tell)
        os.close(writer)
        assert os.waitpid(pid, 0)[1] == 0
        with os.fdopen(reader) as stream:
            left = {int(name) for name in stream.read().split()}
        assert left & {77, 78, 79} == {78} and len(left) == 6  # and the listing itself


def test_a_child_never_returns():
    """Its status is what its work returns, or 1; what it raises is told if somebody asks, and it ends with who forked it."""
    assert os.waitstatus_to_exitcode(os.waitpid(fork.child(lambda: None), 0)[1]) == 0
    assert os.waitstatus_to_exitcode(os.waitpid(fork.child(lambda: 7), 0)[1]) == 7
    reader, writer = os.pipe()

    def fail():
        raise SystemExit(9)

    pid = fork.child(fail, failed=lambda error: os.write(writer, repr(error).encode()))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert os.read(reader, 100) == b"SystemExit(9)"

    def leave_one():
        os.write(writer, b"%d" % fork.child(lambda: time.sleep(60), with_parent=True))

    os.waitpid(fork.child(leave_one), 0)
    left, deadline = int(os.read(reader, 100)), time.monotonic() + 5
    while procfs.start_time(left) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert procfs.start_time(left) is None
    os.close(reader)
    os.close(writer)


def test_every_system_call_has_a_number():
    """What syscalls.py makes has its numbers from the table of all calls, and nowhere else."""
    script = os.path.join(ROOT, "devel/make_call_numbers.py")
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, check=False, text=True
    )
    assert done.returncode == 0, done.stderr or "run devel/make_call_numbers.py"
    for machine, column in (("x86_64", 0), ("aarch64", 1)):
        numbers = syscall_numbers.numbers(machine)
        for name, pair in call_numbers._TABLE.items():
            assert numbers[name] == pair[column], name


def test_what_is_asked_of_the_kernel_has_a_number():
    """Who names a call beside syscalls.py, in a probe, names one that has a number there."""
    for name, *_rest in features._PROBES.values():
        assert name in call_numbers._TABLE
    runtime = os.path.join(ROOT, "plugins/module_utils/_runtime")
    for directory, _names, files in os.walk(runtime):
        for name in files:
            if name.endswith(".py"):
                with open(os.path.join(directory, name), encoding="utf-8") as file:
                    for call in re.findall(r'probe\(\s*"(\w+)"', file.read()):
                        assert call in call_numbers._TABLE, name


def test_a_call_without_a_number_says_where_it_goes(monkeypatch):
    """On an architecture that is known, and on another one."""
    with pytest.raises(Unsupported, match="new_call.*call_numbers.py.*make_call_numbers.py"):
        syscalls.probe("new_call")
    monkeypatch.setattr(syscalls, "_NUMBERS", {})
    with pytest.raises(Unsupported, match="not supported; supported: x86_64, aarch64"):
        syscalls.probe("clone3")


def test_namespaces():
    """Flags by the specification's names, and which namespaces this process is in."""
    assert namespaces.flags(["mount", "pid", "mount"]) == 0x20020000
    assert namespaces.identity("self", "network") == namespaces.identity(os.getpid(), "network")
    assert namespaces.supported("mount")


def test_overlay_options():
    """Names are relative and escaped for mount(2); more than a page of them is said with the number."""
    text = overlay._option_string(
        ["/l/a", "/l/b:c", "/other/d"], "/u,p", "/w", {"index": "off", "volatile": None}
    )
    assert text == "lowerdir=a:b\\:c:/other/d,upperdir=/u\\,p,workdir=/w,index=off,volatile"
    with pytest.raises(overlay.Unsupported, match="300 layers"):
        overlay._option_string(["/long/%d/diff" % number for number in range(300)], None, None, {})
    for layers in ([], ["/l/%d" % number for number in range(501)]):
        with pytest.raises(overlay.Unsupported, match="1 to 500"):
            overlay.overlay(layers)


def test_features():
    """Every feature says whether it is there, what for, and why not; asking changes nothing and is quick."""
    before = (
        procfs.read("/proc/modules") if os.path.exists("/proc/modules") else "",
        sorted(os.listdir("/proc/self/fd")),
    )
    worked = sum(os.times()[:4])
    found = features.detect()
    assert sum(os.times()[:4]) - worked < 0.5
    assert (
        procfs.read("/proc/modules") if os.path.exists("/proc/modules") else "",
        sorted(os.listdir("/proc/self/fd")),
    ) == before
    for name, feature in found.items():
        assert set(feature) == {"found", "reason", "needed_for", "detail"}, name
        assert isinstance(feature["found"], bool) and feature["needed_for"], name
        assert feature["found"] or feature["reason"], name
    assert found["kernel"]["detail"] == "%d.%d" % procfs.kernel_version()
    loadable = (
        shutil.which("modprobe")
        and subprocess.run(["modprobe", "--dry-run", "--quiet", "overlay"], check=False).returncode
        == 0
    )
    assert found["overlay"]["found"] == bool(
        loadable or "overlay" in procfs.read("/proc/filesystems").split()
    )
    assert features.missing(["kernel"]) == []


def test_features_of_a_lesser_host(monkeypatch):
    """A missing system call, an old kernel and a missing part are named."""
    monkeypatch.setitem(call_numbers.NUMBERS, "mount_setattr", 9999)
    monkeypatch.setattr(procfs, "kernel_version", lambda: (5, 3))
    monkeypatch.setattr(
        features._Modules, "has", lambda self, module, symbol: module != "nf_tables"
    )
    found = features.detect()
    assert not found["mount_setattr"]["found"] and "5.12" in found["mount_setattr"]["reason"]
    assert not found["kernel"]["found"] and "5.4" in found["kernel"]["reason"]
    assert not found["overlay_lowerdir_plus"]["found"]
    assert features.missing(["nf_tables"]) == [
        "published ports and masquerading: the kernel has no nf_tables (CONFIG_NF_TABLES)"
    ]


def test_ffi_is_what_its_generator_makes():
    """The declarations that are shipped are those of devel/make_ffi.py, and need nothing but cffi's compiled half."""
    pytest.importorskip("cffi")
    assert (
        subprocess.run(
            [sys.executable, os.path.join(ROOT, "devel/make_ffi.py"), "--check"],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    script = (
        "import sys; sys.path.insert(0, %r); sys.meta_path.insert(0, type('F', (), "
        "{'find_spec': staticmethod(lambda name, *_:"
        " (_ for _ in ()).throw(ImportError(name)) if name in ('cffi', 'pycparser', 'ctypes') "
        "else None)})());"
        "import _runtime.kernel.calls.syscalls as s; s.prctl(3); print(sorted(set(sys.modules) & "
        "{'cffi', 'ctypes', 'signal', 'subprocess'}))"
    ) % os.path.join(ROOT, "plugins/module_utils")
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        ).stdout.strip()
        == "[]"
    )


def test_without_cffi():
    """Where cffi is missing, everything can be imported and the first call says what to install."""
    script = (
        f"import sys; sys.path.insert(0, {os.path.join(ROOT, 'plugins/module_utils')!r}); sys.modules['_cffi_backend'] = None\n"
        "from _runtime.kernel import features\n"
        "from _runtime.kernel.calls import syscalls\n"
        "from _runtime.kernel.mounts import mounts, overlay\n"
        "from _runtime.kernel.seccomp import compiler\n"
        "assert not features.detect()['cffi']['found']\n"
        "try: syscalls.unshare(0)\n"
        "except Exception as error: print(error)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert "python3-cffi" in result.stdout
