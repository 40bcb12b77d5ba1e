# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions that nobody expected, in the zygote and what is forked from it: into the zygote's log."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...store.paths import Paths


def log(error: BaseException) -> None:
    """Write the traceback to this process's error stream, which is the zygote's log."""
    import traceback  # rare, and large

    from ...untrusted.text import entry

    lines = traceback.format_exception(type(error), error, error.__traceback__)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f"{when} pid {os.getpid()}: {entry(''.join(lines), None)}\n")
    sys.stderr.flush()


def sentence(paths: Paths, error: BaseException) -> str:
    """Log an exception, and return the sentence that the caller gets."""
    log(error)
    path = os.path.join(paths.run, "zygote.log")
    return f"the engine failed unexpectedly ({type(error).__name__}: {error}); {path} has the traceback"
