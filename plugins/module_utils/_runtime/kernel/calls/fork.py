# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fork a child that must not return into the code of its parent."""

from __future__ import annotations

import os

from . import constants as c
from . import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def child(
    work: Callable[[], int | None],
    with_parent: bool = False,
    failed: Callable[[BaseException], object] | None = None,
) -> int:
    """Fork a process that calls ``work`` and ends; return its pid.

    :param work: its result is the process's exit status, None being 0; 1 where it raises.
    :param with_parent: the process is killed when the thread that forked it ends (PR_SET_PDEATHSIG).
    :param failed: called with what ``work`` raises, which nobody is told otherwise.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        end(work, parent if with_parent else None, failed)
    return pid


def end(
    work: Callable[[], int | None],
    parent: int | None = None,
    failed: Callable[[BaseException], object] | None = None,
    status: int = 1,
) -> NoReturn:
    """End this process with what ``work`` returns, for a child made by clone3: see :func:`child`.

    :param parent: the pid of who made it, with whom it is to end.
    :param status: what it ends with where ``work`` raises.
    """
    try:
        if parent is None or _tied_to(parent):
            status = work() or 0
    except BaseException as error:  # pylint: disable=broad-except # nothing returns from here
        if failed is not None:
            failed(error)
    finally:
        os._exit(status)


def _tied_to(parent: int) -> bool:
    """Have the kernel kill this process when its parent ends; False where that has ended already."""
    syscalls.prctl(c.PR_SET_PDEATHSIG, c.SIGKILL)
    return os.getppid() == parent
