# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pycontainer-oci``: an OCI runtime with runc's command line, for engines that take one by its path."""

from __future__ import annotations

import _signal
import os
import sys

from ...errors import EngineError
from . import arguments
from .log import Log

ROOT = "/run/pycontainer-oci"

# command: (module, function); the function takes the Call and the Log and returns the exit code, None for 0
_PLACES = {
    "create": "lifecycle",
    "start": "lifecycle",
    "run": "lifecycle",
    "kill": "ending",
    "delete": "ending",
    "exec": "exec",
    "state": "showing",
    "list": "showing",
    "ps": "showing",
    "pause": "limits",
    "resume": "limits",
    "update": "limits",
    "events": "events",
    "features": "features",
    "spec": "template",
    "checkpoint": "checkpoint",
    "restore": "checkpoint",
}


def main(argv):
    """Run one call. Never returns: leaving the interpreter in order costs 3 ms."""
    os._exit(_run(argv))


def _run(argv):
    log = Log()
    _signal.signal(
        _signal.SIGCHLD, _signal.SIG_DFL
    )  # to whom it is ignored, nobody's end is told (wait(2))
    for fd in (0, 1, 2):  # a file of ours must not become a standard stream of a container's
        try:
            os.fstat(fd)
        except OSError:
            os.open("/dev/null", os.O_RDWR)
    try:
        call = arguments.parse(argv)
        text = _answer(call)
        if text is not None:
            write(text)
            return 0
        if call.command is None:
            raise arguments.Usage("no command; see pycontainer-oci --help")
        log.open(call.options)
        _check(call.options)
        return _command(call.command)(call, log) or 0
    except EngineError as error:
        log.error(str(error), getattr(error, "of_program", False))
        return getattr(error, "status", 1)
    except OSError as error:
        from ..spec.document import read_error

        log.error(read_error(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # pylint: disable=broad-except # a defect: one line for the caller's log, the rest with --debug
        from ..launch.channel import defect

        log.error(defect(error) + ("" if log.debugging else " (option --debug shows where)"))
        if log.debugging:
            import traceback

            traceback.print_exc()
    return 1


def _answer(call):
    """What ``--version`` and ``--help`` print, else None."""
    if call.options["version"]:
        from ...deploy import fingerprint
        from .states import VERSION

        return (
            f"pycontainer-oci version {fingerprint.VERSION}, with the commands of runc version 1.2.0 "
            f"and crun version 1.8\ncommit: {fingerprint.name()}\nspec: {VERSION}\n"
        )
    if call.options["help"] or call.given.get("help"):
        return arguments.help_text(call.command)
    return None


def _check(options):
    """The global options that have few values."""
    for name, values in (
        ("rootless", ("auto", "false")),
        ("cgroup-manager", ("cgroupfs", "systemd", "disabled")),
    ):
        if options[name] not in (None, *values):
            raise arguments.Usage(
                f"option --{name}: {options[name]!r} is not supported; accepted: "
                f"{', '.join(values)}"
            )
    if options["cgroup-manager"] == "disabled":  # crun's: the container gets no cgroup
        options["systemd-cgroup"] = None
    else:
        options["systemd-cgroup"] = (
            options["systemd-cgroup"] or options["cgroup-manager"] == "systemd"
        )
    options["chosen-root"], options["root"] = (
        options["root"],
        os.path.abspath(options["root"] or _root()),
    )
    if options["chosen-root"]:
        _check_root(options["root"])


def _check_root(root):
    """:raises Usage: it lies in a file system of the kernel's, whose directories are no containers."""
    try:
        device = os.stat(root).st_dev
        if device in (os.stat("/proc").st_dev, os.stat("/sys").st_dev):
            raise arguments.Usage(
                f"option --root: {root} is the kernel's own, not a place for files; accepted: a "
                "directory of containers"
            )
    except OSError:  # it is made, or the command says that it is not there
        pass


def _root():
    """A user who is not root has his own (XDG Base Directory Specification), also as the root of a user namespace, where podman has him be."""
    user, place = os.geteuid(), os.environ.get("XDG_RUNTIME_DIR")
    if place and not user:
        from ...kernel.processes import procfs

        user = procfs.in_user_namespace()
    if user:
        return os.path.join(place or "/run/user/%d" % user, os.path.basename(ROOT))
    return ROOT


def _command(name):
    place = __package__ + ".commands." + _PLACES[name]
    __import__(place)  # importlib, which would do it, is another 0.5 ms
    return getattr(sys.modules[place], name)


def write(text):
    """Print; what a caller that has gone does not read is lost."""
    data = os.fsencode(text)
    while data:
        try:
            data = data[os.write(1, data) :]
        except BrokenPipeError:
            return
