# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel facilities' parts that need neither root nor a container: names, masks, /proc, processes, features."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.kernel import features
from pycontainer.kernel.calls import constants, syscalls
from pycontainer.kernel.isolation import capabilities, namespaces
from pycontainer.kernel.mounts import overlay
from pycontainer.kernel.processes import pidfd, procfs


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


def test_close_on_exec(monkeypatch):
    """All descriptors are marked, by the call and by the loop that stands in for it."""
    for old in (False, True):
        if old:
            monkeypatch.setitem(constants.NUMBERS, "close_range", 9999)
        script = "import os; print(sorted(set(os.listdir('/proc/self/fd')) - set('012')))"
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            fd = os.dup2(os.open("/dev/null", os.O_RDONLY), 77, inheritable=True)
            os.dup2(writer, 1)
            procfs.mark_close_on_exec()
            assert not os.get_inheritable(fd)
            os.execv(sys.executable, [sys.executable, "-S", "-c", script])
        os.close(writer)
        os.waitpid(pid, 0)
        with os.fdopen(reader) as stream:
            assert stream.read().strip() == "['3']"  # the listing itself


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
    started = time.monotonic()
    found = features.detect()
    assert time.monotonic() - started < 0.5
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
    monkeypatch.setitem(constants.NUMBERS, "mount_setattr", 9999)
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
    root = os.path.dirname(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    )
    pytest.importorskip("cffi")
    assert (
        subprocess.run(
            [sys.executable, os.path.join(root, "devel/make_ffi.py"), "--check"],
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
    ) % os.path.join(root, "plugins/module_utils")
    assert (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        ).stdout.strip()
        == "[]"
    )


def test_without_cffi():
    """Where cffi is missing, everything can be imported and the first call says what to install."""
    root = os.path.dirname(
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    )
    script = (
        f"import sys; sys.path.insert(0, {os.path.join(root, 'plugins/module_utils')!r}); sys.modules['_cffi_backend'] = None\n"
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
