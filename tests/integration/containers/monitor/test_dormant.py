# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor that has had nothing to do sleeps without Python, and is woken with nothing lost."""

from __future__ import annotations

import os
import socket

import pytest
from pycontainer.containers.client import monitor_client
from pycontainer.errors import HostError
from pycontainer.kernel.processes import procfs
from pycontainer.oci.launch import sealed_interpreter

from .test_network import bridge, fetch, fetched, free_port, web  # noqa: F401 # pylint: disable=unused-import

UNTIL_GO = "echo up; printf part; while [ ! -e /go ]; do sleep 0.05; done; echo ial; exit 3"


def monitor_of(box):
    return procfs.stat(box.state["pid"])["parent"]


def asleep(pid, name="pyc-monitor"):
    return "memfd:" + name in os.readlink("/proc/%d/exe" % pid)


def size(pid):
    """Proportional set size in kB."""
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


@pytest.fixture
def sleeping(eventually):
    """Start containers and wait until their monitors sleep: the monitors' pids."""

    def start(*boxes):
        for box in boxes:
            box.start()
        pids = [monitor_of(box) for box in boxes]
        for pid in pids:
            eventually(lambda pid=pid: asleep(pid), 60)
        return pids

    return start


def test_sleep_after_output(boxes, sleeping, eventually):
    ends, polite, asks = (
        boxes.shell(UNTIL_GO),
        boxes.shell("trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done"),
        boxes.shell("printf 'name? '; read name; echo hello $name; exit 5"),
    )
    asks.run.update(tty=True, interactive=True)
    pid = sleeping(ends, polite, asks)[0]

    assert size(pid) < 64 and procfs.stat(pid)["name"] == "pyc-monitor"
    assert ends.state["status"] == "running" and ends.log() == "up\n"
    assert ends.execute("touch", "/go")["rc"] == 0
    assert ends.wait() == 3
    assert ends.log() == "up\npartial\n" and ends.state["error"] == ""
    eventually(lambda: (procfs.stat(pid) or {"state": "Z"})["state"] == "Z")

    assert polite.stop() == 4 and polite.log() == "up\nbye\n"

    assert asks.log() == ""
    connection, its = socket.socketpair()
    connection.settimeout(10)
    monitor_client.attach(asks.paths, asks.ident, its.fileno(), replay=True)
    its.close()
    assert connection.recv(100) == b"name? "
    connection.sendall(b"you\n")
    assert asks.wait() == 5
    connection.close()
    assert asks.log().replace("\r", "").endswith("hello you\n")


def test_pause_and_stop(boxes, sleeping):
    paused = boxes("/bin/sleep", "1000")
    sleeping(paused)
    monitor_client.pause(paused.paths, paused.ident)
    monitor_client.unpause(paused.paths, paused.ident)
    assert paused.stop(timeout=0) == 137


def test_restart_after_sleep(boxes, sleeping, eventually):
    box = boxes.shell("exec sleep 1000")
    box.run["restart"] = {"policy": "always", "retries": None}
    [pid] = sleeping(box)
    os.kill(box.state["pid"], 9)
    eventually(lambda: box.state["restarts"] == 1 and box.state["status"] == "running")
    assert monitor_of(box) == pid and not asleep(pid)
    # What enters a container is forked from it: its interpreter is one that can't be written to (oci/launch/sealed_interpreter.py).
    assert sealed_interpreter.sealed(pid)


def test_published_ports_during_sleep_and_a_second_sleep(boxes, bridge, sleeping, eventually):
    port = free_port()
    box, _link = web(boxes, bridge, port)
    [pid] = sleeping(box)
    before = set(os.listdir("/proc/%d/fd" % pid))
    assert fetch("127.0.0.1:%d" % port) == b"hello from inside\n"
    assert not asleep(pid) and monitor_of(box) == pid
    eventually(lambda: asleep(pid), 60)
    # what it does not need is closed a moment after it has become another program: of the first time some may have been seen still
    eventually(lambda: len(os.listdir("/proc/%d/fd" % pid)) <= len(before))
    assert fetched("127.0.0.1:%d" % port)
    box.stop(timeout=0)
    assert not fetched("127.0.0.1:%d" % port)


def test_other_ports_of_one_that_sleeps(boxes, bridge, sleeping):
    """What is no longer published is closed, what stays is served on by the same socket, and what can't be had changes nothing."""
    gone, kept = free_port(), free_port()
    box, _link = web(boxes, bridge, gone)
    first = box.run["network"]["ports"][0]
    box.run["network"]["ports"] = [first, dict(first, host_port=kept)]
    sleeping(box)
    box.run["network"]["ports"] = [dict(first, host_port=kept)]
    box.write()
    monitor_client.reload(box.paths, box.ident)
    assert box.state["network"]["ports"] == box.run["network"]["ports"]
    assert fetched("127.0.0.1:%d" % kept) and not fetched("127.0.0.1:%d" % gone)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        box.run["network"]["ports"] = [dict(first, host_port=taken.getsockname()[1])]
        box.write()
        with pytest.raises(HostError, match="taken by process"):
            monitor_client.reload(box.paths, box.ident)
    assert fetched("127.0.0.1:%d" % kept)
    assert box.state["network"]["ports"] == [dict(first, host_port=kept)]
