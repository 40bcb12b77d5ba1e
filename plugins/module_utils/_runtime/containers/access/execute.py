# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""exec: run a command in a running container.

The caller (a module, the command) has too much in memory to be forked into a container, so it asks the zygote, which forks
a worker: the worker starts the process (containers/monitor/exec_worker.py), passes the caller's descriptors on to it and reports how it ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import time

from ...errors import ContainerFailed, EngineError
from ...kernel.calls import constants
from ...kernel.processes import pidfd
from ...oci.launch import terminal as terminals
from ..client import messages, stdio
from ..monitor import exec_worker
from ..records import state
from ..spec import run_file

SIGWINCH = 28


def serve(paths, message, descriptors, connection, limits=None):
    """The worker's life: start what ``message`` asks for, answer ``{"pid"}``, wait for its end, answer ``{"rc"}``."""
    streams = iter(descriptors)
    given = [next(streams) if wanted else None for wanted in message["stdio"]]
    try:
        bundle = run_file.Bundle(paths, message["id"])
        process = exec_worker.process(
            bundle,
            state.read(paths, message["id"]),
            message["argv"],
            given,
            message.get("user"),
            message.get("cwd"),
            message.get("env"),
            message.get("tty"),
            message.get("privileged"),
            limits,
        )
        process.start()
    except EngineError as error:
        messages.send(
            connection, {"error": str(error), "exit_code": getattr(error, "exit_code", None)}
        )
        return
    except Exception as error:  # pylint: disable=broad-except # a defect
        messages.send(connection, {"error": defect(paths, error)})
        return
    for fd in descriptors:
        os.close(fd)
    messages.send(
        connection,
        {"pid": process.pid, "warnings": process.warnings},
        [process.terminal] if process.terminal is not None else [],
    )
    if message.get("detach"):
        return
    if process.terminal is not None:
        os.close(process.terminal)
    code, signal = _attend(process, connection)
    with contextlib.suppress(messages.Gone):
        messages.send(connection, {"rc": code if signal is None else 128 + signal})


def defect(paths, error):
    """The sentence about an exception that nobody expected; its traceback goes to the zygote's log, which is this process's error stream."""
    import sys
    import traceback

    from ...untrusted.text import entry

    sys.stderr.write(
        entry("".join(traceback.format_exception(type(error), error, error.__traceback__)), None)
        + "\n"
    )
    sys.stderr.flush()
    return f"the engine failed unexpectedly ({type(error).__name__}: {error}); {os.path.join(paths.run, 'zygote.log')} has the traceback"


def _attend(process, connection):
    """Wait for the end; signals for it come over the connection, whose end changes nothing, and its terminal when the caller leaves that."""
    poll = select.poll()
    poll.register(process.pidfd, select.POLLIN)
    poll.register(connection, select.POLLIN)
    left = None
    while True:
        for fd, _events in poll.poll():
            if fd == process.pidfd:
                return pidfd.reap(process.pidfd)
            if fd == left:  # what it writes to a terminal that nobody looks at
                if not _read(left, []):
                    poll.unregister(left)
                continue
            try:
                message, fds = messages.receive(connection)
                if fds:
                    left = fds[0]
                    poll.register(left, select.POLLIN)
                else:
                    pidfd.send(process.pidfd, message["signal"])
            except messages.Gone:
                poll.unregister(connection)


# ------------------------------------------------------------------------------------------------------------- the caller's side


class Session:
    """A command under way; ``terminal`` is its master where it has one."""

    def __init__(self, paths, ident, argv, streams=(None, None, None), **options):
        from ..client import zygote_client

        message = dict(
            options, op="exec", id=ident, argv=list(argv), stdio=[fd is not None for fd in streams]
        )
        self.connection = zygote_client.connect(paths)
        try:
            messages.send(self.connection, message, [fd for fd in streams if fd is not None])
            answer, fds = messages.receive(self.connection)
        except messages.Gone:
            self.connection.close()
            raise ContainerFailed(
                f"container {ident}: the process that should have started the command was killed"
            ) from None
        if "error" in answer:
            self.connection.close()
            raise ContainerFailed(answer["error"], exit_code=answer.get("exit_code"))
        self.pid, self.warnings, self.terminal = (
            answer["pid"],
            answer["warnings"],
            fds[0] if fds else None,
        )

    def kill(self, signal=constants.SIGKILL):
        with contextlib.suppress(messages.Gone):
            messages.send(self.connection, {"signal": signal})

    def leave(self):
        """Hand its terminal over to its worker, which holds it open from now on."""
        with contextlib.suppress(messages.Gone):
            messages.send(self.connection, {}, [self.terminal])
        self.connection.close()

    def result(self):
        """Its exit code, 128 + n after signal n. :raises ContainerFailed: when the worker was killed."""
        try:
            return messages.receive(self.connection)[0]["rc"]
        except messages.Gone:
            raise ContainerFailed(
                "the command's exit code is unknown: the process that waited for it was killed"
            ) from None
        finally:
            self.connection.close()


def run(
    paths,
    ident,
    argv,
    *,
    user=None,
    cwd=None,
    env=None,
    stdin=None,
    tty=False,
    detach=False,
    privileged=False,
    timeout=None,
):
    """Run a command in a container and take what it writes.

    :param stdin: bytes, or None for an empty input. :param timeout: seconds after which it is killed.
    :returns: ``{"rc", "stdout": bytes, "stderr": bytes, "timed_out": bool}``; with ``detach`` ``{"pid"}`` at once.
    :raises ContainerFailed: when it can't be started; ``exit_code`` is 126 or 127 as a shell's.
    """
    options = {"user": user, "cwd": cwd, "env": env, "tty": tty, "privileged": privileged}
    if detach:
        session = Session(paths, ident, argv, detach=True, **options)
        session.connection.close()
        if session.terminal is not None:
            os.close(session.terminal)
        return {"pid": session.pid}
    if tty:
        session = Session(paths, ident, argv, **options)
        ends = {session.terminal: "stdout"}
        writer = os.dup(session.terminal) if stdin else None
    else:
        session, out, err, writer = _piped(paths, ident, argv, stdin is not None, options)
        ends = {out: "stdout", err: "stderr"}
    return _collect(session, ends, writer, stdin or b"", timeout)


def _piped(paths, ident, argv, with_input, options):
    """Start a command with pipes for its streams: ``(session, stdout, stderr, stdin or None)``, the ends of this side."""
    pipes = [stdio.pipe(paths, ident) for _stream in range(3 if with_input else 2)]
    inner = (pipes[2][0] if with_input else None, pipes[0][1], pipes[1][1])
    try:
        session = Session(paths, ident, argv, inner, **options)
    except BaseException:
        for fd in [fd for pipe in pipes for fd in pipe]:
            os.close(fd)
        raise
    for fd in inner:
        if fd is not None:
            os.close(fd)
    return session, pipes[0][0], pipes[1][0], pipes[2][1] if with_input else None


def _collect(session, ends, writer, stdin, timeout):
    output, timed_out = {"stdout": [], "stderr": []}, False
    poll = select.poll()
    for fd in list(ends) + [writer]:
        if fd is not None:
            os.set_blocking(fd, False)
            poll.register(fd, select.POLLOUT if fd == writer else select.POLLIN)
    poll.register(session.connection, select.POLLIN)
    deadline = None if timeout is None else time.monotonic() + timeout
    view, running = memoryview(stdin), True
    while running:
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        events = poll.poll(left)
        if not events and not timed_out:
            session.kill()
            timed_out, deadline = True, None
        for fd, _event in events:
            if fd == session.connection.fileno():
                running = False
            elif fd == writer:
                view = _write(fd, view)
                if not view:
                    poll.unregister(fd)
                    os.close(fd)
                    writer = None
            elif not _read(fd, output[ends[fd]]):
                poll.unregister(fd)
    for (
        fd,
        name,
    ) in (
        ends.items()
    ):  # what it wrote before its end is in the pipes; who inherited them is not waited for
        while _read(fd, output[name]):
            pass
    for fd in list(ends) + ([writer] if writer is not None else []):
        os.close(fd)
    return {
        "rc": session.result(),
        "stdout": b"".join(output["stdout"]),
        "stderr": b"".join(output["stderr"]),
        "timed_out": timed_out,
    }


def _write(fd, view):
    try:
        return view[os.write(fd, view) :]
    except BlockingIOError:
        return view
    except OSError:  # it reads no more
        return view[:0]


def _read(fd, into):
    """Whether there was something to read."""
    try:
        data = os.read(fd, 1 << 16)
    except OSError:  # nothing now, or a terminal without another side
        return False
    into.append(data)
    return bool(data)


def interactive(
    paths,
    ident,
    argv,
    *,
    user=None,
    cwd=None,
    env=None,
    tty=False,
    stdin=True,
    privileged=False,
    keys=b"",
):
    """Run a command whose streams are passed on from and to this process's own, or whose terminal is joined to it. Returns its exit code.

    :param keys: see :func:`bridge`. :raises detach_keys.Detached: the command goes on.

    The descriptors themselves stay here: through one of them the command could open the host's terminal or file anew.
    """
    options = {"user": user, "cwd": cwd, "env": env, "tty": tty, "privileged": privileged}
    if not tty:
        session, out, err, writer = _piped(paths, ident, argv, stdin, options)
        if writer is not None:
            import threading

            threading.Thread(target=feed, args=(writer,), daemon=True).start()
        _show(session, {out: 1, err: 2})
        return session.result()
    session = Session(paths, ident, argv, **options)
    bridge(session.terminal, session.connection.fileno(), stdin, keys=keys, leave=session.leave)
    return session.result()


def feed(writer):
    """Copy this process's standard input to ``writer`` (fd) until either ends; run in a thread of its own."""
    try:
        while True:
            data = os.read(0, 1 << 16)
            if not data:
                break
            while data:
                data = data[os.write(writer, data) :]
    except OSError:
        pass  # the command has ended, or reads no more
    finally:
        os.close(writer)


def _show(session, ends):
    """Copy what comes from ``ends`` ({fd: fd of this process}) until the command has ended; who inherited the pipes is not waited for."""
    poll = select.poll()
    for fd in ends:
        os.set_blocking(fd, False)
        poll.register(fd, select.POLLIN)
    poll.register(session.connection, select.POLLIN)
    running = True
    while running:
        for fd, _event in poll.poll():
            if fd == session.connection.fileno():
                running = False
            elif not _copied(fd, ends[fd]):
                poll.unregister(fd)
    for fd, target in ends.items():
        while _copied(fd, target):
            pass
        os.close(fd)


def _copied(fd, target):
    """Whether there was something to copy."""
    pieces = []
    if not _read(fd, pieces):
        return False
    data = pieces[0]
    while data:
        data = data[os.write(target, data) :]
    return True


def bridge(terminal, until=None, stdin=True, set_size=terminals.set_size, keys=b"", leave=None):
    """Join this process's terminal to another one (or a socket to it) until that ends or ``until`` (fd) has something to read.

    :param set_size: ``set_size(terminal, rows, columns)`` tells the other one the size of this one, at first and when it changes.
    :param keys: what has to be typed to leave it, of a person at a terminal. :param leave: called before it is closed then.
    :raises detach_keys.Detached: when they were typed.
    """
    import signal
    import termios
    import tty

    from . import detach_keys

    saved = termios.tcgetattr(0) if stdin and os.isatty(0) else None
    watch = detach_keys.Watch(keys) if keys and saved is not None else None

    def resize(*_signal):
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(1)
            set_size(terminal, size.lines, size.columns)

    before = signal.signal(SIGWINCH, resize)
    try:
        if saved is not None:
            tty.setraw(0)
        resize()
        poll = select.poll()
        for fd in (terminal,) + ((until,) if until is not None else ()) + ((0,) if stdin else ()):
            poll.register(fd, select.POLLIN)
        if _copy(poll, terminal, until, watch):
            if leave is not None:
                leave()
            raise detach_keys.Detached()
    finally:
        signal.signal(SIGWINCH, before)
        if saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        os.close(terminal)


def _copy(poll, terminal, until, watch):
    """Copy in both directions; whether the keys that ``watch`` looks for were typed."""
    ended = False
    while True:
        events = poll.poll(50 if ended else None)
        if ended and not events:
            return False
        for fd, _event in events:
            if fd == until:
                ended = True
                poll.unregister(until)
                continue
            try:
                data = os.read(fd, 1 << 16)
            except OSError:
                data = b""
            if not data and fd == terminal:
                return False
            if not data:
                poll.unregister(0)
                continue
            left = False
            if fd != terminal and watch is not None:
                data, left = watch.take(data)
            target = 1 if fd == terminal else terminal
            while data:
                data = data[os.write(target, data) :]
            if left:
                return True
