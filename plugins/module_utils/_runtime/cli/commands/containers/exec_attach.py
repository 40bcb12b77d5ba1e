# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``exec`` and ``attach``: into a container that runs."""

from __future__ import annotations

from .... import containers
from ....containers.access import detach_keys
from ....containers.records import run_events
from ....containers.spec import container_files
from ....errors import Conflict, ContainerFailed, InvalidInput
from ... import streams
from ...grammar import UsageError
from ...run_flags import environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def exec_(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    argv = given.words[1:]
    if not argv:
        raise UsageError("pycontainer exec takes CONTAINER COMMAND...")
    settings = {
        "env": environment(given.env, given.env_file),
        "user": given.user,
        "cwd": given.workdir,
        "privileged": given.privileged,
    }
    if not session.terminal and (given.interactive or given.tty):
        session.need_terminal("exec -i or -t", "leave the flags out, or run it on the host")
    session.need_tty(given)
    if given.workdir and not given.workdir.startswith("/"):
        raise InvalidInput("--workdir", given.workdir, "an absolute path")
    state = containers.status(session.engine.paths, record["id"])["status"]
    if state != "running":
        raise Conflict(f"container {record['name']} is not running (it is {state})")
    try:
        if not session.check:
            session.rc = streams.execute(session, record, argv, settings, given)
        session.record(True, [f"run {' '.join(argv)} in container {record['name']}"])
    except ContainerFailed as error:
        # no such command in the image: 127, not executable or not even tried: 126, as a shell has
        # it
        session.complain(error)
        session.rc = 127 if error.exit_code == 127 else 126


def attach(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    session.need_terminal("attach", "use logs or exec")
    state = containers.status(session.engine.paths, record["id"])["status"]
    if state != "running":
        raise Conflict(f"container {record['name']} is not running (it is {state})")
    if not container_files.with_terminal(session.engine, record["id"]):
        streams.joined(
            session,
            record,
            not given.no_stdin and bool(record["definition"].get("interactive")),
            given,
        )
        return
    run_events.tell_of(session.engine.paths, record["id"], "attach")
    try:
        session.rc = streams.attached(
            session, record, not given.no_stdin, detach_keys.parse(given.detach_keys)
        )
    except detach_keys.Detached:
        session.rc = streams.left(session, record)
