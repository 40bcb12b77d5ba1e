# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of one ``--root``: a directory for each, by its id.

    <root>/<id>/status        what was made, written whole each time (form below)
    <root>/<id>/config.json   the bundle's document as it was at create
    <root>/<id>/group         what of a group at a given place was not there before it was made: its record, as in the status (kernel/cgroups/location.py)
    <root>/<id>/notify        a directory that the container sees (oci/features/sd_notify.py), where its caller has a NOTIFY_SOCKET
    <root>/<id>/start         the socket at which the process of a created container waits; gone when it was started

    {"id", "bundle", "rootfs": absolute paths, "pid", "pid_start": of process 1 (0, None: there is none yet), "created": RFC 3339,
     "owner": who made it, "annotations", "cgroup": what opens the group, "external_descriptors": JSON text of where its standard
     streams lead}

What a container does is not written down but asked of the kernel. Whoever changes something holds the directory's lock.
"""

from __future__ import annotations

import fcntl
import os

from ... import json_text
from ...errors import Conflict, EngineError, InvalidInput, NotFound
from ...kernel.processes import pidfd, procfs

VERSION = "1.3.0"  # of the runtime specification
ALL = 1 << 62  # bytes: a file of its own is read whole
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+.-")
LONGEST = 255  # bytes of a file's name
_FORM = {
    "id": str,
    "bundle": str,
    "rootfs": str,
    "pid": int,
    "annotations": dict,
    "cgroup": dict,
}  # what a status has


def check_id(ident):
    """:raises InvalidInput: no name for a container."""
    if not ident or len(ident) > LONGEST or not _LETTERS.issuperset(ident) or ident.startswith("."):
        why = "invalid character in a container ID, or too many"
        raise InvalidInput(
            "container id",
            ident,
            "letters, digits, _ + . and -, at most %d of them, not first a dot (%s)"
            % (LONGEST, why),
        )


def write_whole(path, data, mode, temporary=None):
    """Have a file be ``data``, all of it or, where there is no room, as before. :raises OSError: with the file's name."""
    temporary = temporary or path + ".new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        try:
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.rename(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise OSError(error.errno, os.strerror(error.errno), path) from None


class Container:
    """One container. ``data``: its status file's content; ``directory``: a descriptor of its directory, which carries the lock."""

    def __init__(self, root, ident):
        check_id(ident)
        self.root, self.ident = root, ident
        self.path = os.path.join(root, ident)
        self.data, self.directory, self.making = {}, None, False

    # ------------------------------------------------------------------------------------------------------- its files

    def make(self, data):
        """Make its directory, without a status yet, and hold its lock. :raises Conflict: there is one of this id."""
        os.makedirs(self.root, 0o700, exist_ok=True)
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            raise Conflict(
                f"container {self.ident}: a container with given ID already exists in {self.root}"
            ) from None
        self.lock()
        self.making, self.data = True, data

    def lock(self):
        """Take the lock, waiting for whoever has it; it ends with this process."""
        self._open()
        fcntl.flock(self.directory, fcntl.LOCK_EX)
        if not os.path.exists(self.path):  # it was deleted meanwhile
            raise self.missing()

    def _open(self):
        if self.directory is None:
            try:
                self.directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise self.missing() from None

    def unlock(self):
        os.close(self.directory)
        self.directory = None

    def missing(self):
        return NotFound(f"container {self.ident} does not exist in {self.root}")

    def read(self):
        """Read its status file; returns itself. :raises NotFound: there is no such container. :raises Unreadable: that file is not what it was."""
        try:
            self.data = json_text.load(procfs.read(self.path + "/status", ALL))
            if not all(isinstance(self.data.get(key, kind()), kind) for key, kind in _FORM.items()):
                raise ValueError
        except (FileNotFoundError, NotADirectoryError):
            if not os.path.isdir(self.path):
                raise self.missing() from None
            self.data = {}  # being made, or it was never finished
        except (OSError, ValueError, AttributeError, RecursionError, MemoryError) as error:
            self.data = {}
            raise Unreadable(
                f"container {self.ident}: {self.path}/status can't be read: "
                f"{os.strerror(error.errno).lower() if isinstance(error, OSError) else 'it is not what this runtime writes'}; "
                "delete --force takes away what is left of it"
            ) from None
        return self

    def write(self):
        write_whole(self.path + "/status", json_text.dump(self.data).encode(), 0o600)

    def config(self):
        """The document that the container was made from. :raises Unreadable:"""
        try:
            found = json_text.load(procfs.read(self.path + "/config.json", ALL))
            if not isinstance(found, dict):
                raise ValueError
            return found
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            raise Unreadable(
                f"container {self.ident}: {self.path}/config.json can't be read: "
                f"{os.strerror(error.errno).lower() if isinstance(error, OSError) else 'it is not what it was'}"
            ) from None

    def keep_config(self, text):
        write_whole(self.path + "/config.json", os.fsencode(text), 0o600)

    def plan_group(self, record):
        """Keep what is about to be made of its group, for whoever deletes it if that is not finished."""
        write_whole(self.path + "/group", json_text.dump(record).encode(), 0o600)

    def planned_group(self):
        """That record; None where nothing was kept."""
        try:
            found = json_text.load(procfs.read(self.path + "/group", ALL))
            kinds = {"paths": dict, "made": list}
            return (
                found
                if isinstance(found, dict)
                and all(isinstance(found.get(key), kind) for key, kind in kinds.items())
                else None
            )
        except (OSError, ValueError, RecursionError, MemoryError):
            return None

    def remove(self):
        """Remove its directory; the id is free then."""
        for name in os.listdir(self.path):
            try:
                os.unlink(self.path + "/" + name)
            except IsADirectoryError:  # oci/features/sd_notify.py's
                for below in os.listdir(self.path + "/" + name):
                    os.unlink(f"{self.path}/{name}/{below}")
                os.rmdir(self.path + "/" + name)
        os.rmdir(self.path)

    # ------------------------------------------------------------------------------------------------------ what it does

    @property
    def pid(self):
        return self.data.get("pid") or 0

    def process(self):
        """A pidfd of process 1, None when it has ended."""
        return pidfd.open_process(self.pid, self.data.get("pid_start"))

    def frozen(self):
        """Whether its group is: by the files themselves, for the start of each container asks."""
        for place in (self.data.get("cgroup") or {"paths": {}})["paths"].values():
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

    def waits(self):
        """Whether its process waits for its start."""
        return os.path.exists(self.path + "/start")

    def group(self):
        """Its cgroup, there since there is a process."""
        from ...kernel import cgroups

        return cgroups.reopen(self.data["cgroup"])

    def status(self):
        """``creating``, ``created``, ``running``, ``paused`` or ``stopped``."""
        if not self.pid:
            return "creating" if self._being_made() else "stopped"
        if procfs.start_time(self.pid) != self.data.get("pid_start"):
            return "stopped"
        if self.frozen():
            return "paused"
        return "created" if self.waits() else "running"

    def _being_made(self):
        """Whether somebody holds the lock who makes it; not this process, having taken the lock for something else."""
        if self.directory is not None:
            return self.making
        from ...store import locks  # here: a start does not ask

        return locks.held(self.path)

    def state(self):
        """The state of the runtime specification, with what runc adds to it."""
        status = self.status()
        found = {
            "ociVersion": VERSION,
            "id": self.ident,
            "pid": 0 if status == "stopped" else self.pid,
            "status": status,
        }
        found.update((key, self.data.get(key, "")) for key in ("bundle", "rootfs", "created"))
        found["annotations"], found["owner"] = (
            self.data.get("annotations") or {},
            self.data.get("owner", ""),
        )
        return found


class Unreadable(EngineError):
    """A file of a container's is not what this runtime has written."""


def open_container(root, ident):
    """The container of an id. :raises NotFound:"""
    return Container(root, ident).read()


def every(root, broken=None):
    """All containers of a root, in the order of their ids.

    :param broken: a list that gets the sentences about those that can't be read; None: they are raised.
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
            if broken is None:
                raise
            broken.append(str(error))
    return found
