# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write files into the root file system of a build by directory descriptors. Every path is resolved
inside the root.

COPY and ADD work as in BuildKit. Missing directories are created as 0755, and existing ones keep
their attributes. A file replaces a file or link, never a directory. Hard links among the files of
one copy stay links.
"""

from __future__ import annotations

import errno
import os
import stat

from ...kernel.files import same_file
from ...kernel.mounts import rootfs
from ...store import tree_removal
from ...untrusted.text import printable
from ..parse.expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..parse.chmod import ModeChange
    from ..parse.dockerignore import Ignore
    from .source_tree import Chosen, Entry, Tree

    Owner = tuple[int, int]  # uid, gid
    Place = tuple[str, str]  # directory, name


# nested directories that are created at most: a layer has no deeper ones (layers/difference.py)
MAX_DEPTH = 250

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Placer:
    """Writes files into one root.

    :param root: its descriptor.
    :param owner: ``(uid, gid)`` for everything that is created, or None to keep the source's.
    :param mode: changes modes, or None.
    :param follow: whether the destination's links are followed (not with ``--link``).
    :param privileged: False leaves out devices, set-id bits of files and file capabilities, which
        are meant for the image, not the host.
    """

    mode: ModeChange | None
    inodes: dict[tuple[int, int], Place]
    keys: dict[Place, tuple[int, int]]

    def __init__(
        self,
        root: int,
        owner: Owner | None = None,
        mode: ModeChange | None = None,
        follow: bool = True,
        privileged: bool = True,
    ) -> None:
        self.root, self.owner, self.mode, self.follow, self.capabilities = (
            root,
            owner,
            mode,
            follow,
            privileged,
        )
        self.leaves_out = is_device if not privileged else lambda status: False
        if not privileged:
            self.mode = harmless
        # (device, inode) of a source with several names -> where its first copy is; and back
        self.inodes, self.keys = {}, {}

    # ---------------------------------------------------------------------------------- directories

    def directory(self, path: str, attributes: os.stat_result | None = None) -> int:
        """Open the directory at ``path`` (cleaned, without ``..``); make what is missing.

        :param attributes: a stat result whose mode the last one gets when it is made.
        :returns: a descriptor.
        :raises Trouble: when something else is there.
        """
        try:
            return rootfs.open_in_root(self.root, path or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise Trouble(
                    f"/{printable(path)}: a part of this path is not a directory"
                ) from None
            if error.errno == errno.ENAMETOOLONG:
                raise Trouble(f"/{printable(path)}: this path is too long") from None
            if error.errno != errno.ENOENT:
                raise
        return self._made(path, attributes)

    def _made(self, path: str, attributes: os.stat_result | None) -> int:
        """Open the directory as :meth:`directory` does, component by component.

        A link is read, and its target replaces its name. The target of a dangling link is created.
        """
        real: list[str] = []
        rest, links, made, fd = path.split("/")[::-1], 0, False, os.dup(self.root)
        try:
            while rest:
                name = rest.pop()
                if len(rest) + len(real) > MAX_DEPTH:
                    raise Trouble(
                        f"/{printable(path)}: directories are nested deeper than {MAX_DEPTH}"
                    )
                made = False
                try:
                    inner = os.open(name, _DIRECTORY, dir_fd=fd)
                except FileNotFoundError:
                    os.mkdir(name, 0o755, dir_fd=fd)
                    inner, made = os.open(name, _DIRECTORY, dir_fd=fd), True
                    uid, gid = self.owner or (0, 0)
                    os.fchown(inner, uid, gid)
                    os.fchmod(inner, 0o755)
                except NotADirectoryError:  # of a link too: O_DIRECTORY looks first
                    links += 1
                    if links > rootfs.MAX_LINKS:
                        raise Trouble(f"/{printable(path)}: too many symbolic links") from None
                    try:
                        target = os.readlink(name, dir_fd=fd)
                    except OSError:
                        raise Trouble(
                            f"/{printable(path)}: a part of this path is not a directory"
                        ) from None
                    rest += joined("/".join(real), target).split("/")[::-1]
                    rest = [part for part in rest if part]
                    real, inner = [], os.dup(self.root)
                else:
                    real.append(name)
                if made:
                    real.append(name)
                os.close(fd)
                fd = inner
            if made and attributes is not None:
                os.fchmod(fd, stat.S_IMODE(attributes.st_mode))
            return fd
        except BaseException:
            os.close(fd)
            raise

    def is_directory(self, path: str) -> bool:
        """Tell whether ``path`` leads to a directory."""
        try:
            os.close(rootfs.open_in_root(self.root, path or ".", os.O_PATH | os.O_DIRECTORY))
            return True
        except OSError:
            return False

    # ---------------------------------------------------------------------------------------- files

    def tree(self, tree: Tree, chosen: Chosen, path: str, excludes: Ignore | None = None) -> None:
        """Copy the contents of the directory ``chosen`` of a tree into the directory ``path``.

        :raises Trouble: where something is in the way.
        """
        times: list[tuple[str, int]] = []  # (directory, nanoseconds), set when all is in it
        waiting: list[str] = []  # names of the directories that are open
        fds = {"": self.directory(path)}
        try:
            for name, entry in tree.selection(chosen, excludes):
                parent, dummy, last = name.rpartition("/")
                while waiting and not (parent + "/").startswith(waiting[-1] + "/"):
                    os.close(fds.pop(waiting.pop()))
                if not stat.S_ISDIR(entry.status.st_mode):
                    self.file(tree, entry, fds[parent], last)
                else:
                    fds[name] = self._enter(
                        tree, entry, fds[parent], last, joined(path, name), times
                    )
                    waiting.append(name)
        finally:
            for fd in fds.values():
                os.close(fd)
        for name, mtime in reversed(times):
            fd = self.directory(name)
            try:
                os.utime(fd, ns=(mtime, mtime))
            finally:
                os.close(fd)

    def _enter(
        self,
        tree: Tree,
        entry: Entry,
        parent: int,
        name: str,
        path: str,
        times: list[tuple[str, int]],
    ) -> int:
        """Create the directory ``name``, or use an existing one (or a link to one), with the
        source's attributes.
        """
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            if not self.follow and not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                raise Trouble(
                    f"/{path}: not a directory, and --link does not follow links"
                ) from None
            try:
                there = rootfs.open_in_root(self.root, path, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                raise Trouble(f"/{path}: a directory can't be copied onto what is there") from None
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                self._attributes(there, entry, tree, True)
                times.append((path, entry.status.st_mtime_ns))
            return there
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
        self._attributes(fd, entry, tree, True)
        times.append((path, entry.status.st_mtime_ns))
        return fd

    def file(self, tree: Tree, entry: Entry, parent: int, name: str) -> None:
        """Copy one file of a tree, not a directory, as ``name`` into the directory that ``parent``
        is open on.
        """
        status = entry.status
        if self.leaves_out(status):
            return
        self.clear(parent, name)
        kind, key = stat.S_IFMT(status.st_mode), (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and key in self.inodes:
            self._link_again(key, parent, name)
            return
        if kind == stat.S_IFREG:
            self._regular(tree, entry, parent, name)
        elif kind == stat.S_IFLNK:
            self.link(
                os.readlink(entry.name, dir_fd=entry.parent),
                parent,
                name,
                self._owner(tree, status),
                status.st_mtime_ns,
            )
        else:
            self._node(tree, status, parent, name)
        if status.st_nlink > 1:
            place = self._path_of(parent), name
            self.inodes[key], self.keys[place] = place, key

    def _path_of(self, fd: int) -> str:
        """Return the path of an open directory in the root, without links.

        Descriptors are not kept, because a tree may have any number of hard links.
        """
        top, path = (os.readlink(f"/proc/self/fd/{self.root}"), os.readlink(f"/proc/self/fd/{fd}"))
        return path[len(top.rstrip("/")) :].strip("/")

    def _link_again(self, key: tuple[int, int], parent: int, name: str) -> None:
        path, first = self.inodes[key]
        fd = rootfs.open_in_root(self.root, path or ".", os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.link(first, name, src_dir_fd=fd, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(fd)

    def clear(self, parent: int, name: str, whole: bool = False) -> None:
        """Make room for a file.

        :param whole: also where a directory is.
        :raises Trouble: where one is, without that.
        """
        if self.keys:  # what another file takes the place of is no other name of that
            key = self.keys.pop((self._path_of(parent), name), None)
            if key is not None:
                self.inodes.pop(key, None)
        try:
            os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        except (IsADirectoryError, PermissionError):
            if whole:
                tree_removal.remove(f"/proc/self/fd/{parent}/{name}")
                return
            raise Trouble(
                f"{name}: a file can't be copied onto the directory that is there"
            ) from None

    def _owner(self, tree: Tree, status: os.stat_result) -> Owner:
        return self.owner or (
            (status.st_uid, status.st_gid) if tree is not None and tree.keeps_owners else (0, 0)
        )

    def _regular(self, tree: Tree, entry: Entry, parent: int, name: str) -> None:
        source = entry.open()
        try:
            fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
            try:
                copy_content(source, fd)
                self._attributes(fd, entry, tree, False)
                for key, value in same_file.xattrs(source, self.capabilities).items():
                    os.setxattr(fd, key, value)
                os.utime(fd, ns=(entry.status.st_mtime_ns, entry.status.st_mtime_ns))
            finally:
                os.close(fd)
        finally:
            os.close(source)

    def _attributes(self, fd: int, entry: Entry, tree: Tree, directory: bool) -> None:
        os.fchown(fd, *self._owner(tree, entry.status))
        os.fchmod(fd, self.changed_mode(stat.S_IMODE(entry.status.st_mode), directory))

    def changed_mode(self, mode: int, directory: bool = False) -> int:
        return self.mode(mode, directory) if self.mode is not None else mode

    def _node(self, tree: Tree, status: os.stat_result, parent: int, name: str) -> None:
        os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=parent)
        uid, gid = self._owner(tree, status)
        os.chown(name, uid, gid, dir_fd=parent, follow_symlinks=False)
        os.chmod(name, self.changed_mode(stat.S_IMODE(status.st_mode)), dir_fd=parent)
        os.utime(
            name, ns=(status.st_mtime_ns, status.st_mtime_ns), dir_fd=parent, follow_symlinks=False
        )

    def link(self, target: str, parent: int, name: str, owner: Owner, mtime: int) -> None:
        """Create a symbolic link.

        :param mtime: nanoseconds.
        """
        os.symlink(target, name, dir_fd=parent)
        os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=(mtime, mtime), dir_fd=parent, follow_symlinks=False)

    def data(
        self, chunks: Iterable[bytes], parent: int, name: str, mode: int, mtime: int | None
    ) -> None:
        """Create a file from pieces of bytes.

        :param mtime: nanoseconds, or None for now.
        """
        self.clear(parent, name)
        fd = os.open(name, _CREATE, 0o600, dir_fd=parent)
        try:
            for chunk in chunks:
                write_all(fd, chunk)
            os.fchown(fd, *(self.owner or (0, 0)))
            os.fchmod(fd, self.changed_mode(mode))
            if mtime is not None:
                os.utime(fd, ns=(mtime, mtime))
        finally:
            os.close(fd)


def is_device(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)


def harmless(mode: int, directory: bool = False) -> int:
    """Return a file's mode without its set-id bits. Those of a directory stay: they only set the
    group of new files.
    """
    return mode if directory else mode & 0o1777


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write all of ``data``, however little the kernel takes at once."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def copy_content(source: int, target: int) -> None:
    """Copy the content of an open file into another, inside the kernel. Holes are kept only where
    the file system shares extents.
    """
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
        return
    except AttributeError:  # a C library without it
        pass
    except OSError as error:
        if error.errno not in (
            errno.EXDEV,
            errno.ENOSYS,
            errno.EOPNOTSUPP,
            errno.EINVAL,
            errno.EBADF,
        ):
            raise
    while os.sendfile(target, source, None, 1 << 24):
        pass


def joined(base: str, path: str) -> str:
    """Return ``path`` as seen from the directory ``base`` of a root, cleaned: ``..`` stops at the
    root.
    """
    parts = [] if path.startswith("/") else [part for part in base.split("/") if part]
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
