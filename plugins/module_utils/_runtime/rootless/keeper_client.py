# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper from the side of the engine's other processes.

Where no user's namespaces were entered, which is root's case, each function does what it says by
itself: :func:`active` is one look at a list.

A request is one packet of JSON, and so is its answer, with descriptors (SCM_RIGHTS): ``{"op":
"enter"}``, ``{"op": "socket", "family", "type", "protocol"}``, ``{"op": "connect", "address",
"timeout"}``, ``{"op": "start", "argv", "env", "stdout"}``. An answer with ``error`` says why not.
"""

from __future__ import annotations

import json
import os
import socket

from ..errors import HostError, reason
from ..kernel.calls import fds
from ..untrusted import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

SOCKET = "keeper.sock"
RECORD = "keeper.json"  # what the keeper has written down: see keeper.Record
LARGEST = 1 << 17
MOST_DESCRIPTORS = 4
GONE = (
    "the process that keeps this user's namespaces was killed; his next call of pycontainer or of "
    "a module starts it again"
)

_place: list[str] = []  # the run directory of the user whose namespaces this process is in
_alone: list[bool] = []  # whether it is in namespaces of its own, without a keeper


def active() -> bool:
    """Tell whether this process is in a user's namespaces, and his keeper outside."""
    return bool(_place)


def without_root() -> bool:
    """Tell whether this process is one of an engine without root, with or without a keeper."""
    return bool(_place or _alone)


def resume(run: str) -> None:
    """In a new process of an engine, know again that it is in a user's namespaces, if it is.

    :param run: the engine's directory of this boot.
    """
    if _place or not os.path.exists(os.path.join(run, RECORD)):
        return
    from ..kernel.processes import procfs  # here: root's engines have no record

    if procfs.in_user_namespace():
        settle(run, record(run))


def settle(run: str, found: Mapping[str, Any]) -> None:
    """Be a process of the engine in these namespaces. :param found: of :func:`record`."""
    from ..kernel.cgroups.hierarchy import layout  # here: as above

    _place[:] = [run]
    layout.confine(found.get("cgroup", ""))


def settle_alone() -> None:
    """Be a process of the engine in namespaces that end with it."""
    from ..kernel.cgroups.hierarchy import layout

    _alone[:] = [True]
    layout.confine("")


def record(run: str) -> dict[str, Any]:
    """Return what the keeper has written down, {} where there is nothing whole."""
    from ..store.atomic_files import Damaged, read_json  # here: root's engines have none

    try:
        found: dict[str, Any] = read_json(os.path.join(run, RECORD), {})
        return found
    except Damaged:
        return {}


def no_way_out() -> list[str]:
    """Return a sentence where no way leads from the user's networks to those of the host."""
    found = record(_place[0]).get("outward") or {} if _place else {"program": "not needed"}
    if found.get("program"):
        return []
    return [
        "without root, containers with a network of their own reach nothing outside of this host: "
        + found.get("reason", GONE)
    ]


# ----------------------------------------------------------------------------------------- requests


def ask(
    run: str, request: Mapping[str, Any], descriptors: Sequence[int] = ()
) -> tuple[dict[str, Any], list[int]]:
    """Send a request to the keeper of the engine at ``run``; return its answer and descriptors.

    :raises ConnectionError, FileNotFoundError: there is no keeper, or it was killed meanwhile.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    anchor = os.open(run, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)  # sun_path is short
    try:
        connection.connect(f"/proc/self/fd/{anchor}/{SOCKET}")
        fds.send(connection, json.dumps(request).encode(), descriptors, socket.MSG_NOSIGNAL)
        data, found = fds.receive(connection, LARGEST, MOST_DESCRIPTORS)
        if not data:
            raise ConnectionResetError
        answer: dict[str, Any] = json.loads(data)
        return answer, found
    finally:
        os.close(anchor)
        connection.close()


def _ask(request: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
    try:
        return ask(_place[0], request)
    except (ConnectionError, FileNotFoundError):
        raise HostError(GONE) from None
    except OSError as error:
        raise HostError(f"{GONE} ({reason(error)})") from None


def new_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a new socket of the host's network, to be bound.

    :raises OSError: the kernel refuses. :raises HostError: there is no keeper.
    """
    if not _place:
        return socket.socket(family, kind, protocol)
    answer, found = _ask(
        {"op": "socket", "family": int(family), "type": int(kind), "protocol": protocol}
    )
    return _taken(answer, found)


def create_connection(
    address: tuple[str, int], timeout: Any = None, source_address: Any = None
) -> socket.socket:
    """Connect to a host and port from the host's network, as socket.create_connection does.

    :raises OSError: it can't be reached, or its name is not known.
    :raises HostError: there is no keeper.
    """
    if not _place:
        return socket.create_connection(address, timeout, source_address)
    seconds = timeout if isinstance(timeout, (int, float)) else None
    answer, found = _ask({"op": "connect", "address": list(address), "timeout": seconds})
    connection = _taken(answer, found)
    connection.settimeout(seconds)
    return connection


def _taken(answer: Mapping[str, Any], found: Sequence[int]) -> socket.socket:
    if "error" in answer:
        if answer["kind"] == "timeout":
            raise TimeoutError(answer["error"])
        kind = socket.gaierror if answer["kind"] == "gaierror" else OSError
        raise kind(answer["errno"], answer["error"])
    return socket.socket(fileno=found[0])


def last_line(path: str) -> str:
    """Return what a process said last in its log; "" where it said nothing."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return text.printable(file.read()[-4096:].strip().rpartition("\n")[2])
    except OSError:
        return ""


def start(argv: Sequence[str], env: Mapping[str, str], stdout_path: str | None) -> int:
    """Start a process in these namespaces that is the keeper's to begin with; return its id.

    :raises HostError: it can't be started.
    """
    answer, _found = _ask(
        {"op": "start", "argv": list(argv), "env": dict(env), "stdout": stdout_path}
    )
    if "error" in answer:
        raise HostError(answer["error"])
    return int(answer["pid"])
