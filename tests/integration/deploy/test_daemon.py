# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons that outlive who started them: with systemd as process 1 and without, as this machine is."""

from __future__ import annotations

import os
import pathlib
import secrets
import subprocess
import sys
import time

import pytest
from pycontainer.deploy import daemon
from pycontainer.errors import HostError
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import freezer, layout, removal

RUNTIME = pathlib.Path(daemon.__file__).parent.parent
CALLER = """
import importlib.util, os, sys, time
spec = importlib.util.spec_from_file_location("pycontainer", sys.argv[1] + "/__init__.py", submodule_search_locations=[sys.argv[1]])
sys.modules["pycontainer"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["pycontainer"])
from pycontainer.deploy import daemon
print(daemon.start(sys.argv[2], ["/bin/sleep", "60"]), flush=True)
if len(sys.argv) > 3:
    time.sleep(60)
"""


@pytest.fixture
def start():
    """``daemon.start`` under a name of the test's own; what was started is killed."""
    pids = []

    def begin(argv, name="", **options):
        pids.append(daemon.start(name or "test-" + secrets.token_hex(4), argv, **options))
        return pids[-1]

    begin.pids = pids
    yield begin
    for pid in pids:
        end(pid)


def end(pid):
    removal.kill_quietly(pid)
    assert freezer.until(lambda: not alive(pid))


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def status(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_it_is_cut_off(start):
    os.environ["PYCONTAINER_SECRET"] = "1"
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        pid = start(["/bin/sleep", "60"])
    finally:
        del os.environ["PYCONTAINER_SECRET"]
        os.close(reader)
        os.close(writer)
    assert layout.of_process(pid) == cgroups.engine().paths
    # its loader may have a library open for a moment after the exec
    assert freezer.until(lambda: sorted(os.listdir("/proc/%d/fd" % pid)) == ["0", "1", "2"], 10), (
        os.listdir("/proc/%d/fd" % pid)
    )
    assert {os.readlink("/proc/%d/fd/%s" % (pid, fd)) for fd in "012"} == {"/dev/null"}
    assert os.readlink("/proc/%d/cwd" % pid) == "/"
    with open("/proc/%d/environ" % pid) as file:
        environment = file.read()
    assert "PYCONTAINER_SECRET" not in environment and "PATH=/usr" in environment
    assert os.getsid(pid) != os.getsid(0)
    found = status(pid)
    assert found["Umask"] == "0022" and int(found["SigBlk"], 16) == 0
    ignored = int(found["SigIgn"], 16) & ~(
        0b11 << 31
    )  # 32 and 33 are the C library's own, and as whoever started the tests left them
    assert daemon.booted_by_systemd() or ignored == 0  # systemd's services ignore SIGPIPE
    with open("/proc/%d/stat" % pid) as file:
        assert int(file.read().rpartition(") ")[2].split()[1]) != os.getpid()


def test_output_environment_and_arguments(start, tmp_path):
    log = tmp_path / "log"
    log.write_text("before\n")
    source = "import os, sys, time; print(sys.argv[1:], os.environ['NAME']); print('wrong', file=sys.stderr, flush=True); sys.stdout.flush(); time.sleep(60)"
    start(
        ["/usr/bin/python3", "-c", source, "a b", "$HOME ${x} %n", "\"'\\"],
        env={"NAME": "a $b %c"},
        stdout_path=str(log),
    )
    assert freezer.until(lambda: "wrong" in log.read_text() and "[" in log.read_text(), 30)
    text = log.read_text()
    assert text.startswith("before\n")
    assert str(["a b", "$HOME ${x} %n", "\"'\\"]) + " a $b %c\n" in text


def test_a_program_that_is_not_there(start):
    with pytest.raises(HostError, match="no-such-program"):
        start(["/no-such-program"])


def test_the_caller_is_not_waited_for(start):
    """A task ends when the module's pipes are closed: the daemon must not have them."""
    began = time.monotonic()
    command = [sys.executable, "-c", CALLER, RUNTIME, "test-" + secrets.token_hex(4)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=40, check=True
    )
    start.pids.append(int(done.stdout))
    assert time.monotonic() - began < 35
    assert alive(int(done.stdout))


def test_the_caller_session_and_cgroup_are_killed(start, group):
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, RUNTIME, "test-" + secrets.token_hex(4), "stay"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: group.attach(0),
        start_new_session=True,
    )
    pid = int(caller.stdout.readline())
    start.pids.append(pid)
    os.killpg(caller.pid, 1)
    group.kill()
    caller.wait(20)
    time.sleep(0.2)
    assert alive(pid) and group.procs() == []


def test_it_starts_again_though_children_of_the_first_live(start, tmp_path):
    """A zygote that is killed leaves monitors; the next has the same name."""
    name = "test-" + secrets.token_hex(4)
    log = tmp_path / "child"
    first = start(
        ["/bin/sh", "-c", "sleep 60 & echo $!; exec sleep 61"], name=name, stdout_path=str(log)
    )  # as early a fork as can be
    assert freezer.until(lambda: log.exists() and log.read_text().endswith("\n"), 30)
    child = int(log.read_text())
    start.pids.append(child)
    assert layout.of_process(child) == cgroups.engine().paths
    end(first)
    second = start(["/bin/sleep", "60"], name=name)
    assert alive(second) and second != first and alive(child)


def test_two_of_a_name(start):
    """A task that was killed may have started one a moment ago; which of the two stays is the programs' own matter."""
    name = "test-" + secrets.token_hex(4)
    first, second = start(["/bin/sleep", "60"], name=name), start(["/bin/sleep", "60"], name=name)
    assert alive(first) and alive(second) and first != second


def test_another_engine_is_removed_meanwhile(start):
    """It takes the group of both away whenever it is empty."""
    remove = (
        "import os, sys, time\nprint(flush=True)\nwhile not time.sleep(0.001):\n for path in sys.argv[1:]:\n  "
        "for each in (path + '/engine', path):\n   try: os.rmdir(each)\n   except OSError: pass"
    )
    places = list(cgroups.base_paths().values())
    remover = subprocess.Popen([sys.executable, "-c", remove, *places], stdout=subprocess.PIPE)
    try:
        remover.stdout.readline()
        for _ in range(50):
            start.pids.append(pid := start(["/bin/sleep", "60"]))
            assert layout.of_process(pid) == cgroups.engine().paths
            end(pid)
    finally:
        remover.kill()
        remover.wait()


def test_limits_outlive_systemd_at_work(group, start):
    """systemd hands controllers on as its own units need them; those of our groups stay."""
    if not daemon.booted_by_systemd() or cgroups.mode() != "v2":
        pytest.skip("systemd on cgroup v2 alone")
    resources = {
        "memory": {"limit": 64 << 20},
        "pids": {"limit": 50},
        "cpu": {"quota": 50000, "period": 100000, "cpus": "0"},
    }
    group.apply(resources)
    start(["/bin/sleep", "60"])
    for command in (
        ("daemon-reload",),
        ("daemon-reexec",),
        ("restart", "systemd-journald"),
        ("daemon-reload",),
    ):
        subprocess.run(("systemctl",) + command, check=True, timeout=60)
    subprocess.run(
        ("systemd-run", "--quiet", "--wait", "--property=CPUQuota=50%", "/bin/true"),
        check=True,
        timeout=60,
    )
    for file, text in (
        ("memory.max", str(64 << 20)),
        ("pids.max", "50"),
        ("cpu.max", "50000 100000"),
        ("cpuset.cpus", "0"),
    ):
        with open(f"{group.unified}/{file}") as opened:
            assert opened.read().strip() == text
