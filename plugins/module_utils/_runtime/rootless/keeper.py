# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper: the one process of a user's engine that is outside of its namespaces.

``start.py keeper DATA RUN``, started by ``enter``. It holds the descriptors of a user namespace in
which he is root, of a mount namespace and of a network namespace, and gives them to who joins.
It may be killed: what runs in the namespaces keeps them, and the next keeper finds them by the
numbers that this one has written down.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import struct

from ..deploy import daemon
from ..errors import EngineError, reason
from ..kernel.calls import constants as c
from ..kernel.calls import fds, fork, syscalls
from ..kernel.cgroups.hierarchy import cgroup_files, layout
from ..kernel.processes import procfs
from ..store import tree_removal
from ..store.atomic_files import write_json
from . import keeper_client, outward, spaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    class Record(TypedDict):
        """keeper.json. ``namespaces``: the inode of each of spaces.TYPES. ``cgroup``: that of which the
        engine's groups are part, "" where the user was given none. ``outward``: ``program``, by its name,
        or ``reason``, a sentence.
        """

        pid: int
        boot: str
        namespaces: dict[str, int]
        cgroup: str
        outward: dict[str, str]


NAME = b"pyc-keeper\0"


def main(arguments: list[str]) -> int:
    """Keep the namespaces of a user's engine until somebody ends this process."""
    data, run = arguments
    lock = os.open(os.path.join(data, "keeper.alive"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # another one does
    syscalls.prctl(c.PR_SET_NAME, NAME)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        Keeper(run).serve()
    except EngineError as error:
        raise SystemExit(str(error)) from None
    return 0


class Keeper:
    """Hold a user's namespaces, and answer.

    :param run: the directory of his engine's state of this boot.
    :ivar spaces: descriptors of the namespaces, by spaces.TYPES.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        before = keeper_client.record(run)
        same = before.get("boot") == procfs.boot_id()
        self.spaces = spaces.found(before["namespaces"]) if same else {}
        if not self.spaces:
            _clear(run)
            self.spaces = spaces.made()
        self.cgroup = given_cgroup()
        self.way = outward.Way(self.spaces, run)
        self.way.begin()
        self._write_down()
        self.server = _listen(run)

    def _write_down(self) -> None:
        kept: Record = {
            "pid": os.getpid(),
            "boot": procfs.boot_id(),
            "namespaces": {name: os.fstat(fd).st_ino for name, fd in self.spaces.items()},
            "cgroup": self.cgroup,
            "outward": self.way.state(),
        }
        write_json(os.path.join(self.run, keeper_client.RECORD), kept)

    def serve(self) -> None:
        """Answer until the socket's name is gone, or its directory is."""
        poll = select.poll()
        poll.register(self.server, select.POLLIN)
        while True:
            ended = self.way.descriptor()
            if ended is not None:
                poll.register(ended, select.POLLIN)
            happened = dict(poll.poll(60000))
            if ended is not None:
                poll.unregister(ended)
            if self.server.fileno() in happened:
                connection, _address = self.server.accept()
                with connection:
                    self._answer(connection)
            if self.way.pid in _reap():
                self.way.begin_again()
                self._write_down()
            if not os.path.exists(os.path.join(self.run, keeper_client.SOCKET)):
                self.way.end()
                return

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if _user(connection) != os.geteuid():
                return
            data, given = fds.receive(
                connection, keeper_client.LARGEST, keeper_client.MOST_DESCRIPTORS
            )
            for fd in given:
                os.close(fd)
            request = json.loads(data)
            work = getattr(self, "_op_" + request["op"])
        except (OSError, ValueError, KeyError, AttributeError):
            return
        connection.settimeout(None)
        if request["op"] in ("connect", "start"):  # they may take their time
            fork.child(lambda: _tell(connection, *work(request)))
        else:
            _tell(connection, *work(request))

    def _op_enter(self, _request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        return {"types": list(self.spaces)}, list(self.spaces.values())

    def _op_socket(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        try:
            made_one = socket.socket(request["family"], request["type"], request["protocol"])
        except OSError as error:
            return _failure(error), []
        return {}, [made_one.detach()]

    def _op_connect(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        host, port = request["address"]
        try:
            return {}, [socket.create_connection((host, port), request["timeout"]).detach()]
        except (OSError, UnicodeError) as error:
            return _failure(error), []

    def _op_start(self, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        try:
            spaces.join(self.spaces)
            pid = daemon.start_forked(
                request["argv"], request["env"], request["stdout"], settled=True
            )
        except (EngineError, OSError) as error:
            return {"error": reason(error)}, []
        return {"pid": pid}, []


def _failure(error: Exception) -> dict[str, Any]:
    kind = "timeout" if isinstance(error, (TimeoutError, socket.timeout)) else ""
    kind = "gaierror" if isinstance(error, socket.gaierror) else kind
    return {"error": reason(error), "errno": getattr(error, "errno", None) or 0, "kind": kind}


def _tell(connection: socket.socket, answer: dict[str, Any], given: list[int]) -> None:
    try:
        fds.send(connection, json.dumps(answer).encode(), given, socket.MSG_NOSIGNAL)
    except OSError:  # the other side is gone
        pass
    if "types" not in answer:
        for fd in given:
            os.close(fd)


def _user(connection: socket.socket) -> int:
    """Return the user at the other side (SO_PEERCRED), as this process's namespace numbers him."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("=iII", credentials)[1])


def _listen(run: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    path = os.path.join(run, keeper_client.SOCKET)
    anchor = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.path.lexists(path):
            os.unlink(path)
        server.bind(f"/proc/self/fd/{anchor}/{keeper_client.SOCKET}")
    finally:
        os.close(anchor)
    os.chmod(path, 0o600)
    server.listen(128)
    return server


def _reap() -> list[int]:
    """Take the ends of children; return which have ended."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.append(pid)
    return found


def _clear(run: str) -> None:
    """Take away what is of namespaces that are gone, as a reboot does with /run."""
    for entry in os.scandir(run):
        if entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError, EngineError):
                tree_removal.remove(entry.path)
        elif not entry.name.startswith("keeper.log"):
            os.unlink(entry.path)


def given_cgroup() -> str:
    """Return the cgroup that this user was given, as a path from the top of what is mounted.

    "" where he has none: version 2 alone has such, for whoever may move processes in it, as systemd
    gives one to a unit with ``Delegate=yes``. This process goes into a group below it, since one that
    has processes itself can't hand its controllers on.
    """
    if layout.mode() != "v2":
        return ""
    mount = layout.unified() or ""
    path = layout.of_process("self").get(mount, "")
    if os.path.basename(path) == "engine":  # it is the keeper's own already
        path = os.path.dirname(path)
    try:
        if os.stat(path).st_uid != os.geteuid():
            return ""
        os.makedirs(path + "/engine", 0o755, exist_ok=True)
        cgroup_files.write(path + "/engine/cgroup.procs", "0")
    except OSError:
        return ""
    return path[len(mount) :]
