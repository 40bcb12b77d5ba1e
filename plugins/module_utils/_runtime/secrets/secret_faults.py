# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what is wrong with the secrets and configs of a host, for ``system check``."""

from __future__ import annotations

import functools
import os
import stat

from ..errors import EngineError, reason
from . import sealing
from . import secret_catalog as catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    from ..engine import Engine

    # What it is about, what is wrong, the repair in words, and the repair; None where a person has
    # to decide.
    Fault = tuple[str, str, Optional[str], Optional[Callable[[], object]]]

ALONE = 0o077  # what nobody but root may do


def faults(engine: Engine) -> list[Fault]:
    """Return what is wrong, each once."""
    found = _owners("secrets", engine.paths.secrets, stat.S_ISDIR, "a directory")
    for kind in (catalog.SECRET, catalog.CONFIG):
        place = catalog.directory(engine, kind)
        found += _owners(kind + "s", place, stat.S_ISDIR, "a directory")
        users = catalog.users(engine, kind)
        for name in catalog.names(engine, kind):
            what = f"{kind} {name}"
            wrong = _owners(what, catalog.path(engine, kind, name), stat.S_ISREG, "a regular file")
            found += wrong or _content(engine, kind, name)
            if not users.get(name) and catalog.is_left_over(engine, kind, name):
                found.append(
                    (
                        what,
                        f"{what} is an old version that is kept no more, and no container names it",
                        f"remove {what}",
                        functools.partial(catalog.remove, engine, kind, name),
                    )
                )
        for name, path in catalog.rests(engine, kind):
            found.append(
                (
                    f"{kind} {name}",
                    f"{path} is left of a task that was killed while it wrote {kind} {name}",
                    f"remove {path}",
                    functools.partial(catalog.clear_rests, engine, kind, name),
                )
            )
        for name in sorted(users):
            if not catalog.exists(engine, kind, name):
                who = ", ".join(users[name])
                said = f"container {who} names {kind} {name}, which does not exist; make it again"
                found.append((f"{kind} {name}", said, None, None))
    return found


def _owners(what: str, path: str, is_right: Callable[[int], bool], form: str) -> list[Fault]:
    """Say what is wrong with a file's or directory's kind, owner and mode."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return []
    if not is_right(status.st_mode):
        return [(what, f"{path} is not {form}; move it away", None, None)]
    if status.st_uid == 0 and not status.st_mode & ALONE:
        return []
    mode = 0o700 if stat.S_ISDIR(status.st_mode) else 0o600
    said = f"{path} belongs to user {status.st_uid} with mode {stat.S_IMODE(status.st_mode):04o}"
    return [
        (
            what,
            f"{said}; it must be root's, and for root alone",
            f"make {path} root's alone",
            functools.partial(_secure, path, mode),
        )
    ]


def _secure(path: str, mode: int) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchown(fd, 0, 0)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def _content(engine: Engine, kind: str, name: str) -> list[Fault]:
    """Say what is wrong with a secret's data: they can't be opened, or are not kept as they are to be."""
    what = f"{kind} {name}"
    try:
        data = catalog.read(engine, kind, name)
    except EngineError as error:
        return [(what, str(error), None, None)]
    except OSError as error:
        return [(what, f"{what} can't be read: {reason(error)}", None, None)]
    entry = catalog.get(engine, kind, name)
    due = sealing.chosen(engine)[0]
    if kind == catalog.CONFIG or entry is None or entry["sealed"] == due or due == sealing.NONE:
        return []
    return [
        (
            what,
            f"{what} is kept by {entry['sealed']}, and this host encrypts secrets by {due}",
            f"encrypt {what} by {due}",
            functools.partial(catalog.write, engine, kind, name, data),
        )
    ]
