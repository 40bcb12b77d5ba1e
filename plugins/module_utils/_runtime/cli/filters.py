# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--filter`` of the commands that list or prune."""

from __future__ import annotations

import contextlib

from ..errors import InvalidInput
from .grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def filters(items: Iterable[str]) -> dict[str, list[str]]:
    """Return the values of ``--filter`` as ``{name: [values]}``.

    :raises UsageError: for one without ``=``.
    """
    found: dict[str, list[str]] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--filter {item!r}: accepted is name=value")
        found.setdefault(key, []).append(value)
    return found


@contextlib.contextmanager
def filtering() -> Iterator[None]:
    """In the ``with`` block, an error about the option ``filters`` of a module names the flag."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            " ".join(["--filter"] + error.option.split(".")[1:]), error.value, error.accepted
        ) from None
