# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``exec``: a further process in a container."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import Conflict, EngineError, InvalidInput, Unsupported
from ...features import rlimits
from ...launch import join, sealed_interpreter
from ...spec import schema
from ...spec.document import Document
from ...spec.process import Program
from .. import bundle_launch as making
from .. import foreground
from ..states import open_container

FAILED = 255  # exit code of an exec that did not come to its program, as runc's
# What a process in a file has of the container where it says nothing of it itself.
OF_CONTAINER = (
    "capabilities",
    "rlimits",
    "apparmorProfile",
    "selinuxLabel",
    "oomScoreAdj",
    "ioPriority",
    "scheduler",
    "execCPUAffinity",
)


def exec(call, log):  # pylint: disable=redefined-builtin # the command's name
    sealed_interpreter.seal_command()  # the container's processes can see this one's child while it is the interpreter
    try:
        return _exec(call, log)
    except (EngineError, OSError) as error:
        error.status = FAILED
        raise


def _exec(call, log):
    container = open_container(call.options["root"], call.arguments[0])
    status = container.status()
    if status not in ("created", "running", "paused"):
        raise Conflict(f"container {container.ident}: cannot exec in a {status} container")
    if status == "paused" and not call["ignore-paused"]:
        raise Conflict(
            f"container {container.ident}: cannot exec in a paused container (--ignore-paused "
            "does it all the same)"
        )
    config = container.config()
    document, process = Document(config), wanted(config["process"], call)
    making.check_terminal(process, call.given, call["detach"])
    program = Program(process, config.get("linux") or {}, original_limits=rlimits.raise_own())
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
    program.kept.update(making.preserve(program, call["preserve-fds"]))
    if program.terminal and not call["detach"]:
        from ...launch import terminal

        program.size, program.plain = program.size or terminal.size_of_own(), True
    spaces = None
    if os.geteuid():
        from .. import rootless, start_socket

        spaces = start_socket.ask(container) if status == "created" else None
        rootless.join(container.pid, spaces and spaces["user"])
    started = join.Process(
        container.ident,
        (container.pid, container.data["pid_start"]),
        container.group(),
        program,
        (0, 1, 2),
        document.state(container.ident, container.data["bundle"], container.pid, status),
    )
    started.last, started.spaces = True, spaces
    started.below, started.paused_too = sub_cgroups(call["cgroup"]), call["ignore-paused"]
    if not call["detach"]:
        foreground.prepare(subreaper=False)
    started.start()
    try:
        making.finish(started, call.given)
    except BaseException:
        started.undo()
        raise
    for text in started.warnings:
        log.warning(text)
    if program.scheduling.initial:
        log.debug(
            "nsexec-0[%d]: affinity: 0x%x"
            % (started.pid, sum(1 << cpu for cpu in program.scheduling.initial))
        )
    log.debug(
        "nsexec container setup: process %d has the namespaces and the cgroup of process %d"
        % (started.pid, container.pid)
    )
    log.debug("child process in init(): its user, rights and limits are set")
    log.debug(f"setns_init: about to exec {process['args'][0]}")
    if call["detach"]:
        return 0
    return foreground.attend(started.pid, started.pidfd, started.terminal)


def wanted(base, call):
    """OCI ``process`` of the call: from its file, or the container's with what the options change."""
    words = call.arguments[1:]
    if call["process"]:
        try:
            _text, process = json_text.read(call["process"], Unsupported)
        except EngineError as error:
            raise InvalidInput(
                "--process", call["process"], f"a file with an OCI process as JSON ({error})"
            ) from None
        if not isinstance(process, dict) or not process.get("args"):
            raise InvalidInput(
                "--process", call["process"], "a file with an OCI process as JSON, with args"
            )
        schema.check_process(process)
        process.update(
            (key, base[key])
            for key in OF_CONTAINER
            if key in base and process.get(key) in (None, "", [])
        )
    elif not words:
        raise InvalidInput("exec", None, "a command, or --process with a file")
    else:
        process = dict(base, args=words, terminal=call["tty"])
        if not base.get(
            "capabilities"
        ):  # a document that says nothing of them: --no-new-privs asks for it then, as with crun
            process["noNewPrivileges"] = False
    if call["tty"]:
        process["terminal"] = True
    _change(process, call)
    return process


def _change(process, call):
    """Apply the options to ``process``."""
    for option, key in (
        ("cwd", "cwd"),
        ("apparmor", "apparmorProfile"),
        ("process-label", "selinuxLabel"),
    ):
        if call[option]:
            process[key] = call[option]
    if call["no-new-privs"]:
        process["noNewPrivileges"] = True
    if call["env"]:
        for entry in call["env"]:
            if "=" not in entry or entry.startswith("="):
                raise InvalidInput("--env", entry, "NAME=VALUE")
        process["env"] = list(process.get("env") or ()) + call["env"]
    if call["cap"]:
        sets = process.get("capabilities") or {}
        added = {
            kind: list(sets.get(kind) or ()) + call["cap"]
            for kind in ("bounding", "effective", "permitted")
        }
        inheritable = (
            sets.get("inheritable") or ()
        )  # it gets none, and what is not inheritable can't be ambient (capabilities(7))
        added["ambient"] = list(sets.get("ambient") or ()) + [
            name for name in call["cap"] if name in inheritable
        ]
        process["capabilities"] = dict(sets, **added)
    user = dict(process.get("user") or {})
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


def _number(option, text):
    """A user's or group's id. The highest is no id: it means none to the kernel."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**32 - 1):
        raise InvalidInput(
            option,
            text,
            "a number below 2^32 - 1"
            + (", or two with a colon between" if option == "--user" else ""),
        )
    return int(text)


def sub_cgroups(given):
    """``--cgroup [CONTROLLER:]PATH``, several times: as cgroups.Group.attach takes it, None where it is not given."""
    found = {}
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
