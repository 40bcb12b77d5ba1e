# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of one ``--root``: a directory for each, called by its id.

    <root>/<id>/status        what was made, written whole each time (``Status``)
    <root>/<id>/config.json   the bundle's document as it was at create
    <root>/<id>/group         the record of a group at a given place, before it was made
    <root>/<id>/notify        a directory that the container sees, where its caller has a
                              NOTIFY_SOCKET (oci/features/sd_notify.py)
    <root>/<id>/start         the socket at which the process of a created container waits; gone
                              when it was started (start_socket.py)

What a container does is not written down but asked of the kernel. Whoever changes something holds
the directory's lock.
"""

from __future__ import annotations

import fcntl
import os

from ... import json_text
from ...errors import Conflict, EngineError, InvalidInput, NotFound, reason
from ...kernel.processes import pidfd, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from ...kernel.cgroups import Group
    from ...kernel.cgroups.group import GroupRecord
    from ..spec.config_types import Config

    class Status(TypedDict, total=False):
        """The file ``status``, JSON.

        ``bundle``, ``rootfs``: absolute paths. ``pid``, ``pid_start``: of process 1
        (procfs.start_time); 0, None: there is none yet. ``created``: RFC 3339. ``owner``: who made
        it. ``cgroup``: what opens the group (cgroups.reopen); {}: there is none yet.
        ``external_descriptors``: where its standard streams lead, as JSON text, as runc has it.
        """

        id: str
        bundle: str
        rootfs: str
        pid: int
        pid_start: int | None
        created: str
        owner: str
        annotations: dict[str, str]
        cgroup: GroupRecord
        external_descriptors: str

    class State(TypedDict, total=False):
        """The state of the runtime specification (runtime.md, "State"), with what runc adds:
        rootfs, created, owner.
        """

        ociVersion: str
        id: str
        pid: int
        status: str
        bundle: str
        rootfs: str
        created: str
        annotations: dict[str, str]
        owner: str


VERSION = "1.3.0"  # of the runtime specification
ALL = 1 << 62  # bytes: a file of its own is read whole
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")
LONGEST = 255  # bytes of a file's name
# Types of what a Status that is read has to have, where it has it.
_FORM: dict[str, type] = {
    "id": str,
    "bundle": str,
    "rootfs": str,
    "pid": int,
    "annotations": dict,
    "cgroup": dict,
}


def check_id(ident: str) -> None:
    """:raises InvalidInput: no name for a container."""
    if not ident or len(ident) > LONGEST or not _LETTERS.issuperset(ident) or ident.startswith("."):
        raise InvalidInput(
            "container id",
            ident,
            f"letters, digits, _ + . and -, at most {LONGEST} of them, not first a dot (invalid "
            "character in a container ID, or too many)",
        )


class Container:
    """One container.

    :ivar path: its directory. :ivar data: what its status file has, {} where it has none.
    :ivar directory: a descriptor of its directory, which carries the lock; None while that is not
        held.
    :ivar making: whether this process makes it.

    :raises InvalidInput: ``ident`` is no name for a container.
    """

    def __init__(self, root: str, ident: str) -> None:
        check_id(ident)
        self.root = root
        self.ident = ident
        self.path = os.path.join(root, ident)
        self.data: Status = {}
        self.directory: int | None = None
        self.making = False

    # ------------------------------------------------------------------------------------ its files

    def make(self, data: Status) -> None:
        """Make its directory, without a status yet, and hold its lock.

        :raises Conflict: there is one of this id.
        """
        os.makedirs(self.root, 0o700, exist_ok=True)
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            raise Conflict(
                f"container {self.ident}: a container with given ID already exists in {self.root}"
            ) from None
        self.lock()
        self.making, self.data = True, data

    def lock(self) -> None:
        """Take the lock; wait for whoever has it. It ends with this process.

        :raises NotFound: there is no such container.
        """
        if self.directory is None:
            try:
                self.directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise self.missing() from None
        fcntl.flock(self.directory, fcntl.LOCK_EX)
        if not os.path.exists(self.path):  # it was deleted meanwhile
            raise self.missing()

    def unlock(self) -> None:
        if self.directory is not None:
            os.close(self.directory)
        self.directory = None

    def missing(self) -> NotFound:
        return NotFound(f"container {self.ident} does not exist in {self.root}")

    def read(self) -> Container:
        """Read its status file; return itself.

        :raises NotFound: there is no such container.
        :raises Unreadable: that file is not what this runtime writes.
        """
        try:
            self.data = json_text.load(procfs.read(self.path + "/status", ALL))
            if not all(isinstance(self.data.get(key, kind()), kind) for key, kind in _FORM.items()):
                raise ValueError
            if "pid" not in self.data:  # else a process that lives would pass for one that ended
                raise ValueError
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.isdir(self.path):
                raise self.missing() from None
            self.data = {}  # being made, or it was never finished
        except (OSError, ValueError, AttributeError, RecursionError, MemoryError) as error:
            self.data = {}
            why = _reason(error) or "it is not what this runtime writes"
            raise Unreadable(
                f"container {self.ident}: {self.path}/status can't be read: {why}; "
                "delete --force takes away what is left of it"
            ) from None
        return self

    def write(self) -> None:
        """Write its status file."""
        json_text.write_whole(self.path + "/status", json_text.dump(self.data).encode(), 0o600)

    def config(self) -> Config:
        """Return the document that the container was made from. :raises Unreadable:"""
        try:
            found: Config = json_text.load(procfs.read(self.path + "/config.json", ALL))
            if not isinstance(found, dict):
                raise ValueError
            return found
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            why = _reason(error) or "it is not what it was"
            raise Unreadable(
                f"container {self.ident}: {self.path}/config.json can't be read: {why}"
            ) from None

    def keep_config(self, text: str) -> None:
        """Write the document, as JSON text. Surrogates stand for bytes that are not UTF-8."""
        json_text.write_whole(self.path + "/config.json", os.fsencode(text), 0o600)

    def announce_group(self, record: GroupRecord) -> None:
        """Write down what is about to be made of its group, for whoever deletes it if that is not
        finished.
        """
        json_text.write_whole(self.path + "/group", json_text.dump(record).encode(), 0o600)

    def announced_group(self) -> GroupRecord | None:
        """Return that record; None where there is none that can be read."""
        try:
            found = json_text.load(procfs.read(self.path + "/group", ALL))
        except (OSError, ValueError, RecursionError, MemoryError):
            return None
        if not isinstance(found, dict) or not isinstance(found.get("paths"), dict):
            return None
        record: GroupRecord = found  # type: ignore[assignment]
        return record if isinstance(record.get("made"), list) else None

    def remove(self) -> None:
        """Remove its directory; the id is free then."""
        for name in os.listdir(self.path):
            try:
                os.unlink(self.path + "/" + name)
            except IsADirectoryError:  # oci/features/sd_notify.py's
                for below in os.listdir(self.path + "/" + name):
                    os.unlink(f"{self.path}/{name}/{below}")
                os.rmdir(self.path + "/" + name)
        os.rmdir(self.path)

    # --------------------------------------------------------------------------------- what it does

    @property
    def pid(self) -> int:
        return self.data.get("pid") or 0

    def process(self) -> int | None:
        """Return a pidfd of process 1, None when it has ended."""
        found: int | None = pidfd.open_process(self.pid, self.data.get("pid_start"))
        return found

    def frozen(self) -> bool:
        """Return whether its group is frozen.

        The files are read here, without kernel/cgroups: each start asks.
        """
        record = self.data.get("cgroup") or {}
        for place in record.get("paths", {}).values():
            for name, words in (
                ("/freezer.state", ("FROZEN", "FREEZING")),
                ("/cgroup.events", ("frozen 1",)),
            ):
                try:
                    if any(line in words for line in procfs.read(place + name).splitlines()):
                        return True
                except OSError:  # not that hierarchy's
                    pass
        return False

    def waits(self) -> bool:
        """Return whether its process waits for its start (oci/command/start_socket.py)."""
        return os.path.exists(self.path + "/start")

    def group(self) -> Group:
        """Return its cgroup, which is there since there is a process."""
        from ...kernel import cgroups  # here: ``state`` does without

        return cgroups.reopen(self.data["cgroup"])

    def status(self) -> str:
        """Return ``creating``, ``created``, ``running``, ``paused`` or ``stopped``."""
        if not self.pid:
            return "creating" if self._being_made() else "stopped"
        if procfs.start_time(self.pid) != self.data.get("pid_start"):
            return "stopped"
        if self.frozen():
            return "paused"
        return "created" if self.waits() else "running"

    def _being_made(self) -> bool:
        """Return whether somebody holds the lock who makes it; not this process, having taken the
        lock for something else.
        """
        if self.directory is not None:
            return self.making
        from ...store import locks  # here: a start does not ask

        return bool(locks.held(self.path))

    def state(self) -> State:
        """Return the state of the runtime specification, with what runc adds to it."""
        status = self.status()
        return {
            "ociVersion": VERSION,
            "id": self.ident,
            "pid": 0 if status == "stopped" else self.pid,
            "status": status,
            "bundle": self.data.get("bundle", ""),
            "rootfs": self.data.get("rootfs", ""),
            "created": self.data.get("created", ""),
            "annotations": self.data.get("annotations") or {},
            "owner": self.data.get("owner", ""),
        }


class Unreadable(EngineError):
    """A file of a container's is not what this runtime has written."""


def _reason(error: BaseException) -> str:
    """Return what the kernel says of an OSError, "" for another exception."""
    return reason(error, named=True) if isinstance(error, OSError) else ""


def open_container(root: str, ident: str) -> Container:
    """Return the container of an id. :raises NotFound, Unreadable, InvalidInput:"""
    return Container(root, ident).read()


def open_in(root: str, ident: str, *statuses: str) -> Container:
    """Return a container with its lock held.

    :raises Conflict: its status is none of ``statuses``. Others as of ``open_container``.
    """
    container = open_container(root, ident)
    container.lock()
    status = container.read().status()
    if status not in statuses:
        raise Conflict(f"container {container.ident}: it is {status}, not {' or '.join(statuses)}")
    return container


def every(root: str, unreadable: list[str]) -> list[Container]:
    """Return all containers of a root, in the order of their ids.

    :param unreadable: gets the sentences about those that can't be read.
    """
    try:
        names = sorted(
            entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)
        )
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        try:
            found.append(open_container(root, name))
        except (InvalidInput, NotFound):
            continue
        except Unreadable as error:
            unreadable.append(str(error))
    return found
