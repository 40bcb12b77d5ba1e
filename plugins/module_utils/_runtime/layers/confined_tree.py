# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory tree in which names from archives are created safely.

Every step uses directory descriptors and never follows a symbolic link that was not resolved here.
So nothing outside the root is reached (CVE-2019-18466, CVE-2021-29136, CVE-2025-4517 and similar).

openat2(2) is not needed: the tree is private to its writer, so a walk that resolves links itself
can't be raced. Kernels before 5.6 work alike.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import RegistryError
from . import whiteouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # (descriptor, components without links, links on the way, components of these)
    Place = tuple[int, tuple[bytes, ...], int, int]

MAX_LINKS = 40  # as the kernel's MAXSYMLINKS
MAX_DEPTH = 250  # components of one path; more only exhaust descriptors and the stack
MAX_DETOUR = 500  # components of all the links on the way to one path: each costs a step
CACHE = 200  # open directories kept

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def split(name: bytes, what: str) -> list[bytes]:
    """Return the components of a name in an archive; none for the root itself.

    ``./``, leading, trailing and doubled ``/`` are dropped.

    :raises RegistryError: for ``..``, a NUL byte, or too many components.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in name or len(parts) > MAX_DEPTH:
        raise RegistryError(f"{what}: the entry {show(name)} leaves the root, or is too deep")
    return parts


def show(name: bytes) -> str:
    """Return a name from an archive in a form that is safe in a message."""
    return ascii(name[:200].decode("utf-8", "surrogateescape"))


class Tree:
    """The tree below ``path``. Use it as a context manager.

    :param what: names what is unpacked, in errors.
    :param made: called with (components, descriptor) of each missing parent directory that is
        created.
    """

    def __init__(
        self, path: str, what: str, made: Callable[[list[bytes], int], object] | None = None
    ) -> None:
        self.root = os.open(path, _OPEN_DIRECTORY)
        self.what, self._made = what, made
        self._open: dict[bytes, Place] = {}  # by path as it was spelled
        self.forget()

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.forget()
        os.close(self.root)

    def forget(self) -> None:
        """Close the cached directories. Call it whenever a directory or a link was removed or
        replaced.
        """
        for path, (fd, *_place) in self._open.items():
            if path:
                os.close(fd)
        self._open = {b"": (self.root, (), 0, 0)}

    def parent(self, parts: Sequence[bytes]) -> int:
        """Return a descriptor of the directory at ``parts[:-1]``; create missing directories.

        It is valid until the next call.
        """
        return self.directory(parts[:-1])

    def directory(self, parts: Sequence[bytes]) -> int:
        """Return a descriptor of the directory at ``parts``; create it where it is missing.

        It is valid until the next call.
        """
        return self._opened(parts, True)

    def find(self, parts: Sequence[bytes]) -> int | None:
        """Return the same as :meth:`directory`, or None where the directory is missing.

        It is valid until the next call.
        """
        try:
            return self._opened(parts, False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _opened(self, parts: Sequence[bytes], make: bool) -> int:
        key = b"/".join(parts)
        found = self._open.get(key)
        if found is not None:
            return found[0]
        if len(self._open) > CACHE:
            self.forget()
        return self._walk(list(parts), key, make)

    def _walk(self, parts: list[bytes], key: bytes, make: bool) -> int:
        """Resolve ``parts`` component by component.

        A link is read, and its target replaces its name.
        """
        start = len(parts) - 1
        while start and b"/".join(parts[:start]) not in self._open:
            start -= 1
        spelled, rest = parts[:start], parts[start:][::-1]
        fd, known, links, detour = self._open[b"/".join(spelled)]
        real: list[bytes] = list(known)
        temporary: list[int] = []
        chain: list[int] | None = None  # descriptors from the root to here, once ".." asks for them
        literal = True  # no link since the start, so that the path as spelled is kept
        try:
            while rest:
                component = rest.pop()
                if component == b"..":
                    if real:
                        chain = chain or self._chain(real, temporary)
                        real.pop()
                        chain.pop()
                        fd = chain[-1]
                    continue
                try:
                    step = self._step(fd, component, real, make)
                except OSError as error:
                    target = self._target(fd, component, error)
                    inner = [part for part in target.split(b"/") if part not in (b"", b".")]
                    links, detour = links + 1, detour + len(inner)
                    if (
                        links > MAX_LINKS
                        or detour > MAX_DETOUR
                        or len(rest) + len(real) > MAX_DEPTH
                    ):
                        raise RegistryError(
                            f"{self.what}: too many symbolic links on the way to {show(key)}"
                        ) from None
                    if target.startswith(b"/"):
                        real, fd, chain = [], self.root, [self.root]
                    rest += reversed(inner)
                    literal = False
                    continue
                real.append(component)
                if literal:
                    spelled = spelled + [component]
                    self._open[b"/".join(spelled)] = step, tuple(real), links, detour
                else:
                    temporary.append(step)
                if chain:
                    chain.append(step)
                fd = step
            if not literal:
                fd = os.dup(fd)
                self._open[key] = fd, tuple(real), links, detour
            return fd
        finally:
            for extra in temporary:
                os.close(extra)

    def _chain(self, real: list[bytes], temporary: list[int]) -> list[int]:
        """Open the directories from the root along a path without links."""
        chain = [self.root]
        for component in real:
            chain.append(os.open(component, _OPEN_DIRECTORY, dir_fd=chain[-1]))
            temporary.append(chain[-1])
        return chain

    def _step(self, fd: int, component: bytes, real: list[bytes], make: bool) -> int:
        """Open the directory ``component``.

        :param make: create it where it is missing, or where a whiteout or a file has its name.
        """
        hidden = False
        try:
            return os.open(component, _OPEN_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            if not make:
                raise
        except NotADirectoryError:
            if not make or stat.S_ISLNK(os.lstat(component, dir_fd=fd).st_mode):
                raise
            hidden = whiteouts.is_whiteout_at(fd, component)
            os.unlink(component, dir_fd=fd)
        os.mkdir(component, 0o755, dir_fd=fd)
        step = os.open(component, _OPEN_DIRECTORY, dir_fd=fd)
        os.fchmod(step, 0o755)
        if hidden:
            whiteouts.make_opaque(step)
        if self._made is not None:
            self._made(real + [component], step)
        return step

    def _target(self, fd: int, component: bytes, error: OSError) -> bytes:
        """Return the target of the link ``component``.

        :raises: ``error``, where it is no link.
        """
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise error
        try:
            return os.readlink(component, dir_fd=fd)
        except OSError:
            raise error from None


def remove(fd: int, name: bytes) -> None:
    """Remove ``name`` from directory ``fd``, a tree too, without following links.

    A missing name is no error.
    """
    try:
        os.unlink(name, dir_fd=fd)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError) as error:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=fd).st_mode):
            raise error
    inner = os.open(name, _OPEN_DIRECTORY, dir_fd=fd)
    try:
        for child in os.listdir(inner):
            remove(inner, os.fsencode(child))
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=fd)
