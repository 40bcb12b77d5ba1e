# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a function in a child with namespaces of its own, so that a test can mount, filter and give up rights as it likes."""

from __future__ import annotations

import json
import os
import traceback

from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.mounts import mounts


def run(function, flags=c.CLONE_NEWNS, **options):
    """What ``function()`` returns (JSON) in a child made by clone3 with ``flags``; its exception fails the test."""
    reader, writer = os.pipe()
    pid, pidfd = syscalls.clone3(flags, **options)
    if pid == 0:
        try:
            if flags & c.CLONE_NEWNS:
                mounts.leave_host()
            answer = {"result": function()}
        except BaseException:  # pylint: disable=broad-except
            answer = {"error": traceback.format_exc()}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    os.close(pidfd)
    if not text:
        raise AssertionError(f"the child ended with {ended}")
    answer = json.loads(text)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


def errno_of(function, *args):
    """The errno that a call ends with, 0 when it goes through."""
    try:
        function(*args)
    except OSError as error:
        return error.errno
    return 0
