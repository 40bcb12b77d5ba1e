# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pycontainer-oci``: an OCI runtime with runc's command line, for engines that take one by its
path.
"""

from __future__ import annotations

import _signal
import os
import sys

from ...errors import EngineError, reason
from . import arguments
from .output import Log, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .arguments import Call, Command

ROOT = "/run/pycontainer-oci"

# The folder in which each command has its file, in the order of the help.
COMMANDS = {
    "create": "commands",
    "start": "commands",
    "run": "commands",
    "state": "queries",
    "kill": "commands",
    "delete": "commands",
    "exec": "commands",
    "list": "queries",
    "ps": "queries",
    "pause": "commands",
    "resume": "commands",
    "update": "commands",
    "events": "queries",
    "checkpoint": "commands",
    "restore": "commands",
    "features": "queries",
    "spec": "queries",
}


def main(argv: Sequence[str]) -> None:
    """Run one call. Never returns: leaving the interpreter in order costs 3 ms."""
    os._exit(_run(argv))


def load(name: str) -> Any:
    """Return the module of a command, imported by now."""
    place = f"{__package__}.{COMMANDS[name]}.{name}"
    __import__(place)  # importlib, which would do it, is another 0.5 ms
    return sys.modules[place]


def find(name: str) -> Command:
    command: Command = load(name).COMMAND
    return command


def parse(argv: Sequence[str]) -> Call:
    """Return the Call of an argument list without the program's name. :raises arguments.Usage:"""
    return arguments.parse(argv, COMMANDS, find)


def _run(argv: Sequence[str]) -> int:
    """Run one call; return its exit code."""
    log = Log()
    _prepare()
    try:
        call = parse(argv)
        text = _answer(call)
        if text is not None:
            write(text)
            return 0
        if call.command is None:
            raise arguments.Usage("no command; see pycontainer-oci --help")
        log.open(call.options)
        _check(call.options)
        return getattr(load(call.command), call.command)(call, log) or 0
    except EngineError as error:
        log.error(str(error), getattr(error, "of_program", False))
        return getattr(error, "status", 1)
    except OSError as error:
        log.error(reason(error))
        return getattr(error, "status", 1)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # pylint: disable=broad-except
        # A defect: one line for the caller's log, the rest with --debug.
        from ..launch.channel import defect

        log.error(defect(error) + ("" if log.debugging else " (option --debug shows where)"))
        if log.debugging:
            import traceback

            traceback.print_exc()
    return 1


def _prepare() -> None:
    """Make this process's signals and standard streams what the commands rely on."""
    # To a process that ignores SIGCHLD, nobody's end is told (wait(2)).
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    for fd in (0, 1, 2):  # a file of ours must not become a standard stream of a container's
        try:
            os.fstat(fd)
        except OSError:
            os.open("/dev/null", os.O_RDWR)


def _answer(call: Call) -> str | None:
    """Return what ``--version`` and ``--help`` print, else None."""
    if call.options["version"]:
        from ...deploy import fingerprint  # here: no other call needs these
        from .states import VERSION

        return (
            f"pycontainer-oci version {fingerprint.VERSION}, with the commands of runc version 1.2.0 "
            f"and crun version 1.8\ncommit: {fingerprint.name()}\nspec: {VERSION}\n"
        )
    if call.options["help"] or call.given.get("help"):
        return arguments.help_text(call.command, COMMANDS, find)
    return None


def _check(options: dict[str, Any]) -> None:
    """Check the global options, and complete them.

    ``root`` becomes a path, ``chosen-root`` what was given. ``systemd-cgroup`` None: the containers
    get no cgroup (crun's ``--cgroup-manager disabled``).

    :raises arguments.Usage: a value is none.
    """
    for name, values in (
        ("rootless", ("auto", "false")),
        ("cgroup-manager", ("cgroupfs", "systemd", "disabled")),
    ):
        if options[name] not in (None, *values):
            raise arguments.Usage(
                f"option --{name}: {options[name]!r} is not supported; accepted: "
                f"{', '.join(values)}"
            )
    if options["cgroup-manager"] == "disabled":
        options["systemd-cgroup"] = None
    elif options["cgroup-manager"] == "systemd":
        options["systemd-cgroup"] = True
    options["chosen-root"] = options["root"]
    options["root"] = os.path.abspath(options["root"] or _root())
    if options["chosen-root"]:
        _check_root(options["root"])


def _check_root(root: str) -> None:
    """:raises arguments.Usage: it lies in a file system of the kernel's, whose directories are no
    containers.
    """
    try:
        device = os.stat(root).st_dev
        if device in (os.stat("/proc").st_dev, os.stat("/sys").st_dev):
            raise arguments.Usage(
                f"option --root: {root} is the kernel's own, not a place for files; accepted: a "
                "directory of containers"
            )
    except OSError:  # it is made, or the command says that it is not there
        pass


def _root() -> str:
    """Return the directory of containers where none is given.

    A user who is not root has his own (XDG Base Directory Specification), also as the root of a
    user namespace, as podman runs him.
    """
    user: int | bool = os.geteuid()
    place = os.environ.get("XDG_RUNTIME_DIR")
    if place and not user:
        from ...kernel.processes import procfs  # here: root's usual call does without

        user = procfs.in_user_namespace()
    if user:
        return os.path.join(place or f"/run/user/{user}", os.path.basename(ROOT))
    return ROOT
