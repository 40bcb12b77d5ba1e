# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start from a checkpoint: all that a start makes of the host is made anew, and CRIU has the
processes go on where they were.
"""

from __future__ import annotations

import os

from ...oci.checkpoint import criu
from ...oci.checkpoint.criu_restore import Restore
from ..client import stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..client.messages import Checkpoint
    from .engine_launch import EngineSite


def origin(checkpoint: Checkpoint, site: EngineSite) -> Restore:
    """Return how process 1 comes to be. :param checkpoint: of checkpoints.ready."""
    return Restore(
        checkpoint["images"],
        site.document.run_directory,
        criu.Criu(checkpoint["criu"]),
        {"tcp_established": True},
        lambda launch: open_streams(site, launch.spent),
    )


def open_streams(site: EngineSite, spent: list[int]) -> tuple[int, int, int]:
    """Open what the restored process gets for the streams that it had; adds the descriptors to
    ``spent``.
    """
    run, directory = site.document.run, site.document.run_directory
    stdin = site.stdin
    if stdin is None and run.get("interactive") and not run.get("tty"):
        stdin = stdio.open_inside(directory, "stdin")
    if stdin is None:
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    spent.append(stdin)
    stdout, stderr = (stdio.open_inside(directory, name) for name in stdio.OUTPUTS)
    spent += [stdout, stderr]
    return stdin, stdout, stderr
