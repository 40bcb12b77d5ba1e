# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``exec``: execute a further process in a container."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import Conflict, EngineError, InvalidInput, Unsupported
from ...features import rlimits
from ...launch import join, sealed_interpreter, steps
from ...spec import schema
from ...spec.document import Document
from ...spec.program import Program
from .. import bundle_launch, foreground
from ..arguments import Command
from ..states import open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from ...spec.config_types import Capabilities, Process, User

    OfContainer = Literal[
        "capabilities",
        "rlimits",
        "apparmorProfile",
        "selinuxLabel",
        "oomScoreAdj",
        "ioPriority",
        "scheduler",
        "execCPUAffinity",
    ]
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command(
    "execute a further process in a container",
    "ID [COMMAND [ARGUMENT...]]",
    1,
    None,
    (
        "process|p=",
        "detach|d",
        "tty|t",
        "console-socket=",
        "pid-file=",
        "user|u=",
        "cwd=",
        "env|e=*",
        "cap|c=*",
        "additional-gids|g=*",
        "apparmor=",
        "process-label=",
        "no-new-privs",
        "preserve-fds=#",
        "cgroup=*",
        "ignore-paused",
        "pidfd-socket=",
    ),
    in_order=True,
)

FAILED = 255  # exit code of an exec that did not come to its program, as runc's
# What a process in a file has of the container where it says nothing of it itself.
OF_CONTAINER: tuple[OfContainer, ...] = (
    "capabilities",
    "rlimits",
    "apparmorProfile",
    "selinuxLabel",
    "oomScoreAdj",
    "ioPriority",
    "scheduler",
    "execCPUAffinity",
)


def exec(call: Call, log: Log) -> int:  # pylint: disable=redefined-builtin # the command's name
    # The container's processes can see this one's child while it is the interpreter.
    sealed_interpreter.seal_command()
    try:
        return _exec(call, log)
    except (EngineError, OSError) as error:
        error.status = FAILED  # type: ignore[union-attr] # main takes it for the exit code
        raise


def _exec(call: Call, log: Log) -> int:
    container = open_container(call.options["root"], call.arguments[0])
    status = _check_status(container, call["ignore-paused"])
    config = container.config()
    document, process = Document(config), wanted(config["process"], call)
    bundle_launch.check_terminal(process, call.given, call["detach"])
    program = Program(process, config.get("linux") or {}, original_limits=rlimits.raise_own())
    _check_waiting(container, program, document)
    program.kept.update(bundle_launch.preserve(program, call["preserve-fds"]))
    if program.terminal and not call["detach"]:
        from ...launch import terminal  # here: not every process has one

        program.size, program.plain = program.size or terminal.size_of_own(), True
    spaces: dict[str, int] | None = None
    if os.geteuid():
        from .. import rootless, start_socket  # here: root does without

        spaces = start_socket.ask(container) if status == "created" else None
        rootless.join(container.pid, spaces["user"] if spaces else None)
    started = join.Process(
        container.ident,
        (container.pid, container.data["pid_start"]),
        container.group(),
        program,
        (0, 1, 2),
        document.state(container.ident, container.data["bundle"], container.pid, status),
        steps.trace(),
    )
    started.last, started.spaces = True, spaces
    started.below, started.paused_too = sub_cgroups(call["cgroup"]), call["ignore-paused"]
    if not call["detach"]:
        foreground.prepare(subreaper=False)
    started.start()
    try:
        bundle_launch.finish(started, call.given)
    except BaseException:
        started.undo()
        raise
    _log_steps(started, container, program, process["args"][0], log)
    if call["detach"]:
        return 0
    return foreground.attend(started.pid, started.pidfd, started.terminal)


def _check_status(container: Container, paused_too: bool) -> str:
    """Return the container's status. :raises Conflict: nothing can be executed in it."""
    status = container.status()
    if status not in ("created", "running", "paused"):
        raise Conflict(f"container {container.ident}: cannot exec in a {status} container")
    if status == "paused" and not paused_too:
        raise Conflict(
            f"container {container.ident}: cannot exec in a paused container (--ignore-paused "
            "does it all the same)"
        )
    return status


def _check_waiting(container: Container, program: Program, document: Document) -> None:
    """:raises Conflict: the process could look into the interpreter that waits for the container's
    start.
    """
    if (
        container.waits()
        and program.may_trace()
        and "user" not in document.namespaces
        and not sealed_interpreter.sealed(container.pid)
    ):
        raise Conflict(
            f"container {container.ident}: it is not started yet: a process with CAP_SYS_PTRACE "
            "could look into its maker; start it before"
        )


def _log_steps(
    started: join.Process, container: Container, program: Program, word: str, log: Log
) -> None:
    """Log the warnings, and with ``--debug`` the steps, called as runc calls them.

    :param word: the program's name.
    """
    for text in started.warnings:
        log.warning(text)
    if program.scheduling.initial:
        mask = sum(1 << cpu for cpu in program.scheduling.initial)
        log.debug(f"nsexec-0[{started.pid}]: affinity: 0x{mask:x}")
    log.debug(
        f"nsexec container setup: process {started.pid} has the namespaces and the cgroup of "
        f"process {container.pid}"
    )
    log.debug("child process in init(): its user, rights and limits are set")
    log.debug(f"setns_init: about to exec {word}")


def wanted(base: Process, call: Call) -> Process:
    """Return OCI ``process`` of the call: from its file, or the container's (``base``) with what
    the options change.

    :raises InvalidInput: there is no program, or an option's value is none.
    """
    words = call.arguments[1:]
    if call["process"]:
        process = _read_process(call["process"])
        for key in OF_CONTAINER:
            if key in base and process.get(key) in (None, "", []):
                process[key] = base[key]
    elif not words:
        raise InvalidInput("exec", None, "a command, or --process with a file")
    else:
        process = {**base, "args": words, "terminal": call["tty"]}
        # Of a document that says nothing of rights, only --no-new-privs asks for it, as with crun.
        if not base.get("capabilities"):
            process["noNewPrivileges"] = False
    if call["tty"]:
        process["terminal"] = True
    _change(process, call)
    return process


def _read_process(path: str) -> Process:
    """Return OCI ``process`` of a file. :raises InvalidInput: it is none."""
    try:
        read: Process = json_text.read(path, Unsupported, given=True)[1]
    except EngineError as error:
        raise InvalidInput(
            "--process", path, f"a file with an OCI process as JSON ({error})"
        ) from None
    if not isinstance(read, dict) or not read.get("args"):
        raise InvalidInput("--process", path, "a file with an OCI process as JSON, with args")
    schema.check_process(read)
    return read


def _change(process: Process, call: Call) -> None:
    """Apply the options to ``process``."""
    if call["cwd"]:
        process["cwd"] = call["cwd"]
    if call["apparmor"]:
        process["apparmorProfile"] = call["apparmor"]
    if call["process-label"]:
        process["selinuxLabel"] = call["process-label"]
    if call["no-new-privs"]:
        process["noNewPrivileges"] = True
    if call["env"]:
        for entry in call["env"]:
            if "=" not in entry or entry.startswith("="):
                raise InvalidInput("--env", entry, "NAME=VALUE")
        process["env"] = list(process.get("env") or ()) + call["env"]
    if call["cap"]:
        process["capabilities"] = _with_capabilities(process.get("capabilities") or {}, call["cap"])
    user: User = {**(process.get("user") or {})}
    if call["user"]:
        uid, colon, gid = call["user"].partition(":")
        user["uid"] = _number("--user", uid)
        if colon:
            user["gid"] = _number("--user", gid)
    if call["additional-gids"]:
        user["additionalGids"] = list(user.get("additionalGids") or ()) + [
            _number("--additional-gids", gid) for gid in call["additional-gids"]
        ]
    process["user"] = user


def _with_capabilities(sets: Capabilities, names: list[str]) -> Capabilities:
    """Return OCI ``capabilities`` with more of them.

    The inheritable set stays: what is not in it can't be ambient (capabilities(7)).
    """
    inheritable = sets.get("inheritable") or ()
    return {
        **sets,
        "bounding": [*(sets.get("bounding") or ()), *names],
        "effective": [*(sets.get("effective") or ()), *names],
        "permitted": [*(sets.get("permitted") or ()), *names],
        "ambient": [*(sets.get("ambient") or ()), *(name for name in names if name in inheritable)],
    }


def _number(option: str, text: str) -> int:
    """Return a user's or group's id. The highest number means none to the kernel.

    :raises InvalidInput:
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**32 - 1):
        raise InvalidInput(
            option,
            text,
            "a number below 2^32 - 1"
            + (", or two with a colon between" if option == "--user" else ""),
        )
    return int(text)


def sub_cgroups(given: list[str]) -> str | dict[str, str] | None:
    """Return the values of ``--cgroup [CONTROLLER:]PATH`` as cgroups.Group.attach takes them; None
    for none.

    :raises InvalidInput: one of several has no controller.
    """
    found: dict[str, str] = {}
    for entry in given:
        controllers, colon, path = entry.rpartition(":")
        if not colon:
            if len(given) > 1:
                raise InvalidInput(
                    "--cgroup", entry, "CONTROLLER:PATH where it is given several times"
                )
            return path
        for controller in controllers.split(","):
            found[controller] = path
    return found or None
