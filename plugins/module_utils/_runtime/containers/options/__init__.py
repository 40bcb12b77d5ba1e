# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a container: what a task may say, and what it means. Each is one row.

``_runtime/options`` says what a row has, and reads and compares what a task says by the rows.

Rows and parsers lie by subject in ``process``, ``resources``, ``storage``, ``secret_files``,
``publishing``, ``network``, ``security``, ``lifecycle`` and ``log_options``; ``behaviour`` has the options that are no part of a container. The
chapter uses the kernel's lists of names and ``untrusted``, and no other chapter of containers.

A *definition* is what ``containers.definition`` of the store holds.
"""

from __future__ import annotations

from ...options.table import Table
from . import (
    behaviour,
    device_options,
    log_options,
    network_options,
    process,
    publishing,
    resources,
    restart_and_health,
    secret_files,
    security,
    storage,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...options.rows import Definition

_PARTS = (
    process,
    resources,
    storage,
    device_options,
    secret_files,
    publishing,
    network_options,
    security,
    restart_and_health,
    log_options,
)
TABLE = Table("a container", [row for part in _PARTS for row in part.OPTIONS], behaviour.OPTIONS)


def definition(params: Mapping[str, Any]) -> Definition:
    """Return the normal form of what a task says about a container.

    An option that it does not name is left out.

    :param params: the module's parameters, or any map with option names; None is "not named".
    :raises InvalidInput: for a value that is not accepted, or an option that does not exist.
    """
    named = TABLE.named(params)
    process.prepare(named)
    device_options.prepare(named)
    return TABLE.definition(named)


def check(wanted: Definition) -> None:
    """Refuse options that contradict each other, which no single one can see.

    :raises InvalidInput:
    """
    for part in _PARTS:
        if hasattr(part, "check"):  # options about devices contradict none
            part.check(wanted)


def comparisons(value: Mapping[str, str] | None) -> dict[str, str]:
    """Return how each option and the image are compared, by a task's ``comparisons``.

    :returns: ``{option: "strict" | "ignore" | "allow_more_present"}``.
    :raises InvalidInput:
    """
    return TABLE.comparisons(value, beside=["image"], aliases={"env_file": "env"})
