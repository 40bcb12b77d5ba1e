# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote: a lean warm process from which monitors and exec workers are forked. It holds no state and may die at any time.

Started by summon.py; it imports what a monitor needs, freezes it (gc.freeze, so that the
pages stay shared with the forks) and waits. A request is one message on its socket:
    {"op": "start" | "adopt", "id", "command"}    a monitor, which answers on the connection and goes on; a descriptor that comes with
                                                  "start" is the container's standard input; "checkpoint" there is what to go on from
    {"op": "exec", ...}                           an exec worker (execute.py)
    {"op": "retire"}                              the zygote ends: {"pid"}
"""

from __future__ import annotations

import _signal
import contextlib
import gc
import os
import resource
import select
import sys
import time

from ..errors import Unsupported
from ..kernel import constants as c
from ..kernel import forks, syscalls
from ..store import paths as stores
from ..oci import program
from . import dormant, monitor, wire

IDLE = 60.0  # seconds after which it looks whether it is still wanted


def raise_limits():
    """Open files for the monitors' relays as many as are allowed; returns what it was, for the containers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return {7: (soft, hard)}


def main(data, run, name, command):
    """Serve until a newer zygote has taken the socket's name, or the directory is gone.

    :param data: :param run: the engine's directories. :param name: the socket's file name in ``run``.
    :param command: the arguments that zygote_main.py was executed with, without these three.
    """
    os.chdir("/")
    os.umask(0o022)
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)  # what is forked from here never is looked into by a container
    syscalls.prctl(c.PR_SET_NAME, b"pyc-zygote\0")
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGPIPE):
        _signal.signal(number, _signal.SIG_IGN)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # monitors are reaped by the kernel
    limits = raise_limits()
    paths = stores.Paths(data, run)
    server = wire.listen(run, name)
    mine = os.stat(os.path.join(run, name)).st_ino
    program.compile_default()
    with contextlib.suppress(Unsupported):  # the start says it
        forks.prepare()
    bed = dormant.Bed.make(command)
    gc.collect()
    gc.freeze()
    poll = select.poll()
    poll.register(server, select.POLLIN)
    while True:
        if poll.poll(IDLE * 1000):
            with contextlib.suppress(OSError):
                connection, _address = server.accept()
                _serve(paths, server, connection, limits, bed)
                connection.close()
        elif not _wanted(os.path.join(run, name), mine):
            return


def _wanted(path, inode):
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False


def _serve(paths, server, connection, limits, bed):
    """Fork for a request; the child never returns."""
    if not wire.from_root(connection) or os.fork():
        return
    try:
        os.close(server.fileno())
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # its children are waited for
        os.setsid()
        monitor.main(paths, connection, limits, bed)
    except BaseException as error:  # pylint: disable=broad-except # it must not return into the zygote's loop
        _complain(error)
    finally:
        os._exit(0)


def _complain(error):
    """Into the zygote's log: what no caller was there to be told."""
    import traceback

    sys.stderr.write("%s pid %d: %s" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), os.getpid(),
                                        "".join(traceback.format_exception(type(error), error, error.__traceback__))))
    sys.stderr.flush()
