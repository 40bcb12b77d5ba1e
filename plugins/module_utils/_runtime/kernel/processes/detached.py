# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Execute a command of the host that is nobody's child.

Without the module ``subprocess``, which would make every monitor larger.
"""

from __future__ import annotations

import os

from ..calls import fds, fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_detached(argv: Sequence[str], wanted: Callable[[], bool] = lambda: True) -> None:
    """Execute a command of the host that nobody waits for; its standard streams are /dev/null.

    :param wanted: called in the new process: whether the command is to be executed at all.
    """

    def middle() -> None:
        fork.child(lambda: _become(argv, wanted))

    os.waitpid(fork.child(middle), 0)


def _become(argv: Sequence[str], wanted: Callable[[], bool]) -> None:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    fds.close_range(3)  # now, not by execve: nobody is to connect to a socket of this process's
    if wanted():
        os.execv(argv[0], list(argv))
