# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove directory trees of foreign processes: of any depth, never through a symbolic link."""

from __future__ import annotations

import os

from ..errors import HostError, reason

DEEPEST = 200  # directories held open at once; what lies deeper is moved up first
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(path: str) -> None:
    """Remove what is at ``path``, a tree or a file. A missing one is no error.

    :raises HostError: where the kernel refuses, e.g. because something is mounted in it.
    """
    try:
        os.unlink(path)
        return
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):  # a directory: unlink(2) says either
        top = os.open(path, _FLAGS)
    try:
        turn = 0
        while _empty(top, turn):
            turn += 1
    except OSError as error:
        raise HostError(
            f"can't remove {error.filename or path}: {reason(error, named=True)}"
        ) from None
    finally:
        os.close(top)
    try:
        os.rmdir(path)
    except OSError as error:
        raise HostError(f"can't remove {path}: {reason(error, named=True)}") from None


def clear(path: str) -> None:
    """Remove what is in the directory ``path``, and leave the directory. A missing one is no error.

    :raises HostError: where the kernel refuses.
    """
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return
    for name in names:
        remove(os.path.join(path, name))


def _empty(top: int, turn: int) -> bool:
    """Remove what is in the directory ``top``.

    :returns: whether something was moved up and is left for another round.
    """
    moved = 0
    stack = [(top, "", os.listdir(top))]
    try:
        while stack:
            fd, name, left = stack[-1]
            if not left:
                stack.pop()
                if stack:
                    os.close(fd)
                    os.rmdir(name, dir_fd=stack[-1][0])
                continue
            entry = left.pop()
            try:
                os.unlink(entry, dir_fd=fd)
                continue
            except (IsADirectoryError, PermissionError):
                pass
            if len(stack) > DEEPEST:
                moved += 1
                os.rename(entry, f".moved-up-{turn}-{moved}", src_dir_fd=fd, dst_dir_fd=top)
                continue
            child = os.open(entry, _FLAGS, dir_fd=fd)
            stack.append((child, entry, os.listdir(child)))
    finally:
        for fd, _name, _left in stack[1:]:
            os.close(fd)
    return bool(moved)
