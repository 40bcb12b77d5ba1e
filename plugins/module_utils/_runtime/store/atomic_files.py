# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write files that appear only whole: under a temporary name, synced, then renamed."""

from __future__ import annotations

import _thread
import contextlib
import errno
import json
import os
import stat

from ..errors import HostError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO


class Damaged(HostError, ValueError):
    """One of the engine's own files can't be read; the others can."""


def sync_directory(path: str) -> None:
    """Make the names in ``path`` durable.

    fsync(2) of a file does not sync the directory entry that leads to it.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_private(path: str) -> None:
    """Create a directory, and missing ones above it, for root alone, whatever the umask."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)
        os.chmod(directory, 0o700)


def write_whole(path: str, data: bytes | str, mode: int = 0o600, durable: bool = True) -> None:
    """Replace the file at ``path`` by ``data`` (bytes or text). A reader or a crash sees the old or
    the new.

    :param durable: sync the data and its name. Without it the replacement is atomic, but a power
        cut may lose it.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    # Threads of one process write the same file, too.
    temporary = f"{path}.tmp.{os.getpid()}.{_thread.get_ident()}"
    fd = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode
    )
    try:
        os.fchmod(fd, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        if durable:
            os.fsync(fd)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    os.rename(temporary, path)
    if durable:
        sync_directory(os.path.dirname(path))


def sweep(directory: str) -> None:
    """Remove what killed processes have left in a directory of files that they were writing."""
    for name in os.listdir(directory):
        writer = name.partition(".tmp.")[2].partition(".")[0]
        if writer.isdigit() and _has_ended(writer):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(directory, name))


def _has_ended(pid: str) -> bool:
    """Tell whether a process writes no more; one that nobody has waited for yet is still in /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return True


def write_over(path: str, data: str, durable: bool = True) -> None:
    """Overwrite the file at ``path`` in place.

    :raises FileNotFoundError: when it is missing.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        content = data.encode("utf-8", "surrogateescape")
        written = 0
        while written < len(content):
            written += os.pwrite(fd, content[written:], written)
        os.ftruncate(fd, len(content))
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def write_json(path: str, value: Any, durable: bool = True) -> None:
    write_whole(path, as_json(value), durable=durable)


def read_json(path: str, default: Any = None) -> Any:
    """Return the JSON document at ``path``, or ``default`` where the file is missing or empty.

    A power cut may leave an empty file.

    :raises Damaged: when it is no JSON.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return default
    try:
        return json.loads(data) if data else default
    except (ValueError, RecursionError):
        raise Damaged(f"{path} is damaged: it is not a JSON document") from None


@contextlib.contextmanager
def appearing(path: str, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Yield a binary file to write. It is at ``path``, whole and synced, when the block succeeds.

    When the block fails, nothing is there. Where the file system supports it (O_TMPFILE, open(2)),
    the file has no name before, so a killed process leaves nothing behind.
    """
    if _is_no_file(path):
        with open(path, "wb") as file:
            yield file
        return
    directory, partial = os.path.dirname(path) or ".", path + ".partial"
    try:
        fd, named = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, mode), False
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT) or not os.path.isdir(
            directory
        ):
            raise
        fd, named = (
            os.open(
                partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode
            ),
            True,
        )
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
            if not named:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(partial)
                _link(fd, partial, directory)
                named = True
        os.rename(partial, path)
        named = False
        sync_directory(directory)
    finally:
        if named:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(partial)


def _is_no_file(path: str) -> bool:
    """Return whether a device, a pipe or a socket is at ``path``: it is written to, and never
    replaced.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _link(fd: int, path: str, directory: str) -> None:
    """Give an unnamed file its name.

    With a directory's descriptor Python calls linkat(2), which can follow the link in /proc.
    """
    home = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=home, follow_symlinks=True)
    finally:
        os.close(home)
