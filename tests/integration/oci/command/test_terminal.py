# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminals: handed over by a socket, or copied by the command itself."""

from __future__ import annotations

import array
import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from support.waiting import until


class Receiver:
    """A socket that takes one terminal."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(self.path)
        self.socket.listen(1)

    def take(self, named=b"/dev/"):
        connection = self.socket.accept()[0]
        name, ancillary, dummy_flags, dummy_address = connection.recvmsg(100, socket.CMSG_LEN(4))
        assert name.startswith(named)
        return array.array("i", ancillary[0][2])[0]


def read_until(fd, words, seconds=30):
    """What comes from a terminal up to ``words``."""
    found, end = b"", time.monotonic() + seconds
    while words not in found and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                found += os.read(fd, 4096)
            except OSError:
                break
    return found


def test_the_master_goes_to_the_console_socket(runtime, bundle):
    receiver = Receiver(bundle.path / "socket")
    bundle.config["process"]["consoleSize"] = {"height": 33, "width": 101}
    bundle.save(terminal=True, args=["sh", "-c", "tty; stty size; read line; echo got $line"])
    runtime.ok("create", "--console-socket", receiver.path, "--bundle", bundle.path, "c")
    master = receiver.take()
    runtime.ok("start", "c")
    out = read_until(master, b"101")
    assert b"/dev/pts/0" in out or b"/dev/console" in out
    assert b"33 101" in out
    os.write(master, b"word\n")
    assert b"got word" in read_until(master, b"got word")


def test_exec_with_a_console_socket(runtime, bundle):
    runtime.detached(bundle.save(), "c")
    receiver = Receiver(bundle.path / "socket")
    runtime.ok(
        "exec",
        "--tty",
        "--detach",
        "--console-socket",
        receiver.path,
        "c",
        "sh",
        "-c",
        "read line; echo got $line",
    )
    master = receiver.take()
    os.write(master, b"word\n")
    assert b"got word" in read_until(master, b"got word")


@pytest.mark.parametrize("command", ("create", "run", "exec"))
def test_a_descriptor_of_the_process_goes_to_the_pidfd_socket(runtime, bundle, command):
    if command == "exec":
        runtime.detached(bundle.save(), "c")
    receiver = Receiver(bundle.path / "socket")
    more = {
        "create": ("--bundle", bundle.path, "c"),
        "run": ("--detach", "--bundle", bundle.path, "c"),
        "exec": ("--detach", "c", "sleep", "1000"),
    }
    runtime.ok(
        command,
        "--pidfd-socket",
        receiver.path,
        "--pid-file",
        bundle.path / "pid",
        *more[command],
        stdout=subprocess.DEVNULL,
        stderr=None,
    )
    fd = receiver.take(b"pidfd")
    pid = int((bundle.path / "pid").read_text())
    with open("/proc/self/fdinfo/%d" % fd) as file:
        assert "Pid:\t%d\n" % pid in file.read()
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    assert select.select([fd], [], [], 20)[0]
    os.close(fd)


def test_a_pidfd_socket_at_which_nobody_listens(runtime, bundle):
    assert "--pidfd-socket" in runtime.fails(
        "run", "--pidfd-socket", bundle.path / "none", "--bundle", bundle.path, "c"
    )
    assert os.listdir(runtime.root) == []


def test_terminals_that_nobody_takes(runtime, bundle):
    bundle.save(terminal=True)
    for command in (("create",), ("run", "--detach")):
        assert "--console-socket" in runtime.fails(*command, "--bundle", bundle.path, "c")
    assert "--console-socket" in runtime.fails(
        "create", "--console-socket", bundle.path / "nobody", "--bundle", bundle.path, "c"
    )
    bundle.save(terminal=False)
    assert "no terminal" in runtime.fails(
        "create", "--console-socket", bundle.path / "nobody", "--bundle", bundle.path, "c"
    )
    assert not os.path.exists(runtime.root) or os.listdir(runtime.root) == []


def test_run_copies_its_own_terminal_with_its_size(runtime, bundle):
    script = (
        "stty size; trap 'stty size; exit 3' WINCH; touch /tmp/ready; while :; do sleep 0.05; done"
    )
    bundle.save(terminal=True, args=["sh", "-c", script])
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    before = termios.tcgetattr(slave)
    call = subprocess.Popen(
        runtime.argv("run", "--bundle", bundle.path, "c"), stdin=slave, stdout=slave, stderr=slave
    )
    assert b"40 120" in read_until(master, b"40 120")
    assert until((bundle.rootfs / "tmp" / "ready").exists)
    assert not termios.tcgetattr(slave)[3] & termios.ECHO  # raw
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 41, 121, 0, 0))
    call.send_signal(signal.SIGWINCH)
    assert b"41 121" in read_until(master, b"41 121")
    assert call.wait(60) == 3
    assert termios.tcgetattr(slave) == before


def test_input_and_control_c_reach_the_program(runtime, bundle):
    runtime.detached(bundle.save(), "c")
    master, slave = pty.openpty()
    script = "trap 'echo interrupted; exit 5' INT; read line; echo got $line; while :; do sleep 0.05; done"
    call = subprocess.Popen(
        runtime.argv("exec", "-t", "c", "sh", "-c", script), stdin=slave, stdout=slave, stderr=slave
    )
    os.write(master, b"word\r")
    assert b"got word" in read_until(master, b"got word")
    os.write(master, b"\x03")
    assert b"interrupted" in read_until(master, b"interrupted")
    assert call.wait(60) == 5


def test_lines_end_as_written_where_the_output_is_no_terminal(runtime, bundle):
    bundle.save(terminal=True, args=["sh", "-c", "test -t 1 && printf 'one\\ntwo\\n'"])
    assert (
        subprocess.run(
            runtime.argv("run", "--bundle", bundle.path, "c"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
        ).stdout
        == b"one\ntwo\n"
    )
