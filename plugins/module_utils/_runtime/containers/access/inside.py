# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's side of Ansible's connection into a container: one request, one answer, and what goes
through them.

A task may come here several times, so this door loads next to nothing: no command line, no
database, no ``json``. What it can't do at once, or what fails, goes the ordinary way and gets its
sentence there.

Standard input: the size of the request in bytes, a line feed, the request, then the command's
input. The request is JSON:

    mark       what the answer is known by; nobody else knows it
    container  its name, its id, or 12 or more digits of that
    argv       the command; words: what to execute where argv[0] is not in the image, or null
    user, cwd, env, privileged     as of ``exec``
    become     null, or {"prompts": [...], "success": ..., "password": ..., "timeout": seconds}:
               a password is asked for before the command begins
    transfer   in place of argv: a part of a file (file_stream.py)
    list       in place of all that: write what ``inspect`` says of each container, a JSON list
    root, runroot   where the store is

Standard output: ``mark`` and a line feed, the command's output, then ``mark``, a blank and the exit
code, or JSON, ``{"error", "code"}``, and a line feed. Without that end nothing has happened that can
be relied on. The command ends with this process, and this process when nobody listens any more.
"""

from __future__ import annotations

import _socket
import os
import select
import time
from _struct import pack

from ... import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Request = dict[str, Any]
    Answer = dict[str, Any]

PIECE = 1 << 16
LARGEST = 1 << 26  # bytes of a request
FEW = 300  # containers whose names are looked for in their own files; the database knows them all
SHORTEST_ID = 12
PACKET = 1 << 17  # client/messages.py: what is larger goes another way
GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Refused(Exception):
    """The request can't be carried out; one sentence.

    :ivar code: 126 or 127 where it is the command that can't be executed.
    """

    def __init__(self, sentence: str, code: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code


def main(_words: list[str]) -> int:
    """Serve one request; returns the exit code, which is 0 where the answer says what happened."""
    try:
        request, rest = _take()
    except (OSError, ValueError, KeyError):
        os.write(2, b"pycontainer: this is what Ansible's connection runs on a host\n")
        return 2
    mark = os.fsencode(request["mark"])
    _write(1, mark + b"\n")
    try:
        answer = str(_serve(request, rest))
    except Refused as error:
        answer = json_text.dump({"error": str(error), "code": error.code})
    except Exception as error:  # pylint: disable=broad-except # a defect, or a host that fails
        answer = json_text.dump({"error": _sentence(error), "code": None})
    _write(1, mark + b" " + answer.encode() + b"\n")
    return 0


def _take() -> tuple[Request, bytes]:
    """Read the request; returns it, and what has come of the command's input."""
    data = b""
    while b"\n" not in data:
        data += _some(data)
    number, _line, data = data.partition(b"\n")
    size = int(number)
    if size > LARGEST:
        raise ValueError(size)
    pieces, length = [data], len(data)
    while length < size:
        pieces.append(_some(data))
        length += len(pieces[-1])
    data = b"".join(pieces)
    return json_text.load(data[:size].decode("utf-8", "surrogateescape")), data[size:]


def _some(before: bytes) -> bytes:
    piece = os.read(0, PIECE)
    if not piece or len(before) > 20 and b"\n" not in before:
        raise ValueError("end of the request")
    return piece


def _write(fd: int, data: bytes) -> None:
    """Write all of it. :raises SystemExit: nobody reads it: the end of this, and of the command."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError:
            raise SystemExit(1) from None


def _sentence(error: Exception) -> str:
    from ... import errors  # here: a task that succeeds needs no sentence

    if isinstance(error, errors.EngineError):
        return str(error)
    return errors.unexpected(error, "the host's own log may say more")


# -------------------------------------------------------------------------------------- the request


def _serve(request: Request, rest: bytes) -> int:
    """Carry a request out; returns the exit code."""
    place = request.get("root"), request.get("runroot")
    if os.geteuid() != 0:
        from ...rootless import enter  # here: root's tasks have no use for it

        enter.enter(False, *place)
        request["rootless"] = True
    from ...store import paths as stores

    paths = stores.Paths(*place)
    if request.get("list"):
        return _list(paths)
    ident = _quick(paths.containers, request["container"]) or _ordinary(paths, request)
    argv = request.get("argv") or ["file"]
    try:
        return _Command(paths, ident, argv, request).run(rest)
    except Refused as error:
        words = request.get("words")
        if error.code == 127 and words and request.get("transfer") is None:
            return _Command(paths, ident, words, request).run(rest)
        if error.code is None:
            _ordinary(paths, request)  # it knows the container's name, and why it can't be entered
        raise


def _list(paths: Any) -> int:
    """Write what ``inspect`` says of each container; one that is damaged is left out."""
    from ...engine import Engine  # here: an inventory asks it once, tasks never
    from ...errors import EngineError
    from ..records import catalog
    from ..view import inspect_container

    documents = []
    with Engine(paths.data, paths.run, check=True) as engine:
        for record in catalog.every(engine):
            try:
                documents.append(inspect_container.inspect(engine, record))
            except EngineError:
                continue
    _write(1, json_text.dump(documents).encode())
    return 0


def _quick(directory: str, name: str) -> str | None:
    """Find the one container of this name by run.json of each; None where the database must say."""
    try:
        if len(name) == 64 and "/" not in name and os.path.isdir(f"{directory}/{name}"):
            return name
        idents = os.listdir(directory)
        if len(idents) > FEW:
            return None
        wanted, found = json_text.dump(name).encode(), []
        for ident in idents:
            fd = os.open(f"{directory}/{ident}/run.json", os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.read(fd, PIECE)
            finally:
                os.close(fd)
            if wanted in data and json_text.load(data.decode()).get("name") == name:
                found.append(ident)
        return found[0] if len(found) == 1 else None
    except (OSError, ValueError):  # one is being made, or removed
        return None


def _ordinary(paths: Any, request: Request) -> str:
    """Find the container in the database, and see that it runs; returns its id.

    :raises Refused: there is none, or it can't be entered now.
    """
    from ...store import database  # here, as below: few tasks need it
    from ..records import status

    name = str(request["container"])
    absent = f"container {name} does not exist"
    if request.get("rootless"):
        absent += "; without root (become), a user has containers of his own alone"
    if not os.path.exists(paths.database):
        raise Refused(absent)
    db = database.Database(paths.database)
    try:
        row = db.one("SELECT id, name FROM containers WHERE name = ?", name)
        if row is None and len(name) >= SHORTEST_ID and set(name) <= set("0123456789abcdef"):
            rows = db.all(
                "SELECT id, name FROM containers WHERE id >= ? AND id < ?", name, name + "g"
            )
            row = rows[0] if len(rows) == 1 else None
    finally:
        db.close()
    if row is None:
        raise Refused(absent)
    now = status.now(paths, row["id"])["status"]
    if now == "paused":
        raise Refused(f"container {row['name']} is paused; unpause it first")
    if now != "running":
        raise Refused(f"container {row['name']} is not running (it is {now}); start it first")
    return str(row["id"])


# -------------------------------------------------------------------------------------- the command


class _Command:
    """A command, or a transfer, in a container.

    :param paths: the store's. :param ident: the container's id.
    """

    def __init__(self, paths: Any, ident: str, argv: list[str], request: Request) -> None:
        self.paths, self.ident, self.argv, self.request = paths, ident, argv, request
        self.escalation = _Escalation(request["become"]) if request.get("become") else None
        self.session: Any = None
        self.ends: dict[int, int] = {}  # what it writes to: ours of these
        self.writer: int | None = None
        self.waiting = memoryview(b"")

    def run(self, rest: bytes) -> int:
        """Start it, pass on what comes and goes, and return its exit code.

        :raises Refused: it can't be started.
        """
        pipes = [self._pipe() for _stream in range(3)]
        inner = (pipes[0][0], pipes[1][1], pipes[2][1])
        try:
            self._ask(inner)
        finally:
            for fd in inner:
                os.close(fd)
        self.writer, self.ends = pipes[0][1], {pipes[1][0]: 1, pipes[2][0]: 2}
        for fd in (self.writer, *self.ends):
            os.set_blocking(fd, False)
        self.waiting = memoryview(rest)
        code = self._attend()
        for fd, target in self.ends.items():
            while self._copy(fd, target):
                pass
        if self.escalation is not None:
            self.escalation.ended()
        return code

    def _pipe(self) -> tuple[int, int]:
        if not os.path.exists("/sys/fs/selinux/enforce"):
            return os.pipe2(os.O_CLOEXEC)
        from ..client import stdio  # a pipe needs a label then

        return stdio.pipe(self.paths, self.ident)

    def _ask(self, streams: tuple[int, ...]) -> None:
        """Send the request to the zygote, and take its first answer."""
        asked = {key: self.request.get(key) for key in ("user", "cwd", "env", "privileged")}
        if self.request.get("transfer") is not None:
            asked["transfer"] = self.request["transfer"]
        message: Any = {
            "op": "exec",
            "id": self.ident,
            "argv": self.argv,
            "stdio": [True] * 3,
            "bound": True,
            **asked,
        }
        self.session = self._connection()
        data = json_text.dump(message).encode()
        if len(data) > PACKET or not self._sent(data, streams):
            from ..client import messages  # it has a way for large ones

            messages.send(self.session, message, streams)
        answer = self._answer()
        if "error" in answer:
            raise Refused(answer["error"], answer.get("exit_code"))

    def _connection(self) -> Any:
        session = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        from ...deploy import fingerprint

        name = f"zygote-{fingerprint.name().rpartition('-')[2]}.sock"
        try:
            session.connect(f"{self.paths.run}/{name}")
            return session
        except OSError:
            session.close()
        from ..client import zygote_client  # it starts one

        return zygote_client.connect(self.paths)

    def _sent(self, data: bytes, streams: tuple[int, ...]) -> bool:
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack("3i", *streams))
        try:
            self.session.sendmsg([data], [rights], _socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def _answer(self) -> Answer:
        try:
            data = self.session.recv(PACKET)
        except OSError:
            data = b""
        if not data:
            raise Refused("what started the command there was killed; run the task again")
        answer: Answer = json_text.load(data.decode())
        return answer

    def _attend(self) -> int:
        """Pass on what comes and goes until the command has ended; returns its exit code."""
        poll, session = select.poll(), self.session.fileno()
        poll.register(session, select.POLLIN)
        poll.register(1, 0)
        for fd in self.ends:
            poll.register(fd, select.POLLIN)
        listening = writing = False
        more = True  # whether more of its input may come
        while True:
            ready = self.escalation is None or self.escalation.done
            if self.writer is not None and not self.waiting and ready and not more:
                if writing:
                    poll.unregister(self.writer)
                self._close_input()
                writing = False
            wants = ready and more and not self.waiting
            if wants != listening:
                listening = wants
                poll.register(0, select.POLLIN) if wants else poll.unregister(0)
            wants = ready and self.writer is not None and bool(self.waiting)
            if wants != writing and self.writer is not None:
                writing = wants
                poll.register(self.writer, select.POLLOUT) if wants else poll.unregister(
                    self.writer
                )
            events = poll.poll(None if ready else self._patience())
            if not events and self.escalation is not None:
                self.escalation.late()
            for fd, event in events:
                if fd == session:
                    return self._code()
                if fd == 1:
                    raise SystemExit(1)  # nobody listens: the command ends with this process
                if fd == 0:
                    piece = os.read(0, PIECE)
                    more = bool(piece)
                    self.waiting = memoryview(piece if self.writer is not None else b"")
                elif fd == self.writer:
                    writing = self._feed(poll) and writing
                elif not self._copy(fd, self.ends[fd]):
                    poll.unregister(fd)

    def _patience(self) -> float:
        return self.escalation.left() * 1000 if self.escalation is not None else 0

    def _code(self) -> int:
        code = self._answer()["rc"]
        return int(code)

    def _feed(self, poll: select.poll) -> bool:
        """Write to its input; returns whether that is still open."""
        if self.writer is None:
            return False
        try:
            self.waiting = self.waiting[os.write(self.writer, self.waiting) :]
        except BlockingIOError:
            pass
        except OSError:  # it reads no more
            poll.unregister(self.writer)
            self._close_input()
            return False
        return True

    def _close_input(self) -> None:
        if self.writer is not None:
            os.close(self.writer)
            self.writer, self.waiting = None, memoryview(b"")

    def _copy(self, fd: int, target: int) -> bool:
        """Pass on what it has written; returns whether there was something."""
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return False
        if data and self.escalation is not None:
            data, said = self.escalation.seen(target, data)
            if said and self.writer is not None:
                os.write(self.writer, said)
            if not data:
                return True
        if not data:
            return False
        _write(target, data)
        return True


class _Escalation:
    """A password that ``sudo`` or the like asks for in the container, before the command begins.

    :param wanted: of the request.
    :ivar done: whether the command has begun: what comes from here on is its own.
    """

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.prompts = [prompt.casefold() for prompt in wanted["prompts"]]
        self.success, self.password = wanted["success"].encode(), wanted["password"]
        self.deadline = time.monotonic() + float(wanted["timeout"])
        self.done = self.asked = False
        self.said = {1: b"", 2: b""}

    def left(self) -> float:
        """Return the seconds that it still may take."""
        return max(0.0, self.deadline - time.monotonic())

    def seen(self, stream: int, data: bytes) -> tuple[bytes, bytes]:
        """Look at what has been written; returns ``(what is the command's, what to answer)``.

        :raises Refused: the password is wrong.
        """
        if self.done:
            return data, b""
        self.said[stream] += data
        before, mark, after = self.said[1].partition(self.success)
        if mark:
            self.done = True
            return after.lstrip(b"\r").removeprefix(b"\n"), b""
        if not self._prompted(self.said[stream]):
            return b"", b""
        self.said[stream] = b""
        if self.asked:
            raise Refused("Incorrect become password in the container")
        self.asked = True
        return b"", self.password.encode("utf-8", "surrogateescape") + b"\n"

    def _prompted(self, said: bytes) -> bool:
        text = said.decode("utf-8", "replace").casefold()
        return any(prompt in text for prompt in self.prompts)

    def late(self) -> None:
        """:raises Refused: it takes too long."""
        if not self.done and not self.left():
            raise Refused("Timed out waiting for become to succeed in the container")

    def ended(self) -> None:
        """Pass on what was said, where the command has not begun."""
        if not self.done:
            _write(1, self.said[1])
            _write(2, self.said[2])
