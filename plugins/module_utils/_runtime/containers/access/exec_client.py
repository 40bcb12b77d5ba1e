# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``exec``: run a command in a running container; the caller's side.

The caller (a module, the host's command) has too much in memory to be forked into a container. It
asks the zygote, which forks a worker (workers/exec_worker.py). The worker starts the command with
the descriptors that the caller sent, and reports how it ended.
"""

from __future__ import annotations

import contextlib
import os
import select
import time

from ...errors import ContainerFailed, required
from ...kernel.calls import constants
from ..client import messages, stdio, zygote_client
from . import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypedDict, Unpack

    from ...store.paths import Paths

    class Options(TypedDict, total=False):
        """How a command runs, beside its arguments; what is left out is as the container has it."""

        user: str | None  # "user[:group]"
        cwd: str | None  # absolute path inside
        env: dict[str, str] | None  # in addition to the container's
        tty: bool  # with a terminal of its own
        privileged: bool  # with all capabilities and no AppArmor profile

    class Outcome(TypedDict):
        """``rc``: the exit code, 128 + n after signal n."""

        rc: int
        stdout: bytes
        stderr: bytes
        timed_out: bool


PIECE = 1 << 16
TERMINAL = "the terminal of a command"


class Session:
    """A command under way.

    :param streams: three descriptors for its standard streams; None stands for the container's
        /dev/null. Not used with a terminal.
    :ivar pid: the host's. :ivar exec_id: 64 digits, as the events of it have it ("" of a file's
        transfer). :ivar warnings: sentences. :ivar terminal: the descriptor of its
        terminal's other side, None where it has none.
    :raises ContainerFailed: it can't be started; ``exit_code`` is 126 or 127 as a shell's.
    """

    def __init__(
        self,
        paths: Paths,
        ident: str,
        argv: Iterable[str],
        streams: tuple[int | None, ...] = (None, None, None),
        detach: bool = False,
        **options: Unpack[Options],
    ) -> None:
        request: messages.ExecRequest = {
            "op": "exec",
            "id": ident,
            "argv": list(argv),
            "stdio": [fd is not None for fd in streams],
            "detach": detach,
            **options,
        }
        self.connection = zygote_client.connect(paths)
        try:
            messages.send(self.connection, request, [fd for fd in streams if fd is not None])
            answer, fds = messages.receive(self.connection)
        except messages.Gone:
            self.connection.close()
            raise ContainerFailed(
                f"container {ident}: the process that should have started the command was killed"
            ) from None
        if "error" in answer:
            self.connection.close()
            raise ContainerFailed(answer["error"], exit_code=answer.get("exit_code"))
        self.pid: int = answer["pid"]
        self.exec_id: str = answer["exec_id"]
        self.warnings: list[str] = answer["warnings"]
        self.terminal = fds[0] if fds else None

    def kill(self) -> None:
        """Kill the command; one that has ended is fine."""
        with contextlib.suppress(messages.Gone):
            messages.send(self.connection, {"signal": constants.SIGKILL})

    def leave(self) -> None:
        """Hand the terminal to the worker, which holds it open from now on."""
        with contextlib.suppress(messages.Gone):
            messages.send(self.connection, {}, [required(self.terminal, TERMINAL)])
        self.connection.close()

    def result(self) -> int:
        """Wait for the exit code, 128 + n after signal n.

        :raises ContainerFailed: the worker was killed.
        """
        try:
            rc: int = messages.receive(self.connection)[0]["rc"]
            return rc
        except messages.Gone:
            raise ContainerFailed(
                "the command's exit code is unknown: the process that waited for it was killed"
            ) from None
        finally:
            self.connection.close()


def run(
    paths: Paths,
    ident: str,
    argv: Iterable[str],
    *,
    stdin: bytes | None = None,
    timeout: float | None = None,
    **options: Unpack[Options],
) -> Outcome:
    """Run a command in a container and take what it writes.

    :param stdin: None for an empty input. :param timeout: seconds after which it is killed.
    :raises ContainerFailed: see :class:`Session`.
    """
    if options.get("tty"):
        session = Session(paths, ident, argv, **options)
        terminal = required(session.terminal, TERMINAL)
        ends = {terminal: "stdout"}
        writer = os.dup(terminal) if stdin else None
    else:
        session, out, err, writer = _start_with_pipes(
            paths, ident, argv, stdin is not None, options
        )
        ends = {out: "stdout", err: "stderr"}
    return _Collector(session, ends, writer, stdin or b"").collect(timeout)


def start(paths: Paths, ident: str, argv: Iterable[str], **options: Unpack[Options]) -> Session:
    """Start a command that nobody waits for; nothing more comes from the session returned.

    :raises ContainerFailed: see :class:`Session`.
    """
    session = Session(paths, ident, argv, detach=True, **options)
    session.connection.close()
    if session.terminal is not None:
        os.close(session.terminal)
    return session


def interactive(
    paths: Paths,
    ident: str,
    argv: Iterable[str],
    *,
    stdin: bool = True,
    keys: bytes = b"",
    **options: Unpack[Options],
) -> int:
    """Run a command with this process's standard streams, or terminal; returns its exit code.

    The descriptors themselves stay here, and what comes is copied: through one of them the command
    could open the host's terminal or file anew.

    :param stdin: whether to pass the standard input on. :param keys: see attach.bridge.
    :raises detach_keys.Detached: the keys were typed; the command goes on.
    """
    if options.get("tty"):
        session = Session(paths, ident, argv, **options)
        terminal = required(session.terminal, TERMINAL)
        attach.bridge(terminal, session.connection.fileno(), stdin, keys=keys, leave=session.leave)
        return session.result()
    session, out, err, writer = _start_with_pipes(paths, ident, argv, stdin, options)
    if writer is not None:
        import threading  # not at the top: few commands are given an input

        threading.Thread(target=attach.feed, args=(writer,), daemon=True).start()
    _show(session, {out: 1, err: 2})
    return session.result()


def _start_with_pipes(
    paths: Paths, ident: str, argv: Iterable[str], with_input: bool, options: Options
) -> tuple[Session, int, int, int | None]:
    """Start a command on pipes; returns this side's ends: ``(session, out, err, in or None)``."""
    pipes = [stdio.pipe(paths, ident) for _stream in range(3 if with_input else 2)]
    inner = (pipes[2][0] if with_input else None, pipes[0][1], pipes[1][1])
    try:
        session = Session(paths, ident, argv, inner, **options)
    except BaseException:
        for fd in [fd for pipe in pipes for fd in pipe]:
            os.close(fd)
        raise
    for end in inner:
        if end is not None:
            os.close(end)
    return session, pipes[0][0], pipes[1][0], pipes[2][1] if with_input else None


class _Collector:
    """Writes a command's input and takes its output, side by side, until it has ended.

    :param ends: ``{descriptor: "stdout" | "stderr"}``. :param writer: where its input goes.
    """

    def __init__(
        self, session: Session, ends: dict[int, str], writer: int | None, stdin: bytes
    ) -> None:
        self.session, self.ends, self.writer = session, ends, writer
        self.left = memoryview(stdin)
        self.output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self.poll = select.poll()
        for fd in ends:
            os.set_blocking(fd, False)
            self.poll.register(fd, select.POLLIN)
        if writer is not None:
            os.set_blocking(writer, False)
            self.poll.register(writer, select.POLLOUT)
        self.poll.register(session.connection, select.POLLIN)

    def collect(self, timeout: float | None) -> Outcome:
        """Return how it ended, and what it wrote. :param timeout: seconds until it is killed."""
        timed_out = self._attend(timeout)
        for fd, name in self.ends.items():
            # What it wrote before its end is in the pipes. Who inherited them is not waited for.
            while _read(fd, self.output[name]):
                pass
            os.close(fd)
        if self.writer is not None:
            os.close(self.writer)
        return {
            "rc": self.session.result(),
            "stdout": b"".join(self.output["stdout"]),
            "stderr": b"".join(self.output["stderr"]),
            "timed_out": timed_out,
        }

    def _attend(self, timeout: float | None) -> bool:
        """Copy until the command has ended; returns whether it was killed for its time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        timed_out = False
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
            events = self.poll.poll(left)
            if not events and not timed_out:
                self.session.kill()
                timed_out, deadline = True, None
            for fd, _event in events:
                if fd == self.writer:
                    self._write(fd)
                elif fd in self.ends and not _read(fd, self.output[self.ends[fd]]):
                    self.poll.unregister(fd)
            if any(fd == self.session.connection.fileno() for fd, _event in events):
                return timed_out

    def _write(self, writer: int) -> None:
        try:
            self.left = self.left[os.write(writer, self.left) :]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self.left = self.left[:0]
        if not self.left:
            self.poll.unregister(writer)
            os.close(writer)
            self.writer = None


def _read(fd: int, into: list[bytes]) -> bool:
    """Read what is there; returns whether there was something."""
    try:
        data = os.read(fd, PIECE)
    except OSError:  # nothing now, or a terminal without another side
        return False
    into.append(data)
    return bool(data)


def _show(session: Session, ends: dict[int, int]) -> None:
    """Copy the output until the command has ended. Who inherited the pipes is not waited for.

    :param ends: ``{descriptor to read: descriptor of this process to write to}``.
    """
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
            elif not _copy(fd, ends[fd]):
                poll.unregister(fd)
    for fd, target in ends.items():
        while _copy(fd, target):
            pass
        os.close(fd)


def _copy(fd: int, target: int) -> bool:
    """Copy what is there; returns whether there was something."""
    pieces: list[bytes] = []
    if not _read(fd, pieces):
        return False
    attach.write_all(target, pieces[0])
    return True
