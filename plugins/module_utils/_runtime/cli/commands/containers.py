# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that act on containers that exist: start, stop, rm, exec and their like."""

from __future__ import annotations

import contextlib

from ... import containers
from ...containers.access import detach_keys
from ...containers.client import monitor_client, signals
from ...containers.spec import container_files
from ...errors import Conflict, ContainerFailed, InvalidInput, NotFound
from ...reconcile import Plan
from .. import streams
from ..grammar import UsageError, whole
from ..run_flags import UPDATE_FLAGS, by_flag, environment, options

ALIVE = ("running", "paused", "restarting")


def _act(session, names, work, may_lack=False):
    """Do ``work(record, plan)`` for each container and print its name as it was given, as Docker does.

    :param may_lack: one that does not exist is mentioned, no error.
    """

    def one(name):
        with contextlib.ExitStack() as stack:
            try:
                record = stack.enter_context(containers.held(session.engine, name))
            except NotFound as error:
                if not may_lack:
                    raise
                session.mention(str(error))
                return
            plan = Plan(f"container {record['name']}")
            work(record, containers.status(session.engine.paths, record["id"])["status"], plan)
            session.carry_out(plan)
        session.say(name)

    session.each(names, one)


def start(session, given):
    if given.checkpoint_dir and not given.checkpoint:
        raise UsageError("pycontainer start --checkpoint-dir goes with --checkpoint")
    if given.checkpoint:
        _start_from(session, given)
        return
    if given.attach or given.interactive:
        _start_attached(session, given)
        return

    def work(record, state, plan):
        if state not in ALIVE:
            plan.add(
                "status",
                state,
                "running",
                f"start container {record['name']}",
                lambda: containers.start_one(session.engine, record),
            )

    _act(session, given.words, work)


def _start_from(session, given):
    """``start --checkpoint``: one container goes on where it was."""
    if given.attach or given.interactive or len(given.words) > 1:
        raise UsageError(
            "pycontainer start --checkpoint takes one container, and no -a or -i: attach joins it "
            "afterwards"
        )

    def work(record, state, plan):
        if state in ALIVE:
            raise Conflict(
                f"container {record['name']} is running: a checkpoint is for the start of one "
                "that is not"
            )
        # Not at the top: large, and for --checkpoint alone.
        from ...containers.lifecycle import checkpoints

        checkpoint = checkpoints.ready(
            session.engine, record, given.checkpoint, given.checkpoint_dir
        )
        plan.add(
            "status",
            state,
            "running",
            f"start container {record['name']} from checkpoint {given.checkpoint}",
            lambda: containers.start_one(session.engine, record, checkpoint=checkpoint),
        )

    _act(session, given.words, work)


def _start_attached(session, given):
    """``start -a``: as ``run`` without ``-d``; only one, for it ends with that one's exit code."""
    if len(given.words) > 1:
        raise UsageError(f"pycontainer start -a takes one container, got {len(given.words)}")
    record = containers.find(session.engine, given.words[0])
    if containers.status(session.engine.paths, record["id"])["status"] in ALIVE:
        raise Conflict(f"container {record['name']} runs already; pycontainer attach joins it")
    if given.interactive or container_files.with_terminal(session.engine, record["id"]):
        session.need_terminal(
            "start -i, or -a of a container with a terminal", "leave the flags out"
        )
    detach_keys.parse(given.detach_keys)  # refused before it is started
    plan = Plan(f"container {record['name']}")
    plan.add(
        "status",
        "exited",
        "running",
        f"start container {record['name']}",
        lambda: streams.started(
            session,
            record,
            lambda stdin: containers.lock_and_start(session.engine, record, stdin),
            given.interactive,
            given,
        ),
    )
    try:
        session.carry_out(plan)
    except detach_keys.Detached:
        session.rc = streams.left(session)


def attach(session, given):
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
    try:
        session.rc = streams.attached(
            session, record, not given.no_stdin, detach_keys.parse(given.detach_keys)
        )
    except detach_keys.Detached:
        session.rc = streams.left(session)


def stop(session, given):
    timeout = _seconds(given)

    def work(record, state, plan):
        if state in ALIVE:
            plan.add(
                "status",
                state,
                "exited",
                f"stop container {record['name']}",
                lambda: containers.stop(
                    session.engine, record, timeout=timeout, signal=given.signal
                ),
            )

    _act(session, given.words, work)


def restart(session, given):
    timeout = _seconds(given)

    def apply(record, state):
        if state in ALIVE:
            containers.stop(session.engine, record, timeout=timeout, signal=given.signal)
        containers.start_one(session.engine, record)

    def work(record, state, plan):
        plan.add(
            "restarted",
            False,
            True,
            f"restart container {record['name']}",
            lambda: apply(record, state),
        )

    _act(session, given.words, work)


def _seconds(given):
    return None if given.time is None else whole(given.time, "--time", -1)


def kill(session, given):
    signal = given.signal or "KILL"
    signals.number(signal)

    def work(record, state, plan):
        if state not in ALIVE:
            raise Conflict(f"container {record['name']} is not running (it is {state})")
        plan.add(
            "signal",
            None,
            signal,
            f"send {signal} to container {record['name']}",
            lambda: monitor_client.kill(session.engine.paths, record["id"], signal),
        )

    _act(session, given.words, work)


def pause(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused"):
            raise Conflict(
                f"container {record['name']} is not running (it is {state}): nothing to pause"
            )
        if state == "running":
            plan.add(
                "status",
                state,
                "paused",
                f"pause container {record['name']}",
                lambda: containers.pause(session.engine, record),
            )

    _act(session, given.words, work)


def unpause(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused"):
            raise Conflict(
                f"container {record['name']} is not running (it is {state}): nothing to unpause"
            )
        if state == "paused":
            plan.add(
                "status",
                state,
                "running",
                f"unpause container {record['name']}",
                lambda: containers.unpause(session.engine, record),
            )

    _act(session, given.words, work)


def rm(session, given):
    def work(record, state, plan):
        if state in ALIVE and not given.force:
            raise Conflict(f"container {record['name']} runs; stop it first, or remove it with -f")
        plan.add(
            "state",
            "present",
            "absent",
            f"remove container {record['name']}",
            lambda: containers.remove(
                session.engine, record, force=given.force, keep_volumes=not given.volumes
            ),
        )

    _act(session, given.words, work, given.force)


def rename(session, given):
    record, name = (
        containers.find(session.engine, given.words[0]),
        containers.check_name(given.words[1]),
    )
    plan = Plan(f"container {record['name']}")
    if record["name"] != name:
        if containers.get(session.engine, name) is not None:
            raise Conflict(f"the name {name} is in use by a container")
        plan.add(
            "name",
            record["name"],
            name,
            f"rename container {record['name']} to {name}",
            lambda: _rename(session.engine, record, name),
        )
    session.carry_out(plan)


def _rename(engine, record, name):
    with containers.held(engine, record["id"]) as now:
        containers.rename(engine, now, name)


def update(session, given):
    changed = options(given, UPDATE_FLAGS)
    if "restart_policy" in changed:
        changed.setdefault("restart_retries", 0)
    if not changed:
        raise UsageError(
            "pycontainer update: name at least one thing to change; accepted: "
            f"{', '.join(('--' + flag.key.replace('_', '-') for flag in UPDATE_FLAGS))}"
        )

    def one(name):
        record = containers.find(session.engine, name)
        with by_flag(UPDATE_FLAGS):
            plan = containers.plan(
                session.engine, dict(changed, name=record["name"], state="present")
            )
        session.carry_out(plan)
        session.say(name)

    session.each(given.words, one)


def exec_(session, given):
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
    except ContainerFailed as error:  # no such command in the image: 127, not executable or not even tried: 126, as a shell and Docker have it
        session.complain(error)
        session.rc = 127 if error.exit_code == 127 else 126
