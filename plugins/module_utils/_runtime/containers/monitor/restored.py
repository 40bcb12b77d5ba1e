# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start from a checkpoint: all that a start makes of the host is made anew, and CRIU has the processes go on where they were."""

from __future__ import annotations

import os

from ...oci.checkpoint import criu
from ...oci.checkpoint.restore import Restoring
from ..client import stdio
from . import engine_launch


class Start(Restoring, engine_launch.Start):
    """One attempt, in a worker; see launch.Start. :param checkpoint: of checkpoints.ready."""

    def __init__(self, checkpoint, *arguments):
        super().__init__(*arguments)
        self.images, self.work = checkpoint["images"], self.bundle.run_directory
        self.engine, self.wanted = criu.Criu(checkpoint["criu"]), {"tcp_established": True}

    def given_streams(self):
        stdin = self.stdin
        if stdin is None and self.bundle.run.get("interactive") and not self.bundle.run.get("tty"):
            stdin = stdio.open_inside(self.bundle.run_directory, "stdin")
        if stdin is None:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.spent.append(stdin)
        outputs = [stdio.open_inside(self.bundle.run_directory, name) for name in stdio.OUTPUTS]
        self.spent += outputs
        return stdin, *outputs
