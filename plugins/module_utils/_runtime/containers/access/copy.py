# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cp``: copy files between the host and a container, whether it runs or not, by Docker's rules
for names.

Every path of the container is resolved in the container's own root, by descriptor
(kernel/mounts/rootfs.py), and what is below it is reached name by name. No link that the container
makes, not even at that moment, leads to a file of the host. A running container is entered through
the root of its process 1, with all that is mounted there. One that does not run is mounted for the
copy, and its volumes are its user's directories.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
import stat

from ...errors import Conflict, HostError, InvalidInput, NotFound, reason
from ...kernel.mounts import overlay, rootfs, userns
from ...oci.spec.mount_entries import BENEATH
from ..records import container_image, run_events, status
from ..spec import container_files
from ..view import changes
from .packing import Packer
from .unpacking import Unpacker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from ...engine import Engine
    from ..records.catalog import Record
    from ..spec.user_namespaces import Extents
    from .packing import Wanted
    from .unpacking import Ids

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
INTO, OUT_OF = "extract-to-dir", "archive-path"  # events of a copy, in dockerd's words


class Side:
    """One end of a copy.

    :ivar root: descriptor of its root. :ivar where: "on the host", "in container web", for
        sentences.
    :ivar outer: turns the ids that an archive says into this process's. :ivar inner: the other way.
    :ivar acting: a context in which files are made there. :ivar trusted: see Unpacker.
    """

    def __init__(
        self,
        root: int,
        what: str,
        outer: Ids | None = None,
        inner: Ids | None = None,
        acting: Callable[[], AbstractContextManager[None]] | None = None,
        trusted: bool = True,
    ) -> None:
        self.root, self.where = root, "on the host" if what == "the host" else "in " + what
        self.outer, self.inner = outer or _as_they_are, inner or _as_they_are
        self.acting, self.trusted = acting or contextlib.nullcontext, trusted

    def open(self, path: str, flags: int) -> int | None:
        """Open a path as rootfs.open_in_root does; None where there is nothing.

        :raises HostError: it can't be opened.
        """
        try:
            return rootfs.open_in_root(self.root, path, flags)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise HostError(
                f"{path} {self.where} can't be opened: {reason(error, named=True)}"
            ) from None


def _as_they_are(uid: int, gid: int) -> tuple[int, int]:
    return uid, gid


# -------------------------------------------------------------------------------------------- sides


@contextlib.contextmanager
def host() -> Iterator[Side]:
    """Open the host as a Side."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Side(root, "the host", trusted=False)
    finally:
        os.close(root)


@contextlib.contextmanager
def inside(engine: Engine, record: Record, path: str, write: bool) -> Iterator[tuple[Side, str]]:
    """Open a container: ``(Side, path in it)``. The path is the given one, or what it is in the
    volume that it leads into.

    :param write: whether something is to be made there.
    :raises Conflict: the container has just ended.
    """
    if status.lives(engine.paths, record["id"]):
        with _running(engine, record) as side:
            yield side, path
        return
    if write:
        engine.db.require_writable()
    volume, rest = _in_volume(engine, record, path)
    what = f"container {record['name']}"
    if volume is not None:
        root = os.open(volume, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield Side(root, what), rest
        finally:
            os.close(root)
    elif write:
        with at_rest(engine, record) as root:
            yield Side(root, what), path
    else:
        with changes.root(engine, record) as root:
            yield Side(root, what), path


@contextlib.contextmanager
def _running(engine: Engine, record: Record) -> Iterator[Side]:
    """Go through /proc/PID/root of process 1, which is still the same one afterwards."""
    gone = Conflict(f"container {record['name']} has just ended; try again")
    state = status.now(engine.paths, record["id"])
    try:
        root = os.open(f"/proc/{state['pid']}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        raise gone from None
    try:
        uids, gids = [_map_of(state["pid"], name) for name in ("uid_map", "gid_map")]
        now = status.now(engine.paths, record["id"])
        if (now["pid"], now.get("pid_start")) != (state["pid"], state.get("pid_start")) or now[
            "status"
        ] not in status.LIVING:
            raise gone
        yield _mapped(root, f"container {record['name']}", uids, gids)
    finally:
        os.close(root)


def _map_of(pid: int, name: str) -> Extents:
    """Read /proc/PID/uid_map or gid_map (user_namespaces(7))."""
    with open(f"/proc/{pid}/{name}") as file:
        rows = [line.split() for line in file]
    return [(int(inside), int(outside), int(size)) for inside, outside, size in rows]


def _mapped(root: int, what: str, uids: Extents, gids: Extents) -> Side:
    if uids == gids == [(0, 0, (1 << 32) - 1)]:
        return Side(root, what)

    def outer(uid: int, gid: int) -> tuple[int, int]:
        return _through(uids, uid, 0, 1, what), _through(gids, gid, 0, 1, what)

    def inner(uid: int, gid: int) -> tuple[int, int]:
        return _through(uids, uid, 1, 0, None), _through(gids, gid, 1, 0, None)

    return Side(root, what, outer, inner, lambda: userns.as_owner(*outer(0, 0)))


def _through(extents: Extents, ident: int, source: int, target: int, what: str | None) -> int:
    for extent in extents:
        if extent[source] <= ident < extent[source] + extent[2]:
            return extent[target] + ident - extent[source]
    if what is None:
        return 65534  # as the container sees it
    raise HostError(f"{what} has no user or group {ident}: its user namespace does not map it")


@contextlib.contextmanager
def at_rest(engine: Engine, record: Record) -> Iterator[int]:
    """Yield a descriptor of the root of a container that does not run, to write to."""
    directory = engine.paths.container(record["id"])
    fd = overlay.overlay(
        container_image.layers(engine, record["image"]),
        os.path.join(directory, "upper"),
        os.path.join(directory, "work"),
    )
    try:
        yield fd
    finally:
        os.close(fd)


def _in_volume(engine: Engine, record: Record, path: str) -> tuple[str | None, str]:
    """Find the user's mount that a path is in: ``(directory of the host, path in it)``, or (None,
    path).
    """
    tail = "/." if path.endswith("/.") else "/" if path.endswith("/") else ""
    path, own = posixpath.normpath("/" + path.lstrip("/")), {}
    wanted = container_files.wanted_volumes(
        record["definition"], container_image.config(engine, record["image"])
    )
    targets = {entry["target"] for entry in wanted}
    for mount in container_files.read_config(engine, record["id"]).get("mounts", ()):
        place = mount["destination"].rstrip("/")
        if (
            mount["type"] == "bind"
            and place in targets
            and (path == place or path.startswith(place + "/"))
        ):
            own[place] = mount
    if not own:
        return None, path + tail
    place = max(own, key=len)
    mount = own[place]
    for option in mount.get("options") or ():
        if option.startswith(BENEATH + "="):  # looked up there, where no link leads out
            base = option.partition("=")[2]
            return base, os.path.relpath(mount["source"], base) + path[len(place) :] + tail
    if not os.path.isdir(mount["source"]):
        raise Conflict(
            f"{place} in container {record['name']} is a mounted file; copy {mount['source']} of "
            "the host"
        )
    return mount["source"], (path[len(place) :] or "/") + tail


# -------------------------------------------------------------------------------------------- names


class Source:
    """What is copied: one file, link or directory of a Side. A context manager.

    :param given: the path as it was spelled, which tells the name.
    :param follow: take what a link leads to.
    :raises NotFound: it is not there.
    """

    def __init__(self, side: Side, path: str, given: str, follow: bool) -> None:
        self.side, self.path, self.given = side, path, given
        name = posixpath.basename(given.rstrip("/"))
        self.only_content = name in (".", "..", "")
        follow = follow or given.endswith("/") or self.only_content
        handle = side.open(path, os.O_PATH | (0 if follow else os.O_NOFOLLOW))
        if handle is None:
            raise NotFound(f"there is no {given} {side.where}")
        self.handle = handle
        self.mode = os.fstat(self.handle).st_mode
        if given.endswith("/") and not stat.S_ISDIR(self.mode):
            os.close(self.handle)
            raise NotFound(f"{given} {side.where} is not a directory")
        self.name = (
            name
            if not self.only_content
            else posixpath.basename(posixpath.normpath(given)) or "root"
        )

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self.handle)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    def pieces(self, called: bytes | None, wanted: Wanted | None = None) -> Iterator[bytes]:
        """Pack it under the name ``called``; None: only what is in the directory.

        :param wanted: see Packer.
        """
        packer = Packer(self.side.inner, wanted)
        if self.is_directory:
            fd = os.open(".", _DIRECTORY, dir_fd=self.handle)
            try:
                yield from packer.directory(fd, called)
            finally:
                os.close(fd)
            return
        called = os.fsencode(self.name) if called is None else called  # it has no contents alone
        if stat.S_ISREG(self.mode):
            try:
                fd = os.open(f"/proc/self/fd/{self.handle}", os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                raise HostError(
                    f"{self.given} {self.side.where} can't be read: {reason(error, named=True)}"
                ) from None
            try:
                yield from packer.opened(fd, called)
            finally:
                os.close(fd)
        else:
            parent = self.side.open(posixpath.dirname(self.path.rstrip("/")) or "/", _DIRECTORY)
            if parent is None:
                raise NotFound(f"there is no {self.given} {self.side.where} any more")
            try:
                yield from packer.one(
                    parent, os.fsencode(posixpath.basename(self.path.rstrip("/"))), called
                )
            finally:
                os.close(parent)


@contextlib.contextmanager
def _target(side: Side, path: str, source: Source) -> Iterator[tuple[int, bytes | None]]:
    """Find out what a source becomes at ``path``, by Docker's rules.

    :returns: ``(descriptor of the directory, name in it)``; no name for the content alone.
    """
    directory = side.open(path, _DIRECTORY)
    if directory is not None:
        name = None if source.is_directory and source.only_content else os.fsencode(source.name)
    else:
        there = side.open(path, os.O_PATH)
        if there is not None:
            os.close(there)
            if source.is_directory:
                raise Conflict(f"{path} {side.where} is a file, and {source.given} a directory")
        if path.endswith("/") and not (there is None and source.is_directory):
            raise NotFound(f"there is no directory {path} {side.where}")
        parent, last = posixpath.split(resolved(side, path.rstrip("/")))
        directory = side.open(parent or "/", _DIRECTORY)
        if directory is None or last in ("", ".", ".."):
            raise NotFound(f"there is no directory {parent or path} {side.where}")
        name = os.fsencode(last)
    try:
        yield directory, name
    finally:
        os.close(directory)


def resolved(side: Side, path: str) -> str:
    """Return a path whose last name is no link.

    Where a link leads, a few times over, is read as the side's own root has it.
    """
    for _turn in range(40):
        handle = side.open(path, os.O_PATH | os.O_NOFOLLOW)
        if handle is None:
            return path
        try:
            if not stat.S_ISLNK(os.fstat(handle).st_mode):
                return path
            path = posixpath.join(posixpath.dirname(path), os.readlink("", dir_fd=handle))
        finally:
            os.close(handle)
    raise Conflict(f"{path} {side.where}: too many links")


# ------------------------------------------------------------------------------------------ copying


def copy_in(
    engine: Engine,
    record: Record,
    host_path: str,
    path: str,
    archive: bool = False,
    follow: bool = False,
) -> list[str]:
    """Copy a file or directory of the host into a container.

    :param path: of the container, absolute.
    :param archive: keep owners; without it, files are its root's.
    :param follow: copy what a link leads to.
    :raises NotFound, Conflict, HostError: as one sentence about the path that stands in the way.
    """
    with inside(engine, record, path, True) as (side, rest), host() as here:
        left_out = _copy(here, host_path, host_path, side, rest, archive, follow)
    run_events.tell_of(engine.paths, record["id"], INTO)
    return left_out


def copy_out(
    engine: Engine,
    record: Record,
    path: str,
    host_path: str,
    archive: bool = False,
    follow: bool = False,
) -> list[str]:
    """Copy a file or directory of a container to the host.

    Device nodes and set-id bits are left out, unless ``archive``.

    :returns: the names of the device nodes that were left out.
    :raises NotFound, Conflict, HostError: see :func:`copy_in`.
    """
    with inside(engine, record, path, False) as (side, rest), host() as here:
        left_out = _copy(side, rest, path, here, host_path, archive, follow)
    run_events.tell_of(engine.paths, record["id"], OUT_OF)
    return left_out


def _copy(
    source_side: Side,
    source_path: str,
    given: str,
    target_side: Side,
    target_path: str,
    archive: bool,
    follow: bool,
) -> list[str]:
    with (
        Source(source_side, source_path, given, follow) as source,
        _target(target_side, target_path, source) as (directory, name),
    ):
        return _unpack(target_side, directory, source.pieces(name), given, archive, archive)


def _unpack(
    side: Side, directory: int, pieces: Iterable[bytes], what: str, keep: bool, archive: bool
) -> list[str]:
    owner = side.outer if keep else lambda _uid, _gid: side.outer(0, 0)
    unpacker = Unpacker(directory, owner, side.trusted or archive)
    with side.acting():
        unpacker.take(pieces, what)
    return unpacker.left_out


def take_archive(engine: Engine, record: Record, path: str, pieces: Iterable[bytes]) -> None:
    """Unpack a tar archive into a directory of a container, with the owners that it says.

    :param pieces: of the archive, uncompressed. :raises NotFound: there is no such directory.
    """
    with inside(engine, record, path, True) as (side, rest):
        directory = side.open(rest, _DIRECTORY)
        if directory is None:
            raise NotFound(f"there is no directory {path} {side.where}")
        try:
            _unpack(side, directory, pieces, "the archive", True, True)
        finally:
            os.close(directory)
    run_events.tell_of(engine.paths, record["id"], INTO)


def give_archive(
    engine: Engine, record: Record, path: str, follow: bool = False
) -> Iterator[bytes]:
    """Pack a file or directory of a container into a tar archive, with the owners that it sees;
    yields its pieces.
    """
    with inside(engine, record, path, False) as (side, rest):
        with Source(side, rest, path, follow) as source:
            yield from source.pieces(os.fsencode(source.name))
    run_events.tell_of(engine.paths, record["id"], OUT_OF)


def look(engine: Engine, record: Record, path: str, write: bool) -> None:
    """Look whether a copy of, or into, a path of a container can begin; changes nothing.

    :raises NotFound, HostError: it can't.
    """
    with inside(engine, record, path, False) as (side, rest):
        if not write:
            Source(side, rest, path, True).__exit__()
            return
        parent = side.open(rest, os.O_PATH) or side.open(
            posixpath.dirname(rest.rstrip("/")) or "/", os.O_PATH
        )
        if parent is None:
            raise NotFound(f"there is no directory {posixpath.dirname(path)} {side.where}")
        os.close(parent)


def split(text: str) -> tuple[str | None, str]:
    """Split an argument of ``cp``: ``(container, path)`` of ``CONTAINER:PATH``, ``(None, path)`` of
    a path of the host.

    ``./a:b`` and ``/a:b`` are the host's. :raises InvalidInput: the path is missing.
    """
    container, colon, path = text.partition(":")
    if not colon or text.startswith((".", "/")) or not container:
        return None, text
    if not path:
        raise InvalidInput("cp", text, "CONTAINER:PATH")
    return container, "/" + path.lstrip("/")
