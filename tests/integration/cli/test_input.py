# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard input, terminals and signals of ``run``, ``start`` and ``exec`` on the host."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time

from pycontainer import install

RUN = ("run", "--rm", "--network", "none")


def command(docker, *argv):
    install.ensure(docker.engine)
    return install.command_line(docker.engine) + list(argv)


def test_input_from_a_pipe_ends_where_the_pipe_ends(docker):
    assert docker.on_host(*RUN, "-i", "box:1", "cat", stdin="one\ntwo\n") == (0, "one\ntwo\n", "")
    assert docker.on_host(*RUN, "-i", "--init", "box:1", "wc", "-c", stdin="x" * 300000) == (0, "300000\n", "")
    assert docker.on_host(*RUN, "-i", "box:1", "sh", "-c", "read a; echo got $a; exit 4", stdin="one\ntwo\n") == (4, "got one\n", "")
    assert docker.on_host(*RUN, "box:1", "cat", stdin="not passed on\n") == (0, "", "")
    assert docker("ps", "-aq") == ""


def test_input_that_goes_on_does_not_hold_up_the_end(docker):
    process = subprocess.Popen(command(docker, *RUN, "-i", "box:1", "echo", "quick"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.wait(timeout=20) == 0 and process.stdout.read() == b"quick\n"
    process.stdin.close()
    process.stdout.close()


def test_the_container_does_not_get_hold_of_the_file_itself(docker, tmp_path):
    (tmp_path / "file").write_text("kept\n")
    with open(tmp_path / "file") as file:
        done = subprocess.run(command(docker, *RUN, "-i", "box:1", "sh", "-c", "cat; echo lost > /proc/self/fd/0"), stdin=file, stdout=subprocess.PIPE,
                              timeout=20, check=False)
    assert done.stdout == b"kept\n" and (tmp_path / "file").read_text() == "kept\n"


def test_every_attached_start_has_input_of_its_own(docker):
    docker("create", "-i", "--network", "none", "--name", "count", "box:1", "wc", "-l")
    for lines in (3, 5):
        assert docker.on_host("start", "-ai", "count", stdin="x\n" * lines) == (0, "%d\n" % lines, "")


def test_a_detached_container_keeps_its_input_open(docker):
    docker("run", "-d", "-i", "--network", "none", "--stop-timeout", "0", "--name", "open", "box:1", "cat")
    time.sleep(0.3)
    assert docker("inspect", "-f", "{{.State.Running}}", "open") == "true"


def test_signals_are_passed_on(docker):
    script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(command(docker, *RUN, "box:1", "sh", "-c", script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 9 and process.stdout.read() == b"got it\n"
    process.stdout.close()


def at_terminal(docker, *argv, typed=b"", timeout=20):
    """What a command shows at a terminal where ``typed`` is typed as soon as there is a prompt, and its exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command(docker)[0], command(docker, *argv))
    shown, end = b"", time.monotonic() + timeout
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(terminal, 4096)
            except OSError:  # EIO: it has ended
                break
            shown += data
            if typed and b"#" in shown:
                os.write(terminal, typed)
                typed = b""
        else:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode().replace("\r", "")


def test_at_a_terminal(docker):
    docker("create", "--network", "none", "--name", "warm", "box:1")  # the command is laid down before anything is timed
    code, shown = at_terminal(docker, *RUN, "-it", "-e", "PS1=# ", "box:1", "sh", typed=b"tty; exit 3\n")
    assert code == 3 and "/dev/pts/0" in shown
    docker("run", "-dit", "--network", "none", "--stop-timeout", "0", "--name", "shell", "-e", "PS1=# ", "box:1", "sh")
    code, shown = at_terminal(docker, "exec", "-it", "shell", "sh", "-c", "tty; exit 5")
    assert code == 5 and "/dev/pts/" in shown
    code, shown = at_terminal(docker, "attach", "shell", typed=b"echo $((6*7)); exit 6\n")
    assert code == 6 and "42" in shown
