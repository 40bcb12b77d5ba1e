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

from pycontainer.deploy import install
from support import terminals

RUN = ("run", "--rm", "--network", "none")


def command(docker, *argv):
    install.ensure(docker.engine)
    return install.command_line(docker.engine) + list(argv)


def test_input_from_a_pipe_ends_where_the_pipe_ends(docker):
    assert docker.on_host(*RUN, "-i", "box:1", "cat", stdin="one\ntwo\n") == (0, "one\ntwo\n", "")
    assert docker.on_host(*RUN, "-i", "--init", "box:1", "wc", "-c", stdin="x" * 300000) == (
        0,
        "300000\n",
        "",
    )
    assert docker.on_host(
        *RUN, "-i", "box:1", "sh", "-c", "read a; echo got $a; exit 4", stdin="one\ntwo\n"
    ) == (4, "got one\n", "")
    assert docker.on_host(*RUN, "box:1", "cat", stdin="not passed on\n") == (0, "", "")
    assert docker("ps", "-aq") == ""


def test_input_that_goes_on_does_not_hold_up_the_end(docker):
    process = subprocess.Popen(
        command(docker, *RUN, "-i", "box:1", "echo", "quick"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.wait(timeout=20) == 0 and process.stdout.read() == b"quick\n"
    process.stdin.close()
    process.stdout.close()


def test_the_container_does_not_get_hold_of_the_file_itself(docker, tmp_path):
    (tmp_path / "file").write_text("kept\n")
    with open(tmp_path / "file") as file:
        done = subprocess.run(
            command(docker, *RUN, "-i", "box:1", "sh", "-c", "cat; echo lost > /proc/self/fd/0"),
            stdin=file,
            stdout=subprocess.PIPE,
            timeout=20,
            check=False,
        )
    assert done.stdout == b"kept\n" and (tmp_path / "file").read_text() == "kept\n"


def test_every_attached_start_has_input_of_its_own(docker):
    docker("create", "-i", "--network", "none", "--name", "count", "box:1", "wc", "-l")
    for lines in (3, 5):
        assert docker.on_host("start", "-ai", "count", stdin="x\n" * lines) == (
            0,
            "%d\n" % lines,
            "",
        )


def test_a_detached_container_keeps_its_input_open(docker):
    docker(
        "run",
        "-d",
        "-i",
        "--network",
        "none",
        "--stop-timeout",
        "0",
        "--name",
        "open",
        "box:1",
        "cat",
    )
    time.sleep(0.3)
    assert docker("inspect", "-f", "{{.State.Running}}", "open") == "true"


def test_signals_are_passed_on(docker):
    script = "trap 'echo got it; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        command(docker, *RUN, "box:1", "sh", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
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
    docker(
        "create", "--network", "none", "--name", "warm", "box:1"
    )  # the command is laid down before anything is timed
    code, shown = at_terminal(
        docker, *RUN, "-it", "-e", "PS1=# ", "box:1", "sh", typed=b"tty; exit 3\n"
    )
    assert code == 3 and "/dev/pts/0" in shown
    docker(
        "run",
        "-dit",
        "--network",
        "none",
        "--stop-timeout",
        "0",
        "--name",
        "shell",
        "-e",
        "PS1=# ",
        "box:1",
        "sh",
    )
    code, shown = at_terminal(docker, "exec", "-it", "shell", "sh", "-c", "tty; exit 5")
    assert code == 5 and "/dev/pts/" in shown
    code, shown = at_terminal(docker, "attach", "shell", typed=b"echo $((6*7)); exit 6\n")
    assert code == 6 and "42" in shown


LEAVE = "\x10\x11"
SHELL = ("--network", "none", "--stop-timeout", "0", "-e", "PS1=# ", "box:1", "sh")


def left(docker, *argv, keys=LEAVE, first=""):
    """Type ``first`` at a terminal of a command's, and leave it by the keys: what was shown."""
    with terminals.Terminal(command(docker, *argv)) as terminal:
        terminal.wait_for(lambda terminal: "#" in terminal.output)
        terminal.type(first + keys)
        assert terminal.end() == 0, terminal.output
    assert terminal.lines()[-1].endswith("read escape sequence")
    return terminal.output


def test_the_detach_keys_leave_a_container_running(docker):
    left(docker, "run", "-it", "--name", "one", *SHELL, first="cd /srv\n")
    assert docker("ps", "--format", "{{.Names}}") == "one"
    with terminals.Terminal(
        command(docker, "attach", "--detach-keys", "ctrl-a,x", "one")
    ) as terminal:
        terminal.wait_for(lambda terminal: "#" in terminal.output)  # what it has written before
        terminal.type("pwd\n")
        terminal.wait_for(lambda terminal: "/srv\r" in terminal.output)
        terminal.type("cat\n\x10\x11\x01y$\n")  # neither the other keys nor a part of these
        terminal.wait_for(lambda terminal: "y$\r" in terminal.output)
        terminal.type("\x01x")
        assert terminal.end() == 0
    docker("stop", "one")
    left(docker, "start", "-ai", "one")
    assert docker("ps", "--format", "{{.Names}}") == "one"


def test_a_container_that_was_left_still_goes_at_its_end(docker):
    left(docker, "run", "--rm", "-it", "--name", "gone", *SHELL)
    assert docker("ps", "--format", "{{.Names}}") == "gone"
    docker("stop", "gone")
    until = time.monotonic() + 20
    while docker("ps", "-aq"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_command_that_was_left_goes_on_with_its_terminal(docker):
    docker("run", "-d", "--name", "host", "--network", "none", "--stop-timeout", "0", "box:1")
    script = "echo '#'; trap 'echo HUP > /tmp/hup' HUP; read x; seq 100000; echo through > /tmp/told; read y; exit 1"
    with terminals.Terminal(
        command(docker, "exec", "-it", "--detach-keys", "ctrl-]", "host", "sh", "-c", script)
    ) as terminal:
        terminal.wait_for(lambda terminal: "#" in terminal.output)
        terminal.type("go\n\x1d")
        assert terminal.end() == 0
    until = time.monotonic() + 20
    while (
        docker.task("exec", "host", "cat", "/tmp/told")["stdout"] != "through"
    ):  # more than a terminal holds was taken from it
        assert time.monotonic() < until
        time.sleep(0.05)
    assert docker.task("exec", "host", "cat", "/tmp/hup")["rc"] == 1


def test_wrong_keys_are_refused_before_anything_is_made(docker):
    code, _out, errors = docker.on_host("run", "-i", "--detach-keys", "ctrl-1", "box:1", "true")
    assert (
        code == 125
        and "--detach-keys: 'ctrl-1' is not valid" in errors
        and docker("ps", "-aq") == ""
    )


def test_attach_without_a_terminal_shows_what_it_writes_and_passes_on_input(docker):
    docker(
        "run",
        "-d",
        "-i",
        "--network",
        "none",
        "--stop-timeout",
        "0",
        "--name",
        "reader",
        "box:1",
        "sh",
        "-c",
        "while read line; do echo got $line; echo err $line >&2; [ $line != end ] || exit 7; done",
    )
    process = subprocess.Popen(
        command(docker, "attach", "reader"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"got one\n" and process.stderr.readline() == b"err one\n"
    second = subprocess.Popen(
        command(docker, "attach", "--no-stdin", "reader"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    second.stdin.write(b"unread\n")
    second.stdin.flush()
    until = time.monotonic() + 20
    while not select.select([second.stdout], [], [], 0.05)[
        0
    ]:  # it has joined when it sees something
        assert time.monotonic() < until
        process.stdin.write(b"two\n")
        process.stdin.flush()
    out, errors = process.communicate(b"end\n", timeout=20)
    assert (process.returncode, set(out.split(b"\n"))) == (
        7,
        {b"got two", b"got end", b""},
    ) and errors.endswith(b"err two\nerr end\n")
    out, _errors = second.communicate(timeout=20)
    assert second.returncode == 7 and b"unread" not in out and out.endswith(b"got end\n")


def test_attach_passes_signals_on_unless_told_not_to(docker):
    script = "trap 'echo caught; exit 9' INT; echo ready; while :; do echo on; sleep 0.05; done"
    docker(
        "run",
        "-d",
        "--network",
        "none",
        "--stop-timeout",
        "0",
        "--name",
        "busy",
        "box:1",
        "sh",
        "-c",
        script,
    )
    alone = subprocess.Popen(
        command(docker, "attach", "--sig-proxy=false", "busy"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert alone.stdout.readline() == b"on\n"
    alone.send_signal(signal.SIGINT)
    assert alone.wait(timeout=20) == 130 and docker("ps", "--format", "{{.Names}}") == "busy"
    alone.stdout.close()
    process = subprocess.Popen(
        command(docker, "attach", "busy"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"on\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[0].endswith(b"caught\n") and process.returncode == 9
