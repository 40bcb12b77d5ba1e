# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that ``checkpoint`` and ``restore`` have in common, as CRIU is told them (runc's)."""

from __future__ import annotations

import os

from ....errors import InvalidInput, reason
from ...checkpoint import criu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..arguments import Call

OPTIONS = (
    "image-path=",
    "work-path=",
    "tcp-established",
    "ext-unix-sk",
    "shell-job",
    "lazy-pages",
    "file-locks",
    "manage-cgroups-mode=",
    "empty-ns=*",
    "auto-dedup",
)
EMPTY = ("network",)
IMAGES = "checkpoint"  # below the working directory, where --image-path is not given
# Option -> the name of CRIU's.
_FLAGS = {
    "leave-running": "leave_running",
    "tcp-established": "tcp_established",
    "tcp-skip-in-flight": "tcp_skip_in_flight",
    "link-remap": "link_remap",
    "ext-unix-sk": "ext_unix_sk",
    "shell-job": "shell_job",
    "file-locks": "file_locks",
    "auto-dedup": "auto_dedup",
    "lazy-pages": "lazy_pages",
}


def program(call: Call) -> criu.Criu:
    """Return CRIU, which works here. :raises Unsupported:"""
    found = criu.Criu(call.options["criu"])
    found.check()
    return found


def read(call: Call) -> dict[str, Any]:
    """Return what CRIU is told of the options that both commands have, by its names.

    :raises InvalidInput:
    """
    mode = call["manage-cgroups-mode"] or ""
    if mode not in criu.MODES:
        raise InvalidInput("--manage-cgroups-mode", mode, ", ".join(filter(None, criu.MODES)))
    # The network namespace is always empty: its links are those of whoever makes them, not the
    # runtime's.
    for kind in call["empty-ns"]:
        if kind not in EMPTY:
            raise InvalidInput("--empty-ns", kind, ", ".join(EMPTY))
    found: dict[str, Any] = {
        option: True for name, option in _FLAGS.items() if call.given.get(name)
    }
    found["manage_cgroups_mode"] = criu.MODES[mode]
    return found


def directory(path: str) -> str:
    """Make a directory of images or of work, where it is missing; return its absolute path.

    :raises InvalidInput:
    """
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        why = reason(error, named=True)
        raise InvalidInput(
            "--image-path, --work-path", path, f"a directory that can be made ({why})"
        ) from None
    return os.path.abspath(path)
