# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux (selinux(8)): whether this host has it, the contexts that its policy has for containers, the labels of files.

A context is ``user:role:type``, with a policy of levels ``user:role:type:level``.
"""

from __future__ import annotations

import os

from ..processes import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    class Entry(Protocol):
        """What is in a directory."""

        @property
        def directory(self) -> int: ...  # a descriptor

        @property
        def name(self) -> str: ...


FILES = "/sys/fs/selinux"  # selinuxfs
ATTRIBUTE = "security.selinux"
CONFIG = "/etc/selinux/config"
# Where the contexts for containers are named: by the containers' own package, else by the policy (lxc_contexts).
PLACES = ("/usr/share/containers/selinux/contexts", "/etc/selinux/%s/contexts/lxc_contexts")


def enabled() -> bool:
    """Whether processes and files have labels; whether what they say is enforced is another question."""
    return os.path.exists(FILES + "/enforce")


def known(context: str) -> bool:
    """Whether the policy that is loaded has a context."""
    try:
        with open(FILES + "/context", "wb", 0) as file:
            file.write(os.fsencode(context))
    except (OSError, ValueError):
        return False
    return bool(context)


def of_new_file(process: str, directory: str) -> str:
    """The context of a file that a process of one context makes in a directory of another (selinuxfs ``create``); '' where it is not told."""
    try:
        number = procfs.read(FILES + "/class/file/index").strip()
        with open(FILES + "/create", "r+b", 0) as file:
            file.write(os.fsencode(f"{process} {directory} {number}"))
            return os.fsdecode(file.read(4096)).rstrip("\0")
    except OSError:
        return ""


def defaults() -> tuple[dict[str, str] | None, str]:
    """``({"process": context, "file": context}, "")`` for containers, or ``(None, why this host has none)``."""
    if not enabled():
        return None, "SELinux is not enabled"
    policy = _settings(CONFIG).get("SELINUXTYPE", "targeted")
    for place in PLACES:
        place = place.replace("%s", policy)
        found = _settings(place)
        if found:
            contexts = {key: found.get(key, "") for key in ("process", "file")}
            unknown = [context for context in contexts.values() if not known(context)]
            if unknown:
                return (
                    None,
                    f"SELinux's policy does not have {unknown[0] or 'the context'}, which {place} "
                    "names (package container-selinux)",
                )
            return contexts, ""
    return None, "SELinux's policy names no contexts for containers (package container-selinux)"


def _settings(path: str) -> dict[str, str]:
    """A file of ``key = "value"``; {} where it can't be read."""
    try:
        lines = procfs.read(path, 1 << 16).splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, equals, value in pairs if equals}


def label_of(path: str) -> str:
    """The context of a file, not of what a link leads to; '' where it has none."""
    try:
        return os.fsdecode(os.getxattr(path, ATTRIBUTE, follow_symlinks=False)).rstrip("\0")
    except OSError:
        return ""


def set_label(target: str | int, context: str) -> None:
    """Label a file: a path, whose last part is no link, or a descriptor. :raises OSError:"""
    os.setxattr(target, ATTRIBUTE, os.fsencode(context))


def relabel(top: str, context: str, walk: Callable[[int], Iterable[Entry]]) -> None:
    """Label a file, or a directory with all below it. No link is followed, whoever changes the tree meanwhile. :raises OSError:

    :param walk: ``walk(descriptor)`` gives all that is below a directory.
    """
    fd = os.open(top, os.O_PATH | os.O_CLOEXEC)
    try:
        _relabel_one(fd, context)
        if not os.path.isdir(f"/proc/self/fd/{fd}"):
            return
        directory = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(fd)
    try:
        for entry in walk(directory):
            try:
                inner = os.open(
                    entry.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=entry.directory
                )
            except FileNotFoundError:
                continue  # it has gone meanwhile
            try:
                _relabel_one(inner, context)
            finally:
                os.close(inner)
    finally:
        os.close(directory)


def _relabel_one(fd: int, context: str) -> None:
    path = f"/proc/self/fd/{fd}"  # of a link opened with O_PATH, this is the link
    try:
        before = os.fsdecode(os.getxattr(path, ATTRIBUTE)).rstrip("\0")
    except OSError:
        before = ""
    if before != context:
        set_label(path, context)
