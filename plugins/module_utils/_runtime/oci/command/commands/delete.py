# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``delete``: remove a container that has ended, or with ``--force`` any."""

from __future__ import annotations

from ....errors import Conflict, InvalidInput, NotFound
from .. import teardown
from ..arguments import Command
from ..states import Container, Unreadable, every, open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..arguments import Call
    from ..output import Log

COMMAND = Command("remove a container that has ended", "ID...", 1, None, ("force|f", "regex|r"))


def delete(call: Call, log: Log) -> None:
    for ident in [ident for word in call.arguments for ident in _named(call, word)]:
        container = _open(call, ident)
        if container is not None:
            _delete(container, call["force"], log)


def _open(call: Call, ident: str) -> Container | None:
    """Return a container; None for one that is not there, which is no error with ``--force``."""
    try:
        return open_container(call.options["root"], ident)
    except (NotFound, InvalidInput):
        if call["force"]:
            return None
        raise
    except Unreadable:
        if not call["force"]:
            raise
        return Container(call.options["root"], ident)


def _delete(container: Container, force: bool, log: Log) -> None:
    container.lock()
    try:
        container.read()
    except Unreadable as error:
        log.warning(str(error))
    status = container.status()
    if status not in ("stopped", "created") and not force:
        raise Conflict(
            f"cannot delete container {container.ident} that is not stopped: it is {status}; "
            "--force kills it"
        )
    teardown.remove(container, log)


def _named(call: Call, word: str) -> list[str]:
    """Return the ids that an argument stands for.

    :raises InvalidInput: it is no regular expression.
    """
    if not call["regex"]:
        return [word]
    import re  # here: it costs a start 2 ms

    try:
        pattern = re.compile(word)
    except re.error as error:
        raise InvalidInput("--regex", word, f"a regular expression ({error})") from None
    return [
        container.ident
        for container in every(call.options["root"], [])
        if pattern.search(container.ident)
    ]
