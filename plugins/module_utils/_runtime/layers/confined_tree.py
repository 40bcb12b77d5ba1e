# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory tree that foreign names are made in: every step goes through directory descriptors and never follows a
symbolic link that was not resolved here, so that nothing outside the root is reached (CVE-2019-18466, CVE-2021-29136,
CVE-2025-4517 and the rest of their kind).

No openat2(2) is needed: the tree is private to its writer, so a walk that resolves links itself can't be raced, and
kernels before 5.6 work alike.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import RegistryError

MAX_LINKS = 40  # as the kernel's MAXSYMLINKS
MAX_DEPTH = 250  # components of one path; more only exhaust descriptors and the stack
MAX_DETOUR = 500  # components of all the links on the way to one path: each costs a step
CACHE = 200  # open directories kept

_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def split(name, what):
    """The components of a name in an archive: ``./``, ``/`` at either end and doubled ones are dropped.

    :returns: list of bytes, empty for the root itself. :raises RegistryError: for ``..`` and for a NUL byte.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in name or len(parts) > MAX_DEPTH:
        raise RegistryError(f"{what}: the entry {show(name)} leaves the root, or is too deep")
    return parts


def show(name):
    return ascii(name[:200].decode("utf-8", "surrogateescape"))


class Tree:
    """The tree below ``path``; use as a context manager.

    :param what: what is unpacked into it, for errors.
    :param made: called with (its components, its descriptor) when a missing parent directory was made.
    """

    def __init__(self, path, what, made=None):
        self.root = os.open(path, _OPEN_DIRECTORY)
        self.what, self._made = what, made
        self._open = {}  # path as it was spelled -> (descriptor, components without links, links on the way, components of these)
        self.forget()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.forget()
        os.close(self.root)

    def forget(self):
        """Close the kept directories: called whenever a directory or a link was removed or replaced."""
        for path, (fd, *_place) in self._open.items():
            if path:
                os.close(fd)
        self._open = {b"": (self.root, (), 0, 0)}

    def parent(self, parts):
        """A descriptor of the directory that ``parts[:-1]`` leads to; missing ones are made. Valid until the next call."""
        return self.directory(parts[:-1])

    def directory(self, parts):
        """A descriptor of the directory at ``parts``, made where it is missing. Valid until the next call."""
        key = b"/".join(parts)
        found = self._open.get(key)
        if found is not None:
            return found[0]
        if len(self._open) > CACHE:
            self.forget()
        return self._walk(list(parts), key, True)

    def find(self, parts):
        """As :meth:`directory`, but None where it is not there."""
        key = b"/".join(parts)
        found = self._open.get(key)
        if found is not None:
            return found[0]
        try:
            return self._walk(list(parts), key, False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _walk(self, parts, key, make):
        """Resolve ``parts`` component by component; a link is read and put in the place of its name."""
        start = len(parts) - 1
        while start and b"/".join(parts[:start]) not in self._open:
            start -= 1
        spelled, rest = parts[:start], parts[start:][::-1]
        fd, real, links, detour = self._open[b"/".join(spelled)]
        real, chain, temporary = (
            list(real),
            None,
            [],
        )  # chain: descriptors from the root to here, once ".." asks for them
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

    def _chain(self, real, temporary):
        """The directories from the root along a path without links."""
        chain = [self.root]
        for component in real:
            chain.append(os.open(component, _OPEN_DIRECTORY, dir_fd=chain[-1]))
            temporary.append(chain[-1])
        return chain

    def _step(self, fd, component, real, make):
        """Open the directory ``component``; make it where it is not there, or where a whiteout or file stands in its place."""
        hidden = False
        try:
            return os.open(component, _OPEN_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            if not make:
                raise
        except NotADirectoryError:
            if not make or stat.S_ISLNK(os.lstat(component, dir_fd=fd).st_mode):
                raise
            hidden = is_whiteout(fd, component)
            os.unlink(component, dir_fd=fd)
        os.mkdir(component, 0o755, dir_fd=fd)
        step = os.open(component, _OPEN_DIRECTORY, dir_fd=fd)
        os.fchmod(step, 0o755)
        if hidden:
            os.setxattr(step, "trusted.overlay.opaque", b"y")
        if self._made is not None:
            self._made(real + [component], step)
        return step

    def _target(self, fd, component, error):
        """What the link ``component`` says; ``error`` again, where it is no link."""
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise error
        try:
            return os.readlink(component, dir_fd=fd)
        except OSError:
            raise error from None


def is_whiteout(fd, name):
    """Whether ``name`` is overlayfs' mark for "not there": a character device 0/0 (kernel, filesystems/overlayfs)."""
    status = os.lstat(name, dir_fd=fd)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def remove(fd, name):
    """Remove whatever ``name`` in directory ``fd`` is, a tree too, without following links. Nothing there is fine."""
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
