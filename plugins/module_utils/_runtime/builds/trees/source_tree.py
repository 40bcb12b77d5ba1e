# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees that files are copied from: the context, another stage, an image. No link in one leads
outside of it.

The selected files are hashed for the cache: names, types, modes, owners where they are kept,
extended attributes, contents. Times never count. A context's files are not read again as long as
their stat(2) is the same (stat_cache.py).
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from ...errors import HostError, reason
from ...kernel.files import same_file
from ...kernel.mounts import rootfs
from ..parse import dockerignore
from ..parse.expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..parse.dockerignore import Ignore
    from .stat_cache import StatCache


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # what has become a FIFO since it was looked at is not waited for
MAX_DEPTH = 250


class Chosen:
    """A file or directory that a source of COPY names.

    :ivar path: where it is in its tree, without links.
    :ivar name: what the last component was called.
    :ivar include: the patterns whose matches alone are meant, or None.
    """

    include: Ignore | None

    def __init__(self, path: str, given: str, status: os.stat_result) -> None:
        self.path, self.status, self.include = path, status, None
        self.name = given.rstrip("/").rpartition("/")[2]

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


class Tree:
    """A tree that files are copied from.

    :param fd: its root, which is closed with it.
    :param what: what it is, for errors.
    :param ignore: what is left out, or None.
    :param keeps_owners: whether copies keep the owners they have here.
    """

    fd: int

    def __init__(
        self,
        fd: int,
        what: str,
        ignore: Ignore | None = None,
        keeps_owners: bool = True,
        cache: StatCache | None = None,
    ) -> None:
        self.fd, self.what, self.ignore, self.keeps_owners, self.cache = (
            fd,
            what,
            ignore,
            keeps_owners,
            cache,
        )

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    # -------------------------------------------------------------------------------------- finding

    def find(self, pattern: str) -> list[Chosen]:
        """Return what a source of COPY names, sorted; empty when a pattern matches nothing.

        :raises Trouble: when a path without wildcards is not there.
        """
        pattern = dockerignore.clean("/" + pattern)
        if not dockerignore.has_wildcard(pattern):
            path = dockerignore.unescaped(pattern)
            chosen = self._look(path)
            if chosen is None:
                raise Trouble(
                    f"{'/' + path}: not found in "
                    f"{self.what}{' (or left out by its ignore file)' if self.ignore else ''}"
                )
            return [chosen]
        found = [""]
        for part in pattern.split("/"):
            found = [path for parent in found for path in self._expand(parent, part)]
        return [each for each in (self._look(path) for path in sorted(found)) if each is not None]

    def _expand(self, parent: str, part: str) -> list[str]:
        prefix = parent + "/" if parent else ""
        if not dockerignore.has_wildcard(part):
            return [prefix + dockerignore.unescaped(part)]
        compiled = dockerignore.component(part)
        try:
            fd = rootfs.open_in_root(self.fd, parent or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return []
        try:
            return [prefix + name for name in os.listdir(fd) if compiled.fits(name)]
        finally:
            os.close(fd)

    def parents(self, word: str) -> list[Chosen]:
        """Return what a source of ``COPY --parents`` names.

        That is the directory above its ``/./`` with the pattern of what is copied from there; empty
        when a pattern matches nothing.

        :raises Trouble: when a path without wildcards is not there, or leads over a link: that
            can't be copied as the directory it stands for.
        """
        base, pivot, pattern = word.partition("/./")
        if not pivot:
            base, pattern = "", word
        exact = not dockerignore.has_wildcard(base) and not dockerignore.has_wildcard(pattern)
        if exact:
            self.find(dockerignore.clean(f"/{base}/{pattern}"))
        found = self.find(base or "/")
        for each in found:
            each.include = dockerignore.Ignore([dockerignore.clean("/" + pattern)])
        found = [
            each
            for each in found
            if each.is_directory and next(self.selection(each), None) is not None
        ]
        if exact and not found:
            raise Trouble(
                f"--parents {word}: nothing of that name is below {base or '/'} in {self.what}; "
                "links on the way are not followed"
            )
        return found

    def _look(self, path: str) -> Chosen | None:
        """Return the file at a path, with links followed inside the tree; None where it is missing
        or ignored.
        """
        try:
            fd = rootfs.open_in_root(self.fd, path or ".", os.O_PATH)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise HostError(f"{path} in {self.what}: {reason(error, named=True)}") from None
        try:
            real, status = self._real(fd), os.fstat(fd)
        finally:
            os.close(fd)
        if (
            self.ignore
            and real
            and self.ignore.ignores(real)
            and not (stat.S_ISDIR(status.st_mode) and self.ignore.may_hold(real))
        ):
            return None
        return Chosen(real, path, status)

    def _real(self, fd: int) -> str:
        top, path = os.readlink(f"/proc/self/fd/{self.fd}"), os.readlink(f"/proc/self/fd/{fd}")
        return path[len(top.rstrip("/")) :].strip("/")

    # -------------------------------------------------------------------------------------- walking

    def walk(self, path: str) -> Iterator[Entry]:
        """Walk everything below the directory ``path``, sorted, a directory before what is in it.

        An Entry is valid until the next.
        """
        fd = self.open_directory(path)
        try:
            above = None
            if self.ignore:
                parts = path.split("/") if path else []
                for count in range(1, len(parts) + 1):
                    above = self.ignore.state("/".join(parts[:count]), above)[1]
            yield from self._walk(fd, path + "/" if path else "", above, 0)
        finally:
            os.close(fd)

    def selection(
        self, chosen: Chosen, excludes: Ignore | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """Walk all that is copied from the directory ``chosen``.

        A directory that is not selected itself is included where something in it is.

        :returns: pairs of a name below that directory and its Entry.
        """
        start = len(chosen.path) + 1 if chosen.path else 0
        included, excluded = Above(), Above()
        waiting: list[
            tuple[str, Entry]
        ] = []  # directories that come only where something in them does
        for entry in self.walk(chosen.path):
            name, out = entry.path[start:], entry.needless
            if chosen.include is not None and not included.matches(chosen.include, name):
                out = True
            if excludes is not None and excluded.matches(excludes, name):
                out = True
            while waiting and not name.startswith(waiting[-1][0] + "/"):
                waiting.pop()
            if not out:
                yield from waiting
                waiting = []
                yield name, entry
            elif stat.S_ISDIR(entry.status.st_mode):
                waiting.append((name, entry))

    def open_directory(self, path: str) -> int:
        return rootfs.open_in_root(self.fd, path or ".", os.O_RDONLY | os.O_DIRECTORY)

    def _walk(self, fd: int, prefix: str, above: list[bool] | None, depth: int) -> Iterator[Entry]:
        if depth > MAX_DEPTH:
            raise Trouble(f"{prefix} in {self.what}: directories are nested too deep")
        with os.scandir(fd) as listed:
            names = sorted(listed, key=lambda item: item.name)
        for item in names:
            path, matched = prefix + item.name, None
            status = item.stat(follow_symlinks=False)
            directory = stat.S_ISDIR(status.st_mode)
            entry = Entry(path, fd, item.name, status)
            if self.ignore:
                out, matched = self.ignore.state(path, above)
                if out and not (directory and self.ignore.may_hold(path)):
                    continue
                entry.needless = out  # only there for what is taken back below it
            if stat.S_ISSOCK(status.st_mode):
                continue
            yield entry
            if directory:
                inner = os.open(item.name, _DIRECTORY, dir_fd=fd)
                try:
                    yield from self._walk(inner, path + "/", matched, depth + 1)
                finally:
                    os.close(inner)

    # -------------------------------------------------------------------------------------- hashing

    def digest(self, chosen: Chosen, excludes: Ignore | None = None) -> str:
        """Hash the files that ``chosen`` selects.

        :returns: hexadecimal digits of SHA-256.
        """
        checksum = hashlib.sha256()
        if not chosen.is_directory:
            parent, dummy, name = chosen.path.rpartition("/")
            fd = self.open_directory(parent)
            try:
                self._hash(checksum, chosen.name, Entry(chosen.path, fd, name, chosen.status))
            finally:
                os.close(fd)
            return checksum.hexdigest()
        self._hash_directory(checksum, chosen)
        for name, entry in self.selection(chosen, excludes):
            self._hash(checksum, name, entry)
        return checksum.hexdigest()

    def _hash_directory(self, checksum: hashlib._Hash, chosen: Chosen) -> None:
        checksum.update(b"top %o\0" % stat.S_IMODE(chosen.status.st_mode))

    def _hash(self, checksum: hashlib._Hash, name: str, entry: Entry) -> None:
        status = entry.status
        owner = f"{status.st_uid}:{status.st_gid}" if self.keeps_owners else ""
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFREG:
            content = self.content(entry)
        elif kind == stat.S_IFLNK:
            content = os.readlink(entry.name, dir_fd=entry.parent)
        else:
            content = str(status.st_rdev) if kind in (stat.S_IFCHR, stat.S_IFBLK) else ""
        mode = 0 if kind == stat.S_IFLNK else stat.S_IMODE(status.st_mode)
        checksum.update(
            f"{name}\x00{kind:o}\x00{mode:o}\x00{owner}\x00{content}\x00".encode(
                "utf-8", "surrogateescape"
            )
        )

    def content(self, entry: Entry) -> str:
        """Return the digest of a regular file's content and extended attributes."""
        if self.cache is None:
            return _read_digest(entry)
        known = self.cache.get(entry)
        if known is None:
            known = _read_digest(entry)
            self.cache.put(entry, known)
        return known


class Entry:
    """One thing on a walk.

    :ivar path: in its tree.
    :ivar parent: descriptor of its directory.
    :ivar name: in that.
    :ivar needless: whether it is a directory that is left out itself, and there only for what is
        taken back below it.
    """

    __slots__ = ("path", "parent", "name", "status", "needless")

    def __init__(self, path: str, parent: int, name: str, status: os.stat_result) -> None:
        self.path, self.parent, self.name, self.status, self.needless = (
            path,
            parent,
            name,
            status,
            False,
        )

    def open(self) -> int:
        return os.open(self.name, _FILE, dir_fd=self.parent)


class Above:
    """What patterns said of the directories above, whose matches count for all below them."""

    states: dict[str, list[bool]]

    def __init__(self) -> None:
        self.states = {}

    def matches(self, rules: Ignore, path: str) -> bool:
        """Tell whether ``path`` is matched; its directory was asked for before."""
        found, self.states[path] = rules.state(path, self.states.get(path.rpartition("/")[0]))
        return found


def _read_digest(entry: Entry) -> str:
    checksum = hashlib.sha256()
    fd = entry.open()
    try:
        while True:
            piece = os.read(fd, 1 << 18)
            if not piece:
                break
            checksum.update(piece)
        attributes = same_file.xattrs(fd)
    finally:
        os.close(fd)
    return checksum.hexdigest() + "".join(
        f" {os.fsdecode(name)}={value.hex()}" for name, value in sorted(attributes.items())
    )
