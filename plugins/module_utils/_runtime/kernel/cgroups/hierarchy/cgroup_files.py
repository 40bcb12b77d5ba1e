# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the small files of a cgroup directory."""

from __future__ import annotations

import os


def read(path: str) -> str:
    """Return the text of a cgroup file without its last newline.

    :raises OSError: there is no such file, or the kernel has no value.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = chunk = os.read(fd, 65536)
        while chunk:  # a seq_file may answer with less than there is
            chunk = os.read(fd, 65536)
            text += chunk
    finally:
        os.close(fd)
    return text.decode("ascii", "replace").rstrip("\n")


def read_or(path: str, default: str = "") -> str:
    """Return the text of a cgroup file, or ``default`` where it is missing or can't be read."""
    try:
        return read(path)
    except OSError:
        return default


def write(path: str, *texts: str) -> None:
    """Write each text in one write(2), as cgroup files want it.

    Without a text the file is not opened.

    :raises OSError: the kernel refuses the file or a text.
    """
    if not texts:
        return
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        for text in texts:
            os.write(fd, text.encode("ascii", "replace"))
    finally:
        os.close(fd)


def keyed(text: str) -> dict[str, int]:
    """Return ``{"key": 123}`` of the lines ``key 123``; leave out lines of another form."""
    pairs = (line.split() for line in text.splitlines())
    return {
        pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].lstrip("-").isdigit()
    }


def number(text: str) -> int | None:
    """Return the integer, or None for "max", "" and other words for "no limit"."""
    return int(text) if text.lstrip("-").isdigit() else None


class Directory:
    """One cgroup directory, as the translation of limits looks at it."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def has(self, name: str) -> bool:
        return os.path.exists(self.path + "/" + name)

    def read(self, name: str) -> str:
        return read_or(self.path + "/" + name)


class Everything(Directory):
    """A directory that has every file: shows what would be written if the controller were there."""

    def __init__(self) -> None:
        super().__init__("")

    def has(self, name: str) -> bool:
        return True

    def read(self, name: str) -> str:
        return ""
