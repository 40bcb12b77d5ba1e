# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write events: one append for each, by whoever does what happens.

There is no daemon to collect them. The journal is a file, ``events/journal`` of the store, with the
one before it beside it. A record is a text of RFC 7464: 0x1e, JSON, a line feed. It is one write(2)
with O_APPEND, so writers need no lock. What a full disk or a power cut leaves of a record is skipped
by readers, because the next one begins with its own 0x1e.

An event never stops what it tells of: where it can't be written, it is lost. Nothing is synced.

The monitors import this file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..store.paths import Paths

    Told = tuple[str, str, str, Mapping[str, Any]]  # type, action, id, attributes

LIMIT = 1 << 20  # bytes of a file; there are two
LARGEST = 1 << 15  # bytes of a record: one that is larger loses the attributes that make it so
MARK = b"\x1e"
NAME = "journal"
OLDER = NAME + ".1"


def write(paths: Paths, *events: Told) -> None:
    """Append events, each ``(type, action, id, attributes)``, in one step.

    :param events: Docker's names; attributes are made texts.
    """
    now = time.time_ns()
    data = b"".join(_record(now, *event) for event in events)
    if data:
        # Whatever is wrong with the disk: the event is lost, and nothing else.
        with contextlib.suppress(OSError, ValueError):
            _append(paths.events, data)


def _record(now: int, kind: str, action: str, ident: str, attributes: Mapping[str, Any]) -> bytes:
    texts = {key: str(value) for key, value in attributes.items()}
    text = _text(now, kind, action, ident, texts)
    if len(text) > LARGEST:
        texts = {key: value for key, value in texts.items() if len(key) + len(value) < 200}
        text = _text(now, kind, action[:1000], ident, dict(list(texts.items())[:50]))
    return MARK + text.encode() + b"\n"


def _text(now: int, kind: str, action: str, ident: str, attributes: dict[str, str]) -> str:
    actor = {"ID": ident, "Attributes": attributes}
    return json.dumps(
        {"Type": kind, "Action": action, "Actor": actor, "timeNano": now}, separators=(",", ":")
    )


def _append(directory: str, data: bytes) -> None:
    path = f"{directory}/{NAME}"
    try:
        fd = _open(path)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)  # not a store that was removed meanwhile
        fd = _open(path)
    try:
        if os.fstat(fd).st_size + len(data) > LIMIT:
            fd = _rotated(fd, path)
        os.write(fd, data)
    finally:
        os.close(fd)


def _open(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(path, flags, 0o600)


def _rotated(fd: int, path: str) -> int:
    """Begin a new file, unless another writer has done so meanwhile; returns its descriptor."""
    fcntl.flock(fd, fcntl.LOCK_EX)
    with contextlib.suppress(FileNotFoundError):
        if os.stat(path).st_ino == os.fstat(fd).st_ino:
            os.rename(path, path + ".1")
    fresh = _open(path)
    os.close(fd)
    return fresh
