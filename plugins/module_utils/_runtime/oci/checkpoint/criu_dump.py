# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Save a running container by CRIU: name what of the host it uses, and note that for the restore.

Beside CRIU's own files the directory of images gets two:
    descriptors.json    where the standard streams led when the container was made, a JSON list of
                        three texts, as runc writes it
    pycontainer.json    {"mounts": [where the host's files are mounted, as CRIU calls them],
                         "files": [[what CRIU calls a file of the host's, the number of the
                                    standard stream that it was]]}
"""

from __future__ import annotations

import contextlib
import os
import stat

from ... import json_text
from ...errors import EngineError, HostError, NotFound
from ...kernel.calls import constants as c
from ...kernel.isolation import namespaces
from ...kernel.mounts import rootfs
from ...kernel.processes import procfs
from ...untrusted.files import Unacceptable
from ..spec import mount_entries as mounts
from . import criu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypedDict

    from ...kernel.cgroups import Group
    from ..spec.document import Document

    class Record(TypedDict):
        """The file ``pycontainer.json``, see above."""

        mounts: list[str]
        files: list[list[Any]]  # pairs of a text and a number


STREAMS, RECORD = "descriptors.json", "pycontainer.json"
LOG = "dump.log"
NULL = "/dev/null"  # what the mask of a file is called, as with runc
# Namespaces that CRIU leaves alone, as runc calls them.
EXTERNAL = {"network": "extRootNetNS", "pid": "extRootPidNS"}
# An annotation that names a file of options which count above ours, and the file where there is no
# such annotation.
CONFIG, CONFIG_FILE = "org.criu.config", "/etc/criu/runc.conf"
# These show namespaces and groups that CRIU makes anew, whoever else has them mounted.
_NATIVE = ("proc", "sysfs", "mqueue", "cgroup", "cgroup2")


class Subject:
    """The container to be saved.

    :param ident: its name, for sentences.
    :param pid: of its process 1.
    :param document: its document.
    :param group: its control group.
    :param streams: where its standard streams led when it was made (readlink(2) of /proc/PID/fd/N).
    """

    __slots__ = ("ident", "pid", "document", "group", "streams")

    def __init__(
        self, ident: str, pid: int, document: Document, group: Group, streams: list[str]
    ) -> None:
        self.ident = ident
        self.pid = pid
        self.document = document
        self.group = group
        self.streams = streams


def save(
    program: criu.Criu,
    subject: Subject,
    images: str,
    options: Mapping[str, Any],
    *,
    work: str | None = None,
    pre: bool = False,
    notices: criu.Notices | None = None,
) -> None:
    """Save a container to the directory ``images``, which is there.

    :param options: CRIU's, as in criu.py, with ``leave_running`` and the like.
    :param work: the directory for its log, by default ``images``.
    :param pre: save only the memory, of a container that runs on.
    :param notices: see ``Criu.ask``.
    :raises HostError: CRIU could not do it; the container runs on then.
    """
    external = [
        _namespace(kind, subject) for kind in EXTERNAL if subject.document.namespaces.get(kind)
    ]
    if not pre:
        external += _note_what_is_outside(subject, images)
    paused = subject.group.frozen()
    with Directories(images, work) as places:
        wanted = dict(
            options,
            **places.options,
            pid=subject.pid,
            log_level=criu.LOG_LEVEL,
            log_file=LOG,
            notify_scripts=True,
            orphan_pts_master=True,
            config_file=config_file(subject.document),
            external=external,
            freeze_cgroup=subject.group.v1.get("freezer") or subject.group.unified,
            manage_cgroups=True,
            empty_ns=c.CLONE_NEWNET,
        )
        try:
            # CRIU has the processes run code of its own, and can't where somebody else froze them:
            # it freezes them itself.
            if paused:
                subject.group.thaw()
            program.ask("PRE_DUMP" if pre else "DUMP", wanted, notices)
            paused = paused and bool(wanted.get("leave_running"))
        except criu.Refused as error:
            what = f"container {subject.ident} can't be checkpointed"
            raise told(what, error, work or images, LOG) from None
        finally:
            if paused:
                subject.group.freeze()


def _note_what_is_outside(subject: Subject, images: str) -> list[str]:
    """Write what the container uses of the host for the restore; return it in CRIU's words."""
    mounted, files = _mounts(subject), _files(subject)
    names = list(dict.fromkeys(key for _point, key in mounted))
    write(images, STREAMS, subject.streams)
    record: Record = {"mounts": names, "files": files}
    write(images, RECORD, record)
    return [f"mnt[{point}]:{key}" for point, key in mounted] + [key for key, _number in files]


def told(what: str, error: criu.Refused, directory: str, log: str) -> HostError:
    """Return the HostError of what CRIU could not do, with the words of its log."""
    path = os.path.join(directory, log)
    where = f"; its log is {path}" if os.path.exists(path) else ""
    return HostError(f"{what}: CRIU: {criu.errors(directory, log) or error}{where}")


def config_file(document: Document) -> str | None:
    """Return the file of options that CRIU is to read; None for none."""
    return document.annotations.get(CONFIG, CONFIG_FILE) or None


class Directories:
    """``with Directories(images, work) as places``: the directories of a request are open;
    ``places.options`` names them.
    """

    def __init__(self, images: str, work: str | None = None) -> None:
        self.paths = {"images_dir_fd": images, "work_dir_fd": work}
        self.options: dict[str, int] = {}

    def __enter__(self) -> Directories:
        for name, path in self.paths.items():
            if path is not None:
                self.options[name] = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_error: object) -> None:
        for fd in self.options.values():
            os.close(fd)


def write(images: str, name: str, value: object) -> None:
    """Write a JSON file of ours to the images."""
    json_text.write_whole(os.path.join(images, name), json_text.dump(value).encode(), 0o600)


def read(images: str, name: str) -> Any:
    """Return what a JSON file of ours has, which somebody else may have brought; None where it is
    not there.

    :raises EngineError: it can't be read, or has another form.
    """
    path = os.path.join(images, name)
    try:
        value = json_text.read(path, EngineError)[1]
    except Unacceptable as error:
        if error.missing:
            return None
        raise
    if not (_are_texts(value, 3) if name == STREAMS else _is_record(value)):
        raise EngineError(f"{path} is not what checkpoint writes")
    return value


def _are_texts(value: object, most: int | None = None) -> bool:
    return (
        isinstance(value, list)
        and all(isinstance(entry, str) for entry in value)
        and (most is None or len(value) <= most)
    )


def _is_record(value: object) -> bool:
    """Return whether a value has the form of a Record."""
    return (
        isinstance(value, dict)
        and _are_texts(value.get("mounts"))
        and isinstance(value.get("files"), list)
        and all(
            isinstance(entry, list)
            and len(entry) == 2
            and isinstance(entry[0], str)
            and entry[1] in (0, 1, 2)
            for entry in value["files"]
        )
    )


def _namespace(kind: str, subject: Subject) -> str:
    """Return a namespace in CRIU's words."""
    place = namespaces.TYPES[kind][1]
    return f"{place}[{namespaces.identity(subject.pid, kind)[1]}]:{EXTERNAL[kind]}"


# -------------------------------------------------------------------------------------- of the host


def _mounts(subject: Subject) -> list[tuple[str, str]]:
    """Return ``[(mount point, what CRIU is to call it)]`` of all that shows files of the host's, by
    the kernel's own list.
    """
    inside = procfs.mounts(subject.pid)
    devices = {mount["device"] for mount in procfs.mounts()}
    own_group = subject.document.private("cgroup")
    binds = _binds(subject)
    found: dict[int, tuple[str, str]] = {}  # by the mount's id
    for mount in inside:
        if mount["point"] == "/":
            continue
        native = mount["type"] in _NATIVE and not (
            mount["type"].startswith("cgroup") and not own_group
        )
        if (
            mount["id"] in binds
            or mount["device"] in devices
            and (not native or mount["parent"] in found)
        ):
            found[mount["id"]] = (
                mount["point"],
                mount["point"] if mount["id"] in binds else _name(subject, mount["point"]),
            )
    return list(found.values())


def made_outside(mount: mounts.Mount, userns: bool) -> bool:
    """Return whether a mount is the tmpfs at /dev of a container with a user namespace: nobody in
    that may make its device nodes.
    """
    return (
        userns
        and not mount.bind
        and mount.type == "tmpfs"
        and mount.destination.rstrip("/") == "/dev"
    )


def _binds(subject: Subject) -> set[int]:
    """Return the ids of the document's bind mounts, and of those made outside like these."""
    found = set()
    root_fd = os.open(f"/proc/{subject.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for mount in mounts.read(subject.document.config):
            if (
                isinstance(mount, mounts.CgroupMount)
                or not mount.bind
                and not made_outside(mount, "user" in subject.document.namespaces)
            ):
                continue
            try:
                fd = rootfs.open_in_root(root_fd, mount.destination, os.O_PATH)
            except OSError:  # the container has unmounted it, and what lay below
                continue
            found.add(_mount_of(fd))
            os.close(fd)
    finally:
        os.close(root_fd)
    return found


def _mount_of(fd: int | str, pid: int | str = "self") -> int:
    """Return the id of the mount that a descriptor is on (proc_pid_fdinfo(5))."""
    lines = procfs.read(f"/proc/{pid}/fdinfo/{fd}").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("mnt_id"))


def _name(subject: Subject, point: str) -> str:
    """Return what CRIU is to call a mount that is no bind mount: a mask is NULL."""
    try:
        status = os.lstat(f"/proc/{subject.pid}/root{point}")
    except OSError:
        return point
    null = stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)
    return NULL if null else point


def _files(subject: Subject) -> list[list[Any]]:
    """Return ``[[what CRIU calls it, number]]`` of standard streams that are files outside of the
    container: a log, the host's /dev/null.

    They are looked for among all descriptors of process 1: while a shell redirects one of its own
    commands, it has such a stream as another.
    """
    inside = {mount["id"] for mount in procfs.mounts(subject.pid)}
    found: dict[str, int] = {}
    try:
        descriptors = os.listdir(f"/proc/{subject.pid}/fd")
        for number, text in enumerate(subject.streams):
            if not text.startswith("/"):  # a pipe
                continue
            for name in descriptors:
                path = f"/proc/{subject.pid}/fd/{name}"
                with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                    if _same(path, text) and _mount_of(name, subject.pid) not in inside:
                        found.setdefault(
                            f"file[{_mount_of(name, subject.pid):x}:{os.stat(path).st_ino:x}]",
                            number,
                        )
    except ProcessLookupError:
        raise NotFound(f"container {subject.ident} has ended") from None
    return [[key, number] for key, number in found.items()]


def _same(path: str, text: str) -> bool:
    """Return whether a descriptor is still of that file.

    Its link says so, unless the file is on a mount that the container has left behind.
    """
    try:
        return os.readlink(path) == text or os.path.samestat(os.stat(path), os.stat(text))
    except FileNotFoundError:
        return False
