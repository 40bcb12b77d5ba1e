# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take away what was put on a host: the command, the boot unit, the engine, and where asked for the data too."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct

from .. import cli, install
from ..cli.session import Session
from ..errors import Conflict, EngineError, HostError
from ..reconcile import Plan
from ..store.files import read_json
from ..store.operations import boot_id, start_time
from . import boot


def plan(engine, params):
    """The plan of ``state: absent``; ``params`` as in ``task.plan``.

    :raises Conflict: when containers run and ``force`` does not allow to stop them.
    """
    running = running_containers(engine)
    if running and not params["force"]:
        raise Conflict("containers run on this host (%s); stop them first, or let force: true do it" % ", ".join(sorted(running)))
    found = Plan("host", lambda: {"host": None})
    for name in sorted(running):
        found.add("container %s" % name, "running", "stopped", "stop container %s" % name, lambda name=name: execute(engine, "stop", name))
    if params["delete_data"]:
        plan_objects(found, engine)
    for unit in boot.installed():
        found.add("boot unit", unit.path, None, "remove the boot unit %s" % unit.path, unit.remove)
    if boot.MARK in boot.read(params["command"]):
        found.add("command", params["command"], None, "remove the command %s" % params["command"], lambda: os.unlink(params["command"]))
    if entries(engine.paths.runtime):
        found.add("runtime", install.current(engine.paths.runtime), None, "remove the engine", lambda: remove_engine(engine.paths))
    if params["delete_data"] and entries(engine.paths.data):
        found.add("data", engine.paths.data, None, "delete %s" % engine.paths.data, lambda: delete_data(engine))
    return found


def running_containers(engine):
    """The names of the containers whose process 1 lives, as their monitors wrote it down (``state.json``)."""
    boot_now = boot_id()
    return [row["name"] for row in engine.db.all("SELECT id, name FROM containers")
            if lives(read_json(os.path.join(engine.paths.container(row["id"]), "state.json"), {}), boot_now)]


def lives(state, boot_now):
    return bool(state.get("pid")) and state.get("boot") == boot_now and start_time(state["pid"]) == state.get("pid_start")


def execute(engine, *words):
    """One of Docker's commands, as the on-host command would do it. :raises EngineError: with its complaint."""
    session = Session(engine)
    cli.execute(session, *cli.read(list(words)))
    if session.rc:
        raise EngineError("; ".join(session.errors))


def plan_objects(found, engine):
    """What has kernel objects besides its data: those go first, the rest with the directory."""
    for row in engine.db.all("SELECT name FROM containers ORDER BY name"):
        found.add("container %s" % row["name"], "present", None, "remove container %s" % row["name"],
                  lambda name=row["name"]: execute(engine, "rm", "--force", "--volumes", name))
    for row in engine.db.all("SELECT name FROM networks ORDER BY name"):
        found.add("network %s" % row["name"], "present", None, "remove network %s" % row["name"],
                  lambda name=row["name"]: execute(engine, "network", "rm", name))


def remove_engine(paths):
    stop_zygote(paths)
    install.remove(paths)


def stop_zygote(paths):
    """End the process from which monitors are forked: it holds nothing, and the next start of a container makes a new one."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        client.connect(os.path.join(paths.run, "zygote.sock"))
        pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]  # unix(7)
        os.kill(pid, signal.SIGTERM)


def delete_data(engine):
    engine.db.close()
    for path in (engine.paths.run, engine.paths.data):
        shutil.rmtree(path, ignore_errors=True)
    left = entries(engine.paths.data)
    if left:
        raise HostError("%s could not be deleted whole: %s is still mounted or in use" % (engine.paths.data, ", ".join(left)))


def entries(path):
    """The names in a directory; none where there is no such directory. One that is a file system of its own may stay, empty."""
    try:
        return sorted(set(os.listdir(path)) - {"lost+found"})
    except FileNotFoundError:
        return []
