# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ``container``, ``container_info``, ``container_exec``, ``container_copy``,
``container_export`` and ``container_checkpoint`` do.
"""

from __future__ import annotations

import contextlib
import os
import shlex

from ..errors import Conflict, InvalidInput, NotFound
from ..events import change_history
from ..reconcile import Plan
from . import options
from .access import checkpoints, exec_client
from .lifecycle import start
from .options import process
from .plans import batch
from .plans.container_plan import plan_container
from .records import catalog, status
from .view import changes, container_filters, inspect_container, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..engine import Engine
    from .records.catalog import Record


def container(engine: Engine, params: dict[str, Any]) -> Plan | dict[str, Any]:
    """Plan one container; of a list (``containers``) return the result of carrying it out."""
    if params.get("containers") is not None:
        options.TABLE.check_alone("containers", params)
        return batch.run(engine, params["containers"], params.get("parallel"))
    return plan_container(engine, params)


def container_info(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Return ``exists``, ``container`` for one name, and ``containers`` for several names or for
    what ``filters`` select.

    Names are names, ids or beginnings of ids; one that does not exist is left out. With ``stats``,
    each has ``Stats``: what it uses now, None when it does not run. With ``changes``, each has
    ``Changes``. With ``history``, ``history`` says who has changed them, see
    ``change_history.read``.
    """
    if params.get("name") is not None:
        names = params["name"] if isinstance(params["name"], list) else [params["name"]]
        found = [record for record in (_find(engine, name) for name in names) if record is not None]
    else:
        found = container_filters.listing(
            engine, params.get("all") is not False, params.get("filters")
        )
    look, containers = (
        inspect_container.inspect
        if params.get("name") is not None
        else inspect_container.inspect_even_damaged,
        [],
    )
    for record in found:
        with contextlib.suppress(NotFound), catalog.reading(engine, record):
            document = look(engine, record)
            if params.get("changes") and "Damaged" not in document:
                document["Changes"] = changes.diff(engine, record)
            if params.get("stats"):
                document["Stats"] = stats.once(engine, record["id"])
            containers.append(document)
    result: dict[str, Any] = {
        "exists": bool(containers),
        "container": containers[0] if len(containers) == 1 else None,
        "containers": containers,
    }
    if params.get("history"):
        result["history"] = _history(engine, params, found)
    return result


def _history(
    engine: Engine, params: dict[str, Any], found: list[Record]
) -> list[change_history.Entry]:
    """Return who has changed the containers that were asked for, those that are gone, too."""
    names = [record["name"] for record in found]
    given = params.get("name")
    names += [given] if isinstance(given, str) else given or []
    subjects = list(dict.fromkeys(f"container {name}" for name in names))
    return change_history.read(engine, subjects)


def container_export(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan an archive of a container's files."""
    return changes.plan_export(
        engine,
        catalog.find(engine, params["name"]),
        os.path.abspath(params["path"]),
        bool(params.get("force")),
    )


def _find(engine: Engine, name: str) -> Record | None:
    try:
        return catalog.find(engine, name)
    except NotFound:
        return None


def container_exec(engine: Engine, params: dict[str, Any]) -> dict[str, Any]:
    """Run a command in a running container; returns ``rc``, ``stdout``, ``stderr``, or ``pid`` (the
    host's) and ``exec_id`` of one that is not waited for.

    Another exit code than 0 is a failure, with all of these. Check mode runs nothing.
    """
    coming = engine.is_foretold("container", params["container"])
    record = None if coming else catalog.find(engine, params["container"])
    words = _words(params)
    now = status.now(engine.paths, record["id"])["status"] if record else "running"
    if record and now != "running":
        raise Conflict(
            f"container {record['name']} is not running (it is {now}): nothing can be run in it"
        )
    stdin = params.get("stdin")
    if stdin is not None and params.get("detach"):
        raise InvalidInput("stdin", "...", "nothing, with detach: nobody is there to pass it on")
    if stdin is not None and params.get("stdin_add_newline") is not False:
        stdin += "\n"
    chdir, env, user = params.get("chdir"), _env(params), _user(params)
    if chdir is not None and not chdir.startswith("/"):
        raise InvalidInput("chdir", chdir, "an absolute path")
    name = record["name"] if record else params["container"]
    done = {"changed": True, "actions": [f"run {shlex.join(words)} in container {name}"]}
    if engine.check or record is None:
        # The exit code of a success: what follows in a playbook, and Ansible itself, takes any other
        # for a failure.
        return (
            done
            if params.get("detach")
            else dict(done, rc=0, stdout="", stderr="", stdout_lines=[], stderr_lines=[])
        )
    how: exec_client.Options = {
        "env": env,
        "user": user,
        "cwd": chdir,
        "tty": bool(params.get("tty")),
    }
    if params.get("detach"):
        begun = exec_client.start(engine.paths, record["id"], words, **how)
        return {**done, "pid": begun.pid, "exec_id": begun.exec_id}
    given = None if stdin is None else stdin.encode("utf-8", "surrogateescape")
    outcome = exec_client.run(engine.paths, record["id"], words, stdin=given, **how)
    stdout, stderr = _text(outcome["stdout"], params), _text(outcome["stderr"], params)
    result = {
        **done,
        "rc": outcome["rc"],
        "stdout": stdout,
        "stderr": stderr,
        "stdout_lines": stdout.splitlines(),
        "stderr_lines": stderr.splitlines(),
    }
    if outcome["rc"]:
        result.update(failed=True, msg=f"the command ended with exit code {outcome['rc']}")
    return result


def container_copy(engine: Engine, params: dict[str, Any]) -> Plan | dict[str, Any]:
    """Plan a copy into a container or out of one; see ``copy_task.plan_copy``."""
    from .access import copy_task  # here: no other module of this file needs what it imports

    return copy_task.plan_copy(engine, params)


def container_checkpoint(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan one checkpoint of a container: there, gone, or what the container goes on from."""
    name, directory = checkpoints.check_name(params["checkpoint"]), params.get("checkpoint_dir")
    record = catalog.find(engine, params["container"])
    plan = Plan(
        f"container {record['name']}",
        lambda: {"checkpoints": checkpoints.described(engine, record, directory)},
    )
    there = checkpoints.exists(engine, record, name, directory)

    def held(work: Callable[..., Any], *arguments: object, **options: Any) -> None:
        with catalog.held(engine, record["id"]) as now:
            work(engine, now, *arguments, **options)

    if params.get("state") == "absent":
        if there:
            plan.add(
                f"checkpoint {name}",
                "present",
                None,
                f"remove checkpoint {name} of container {record['name']}",
                lambda: held(checkpoints.remove, name, directory),
            )
    elif params.get("state") == "restored":
        now = status.now(engine.paths, record["id"])["status"]
        if now not in status.LIVING:
            checkpoint = checkpoints.ready(engine, record, name, directory)

            def restore() -> None:
                start.bring_up(engine, record["name"], record["definition"])
                held(start.start_one, checkpoint=checkpoint)

            plan.add(
                "status",
                now,
                "running",
                f"start container {record['name']} from checkpoint {name}",
                restore,
            )
    elif not there:
        checkpoints.check(engine, record)
        plan.add(
            f"checkpoint {name}",
            None,
            "present",
            f"write down what container {record['name']} does, as checkpoint {name}",
            lambda: held(
                checkpoints.create,
                name,
                bool(params.get("leave_running")),
                directory,
                bool(params.get("tcp_established")),
            ),
        )
    return plan


def _words(params: dict[str, Any]) -> list[str]:
    if (params.get("argv") is None) == (params.get("command") is None):
        raise InvalidInput("argv", params.get("argv"), "either argv or command")
    words = process.command(
        params["argv"] if params.get("argv") is not None else params["command"],
        "command" if params.get("argv") is None else "argv",
    )
    if not words:
        raise InvalidInput("command", "", "a command")
    return words


def _env(params: dict[str, Any]) -> dict[str, str]:
    return options.TABLE.options["env"].parse(params.get("env") or {}, "env")


def _user(params: dict[str, Any]) -> str | None:
    return process.user(params["user"], "user") if params.get("user") else None


def _text(data: bytes, params: dict[str, Any]) -> str:
    text = data.decode("utf-8", "surrogateescape")
    return text.rstrip("\r\n") if params.get("strip_empty_ends") is not False else text
