# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd unit of one container, for ``systemctl restart container-web``.

Its main process is ``pycontainer supervise``, which starts the container, tells systemd when it is
ready, and ends with its exit code. The unit names the container, so it stays the same for one that
is made anew.
"""

from __future__ import annotations

import glob
import os
import re
import shutil

from ...errors import EngineError, HostError, InvalidInput, Unsupported, reason
from ...kernel.systemd import systemd_units
from ...options.forms import choice, line, whole
from ...store.atomic_files import write_whole
from ...store.paths import DATA, RUN
from ...untrusted import files
from ..options import behaviour, storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...options.rows import Definition
    from ...store.paths import Paths

MARK = "# Written by pycontainer.engine for container "  # the first line, with the container's name
DIRECTORY = "/etc/systemd/system"  # where systemd reads units of the host's administrator
LOADED = (
    DIRECTORY,
    "/run/systemd/system",
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
)
# What is known of a unit beside its container, Podman's names and defaults.
DEFAULTS: dict[str, Any] = {
    "path": None,
    "restart_policy": "on-failure",
    "restart_sec": None,
    "time": None,
    "start_timeout": None,
    "container_prefix": "container",
    "separator": "-",
    "after": [],
    "wants": [],
    "requires": [],
}
STOP_TIME, MORE_TIME = 10, 60  # seconds: a container's own, and what the host needs besides
PATIENCE = 360  # seconds for a start that waits for others, or for a program
COMMAND_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LARGEST = 1 << 20  # bytes of a unit
_UNIT = re.compile(r"[a-zA-Z0-9:_.@\\-]{1,240}")
_PART = re.compile(r"[a-zA-Z0-9:_.-]{0,100}")

TEXT = """\
%(mark)s%(container)s
[Unit]
Description=Container %(container)s
Documentation=https://github.com/pycontainer/engine
Wants=%(wants)s
After=%(after)s
%(requires)sRequiresMountsFor=%(mounts)s

[Service]
Type=%(type)s
Restart=%(restart)s
%(times)sExecStart=%(command)s supervise %(container)s
ExecStop=%(command)s stop%(stop)s %(container)s
# Where its main process was killed, the container still runs
ExecStopPost=-%(command)s stop%(stop)s %(container)s

[Install]
WantedBy=multi-user.target
"""


def settings(given: Mapping[str, Any], option: str = "generate_systemd") -> dict[str, Any]:
    """Return what is asked for of a unit, with the defaults.

    :raises InvalidInput: naming the key.
    """
    said = {key: value for key, value in given.items() if value is not None}
    if not said.pop("names", True):
        raise InvalidInput(f"{option}.names", False, "true: a unit names its container")
    if said.pop("new", False):
        raise InvalidInput(
            f"{option}.new", True, "false: a unit starts the container that the task has made"
        )
    found = dict(DEFAULTS, **said)
    unknown = set(found) - set(DEFAULTS)
    if unknown:
        raise InvalidInput(option, sorted(unknown)[0], ", ".join(DEFAULTS))
    choice(*behaviour.RESTARTS)(found["restart_policy"], f"{option}.restart_policy")
    for key in ("restart_sec", "time", "start_timeout"):
        if found[key] is not None:
            found[key] = whole(0)(found[key], f"{option}.{key}")
    for key in ("container_prefix", "separator"):
        if not _PART.fullmatch(line(found[key], f"{option}.{key}")):
            raise InvalidInput(f"{option}.{key}", found[key], "letters, digits, ':', '_', '.', '-'")
    for key in ("after", "wants", "requires"):
        for name in found[key]:
            if not isinstance(name, str) or not _UNIT.fullmatch(name) or "." not in name:
                raise InvalidInput(f"{option}.{key}", name, "names of units, as db.service")
    if found["path"] is not None and not found["path"].startswith("/"):
        raise InvalidInput(f"{option}.path", found["path"], "an absolute path of a directory")
    return found


def name(container: str, asked: Mapping[str, Any]) -> str:
    """Return a unit's file name. Without a prefix it has no separator either."""
    prefix = asked["container_prefix"]
    return f"{prefix}{asked['separator'] if prefix else ''}{container}.service"


def command(paths: Paths) -> str:
    """Return the start of a unit's command lines. :raises Unsupported: the command is not there."""
    found = shutil.which("pycontainer", path=COMMAND_PATH)
    if found is None:
        raise Unsupported(
            "a unit of a container runs the command pycontainer, which is not on this host: the module "
            "or role host of pycontainer.engine writes it"
        )
    if (paths.data, paths.run) == (DATA, RUN):
        return found
    return f"{found} --root {_word(paths.data)} --runroot {_word(paths.run)}"


def text(container: str, definition: Definition, asked: Mapping[str, Any], paths: Paths) -> str:
    """Return a unit's text.

    :param container: its name. :param asked: what :func:`settings` returned.
    """
    others = [name(other, asked) for other in definition.get("depends_on", {})]
    ready = definition.get("sdnotify", "conmon")
    patient = definition.get("depends_on") or ready in ("healthy", "container")
    start = asked["start_timeout"]
    start = PATIENCE if start is None and patient else start
    stop = asked["time"]
    longest = definition.get("stop_timeout", STOP_TIME) if stop is None else stop
    times = {"RestartSec": asked["restart_sec"], "TimeoutStartSec": start}
    times["TimeoutStopSec"] = longest + MORE_TIME
    places = [paths.data, *sorted(set(_sources(definition)))]
    required = [f"Requires={' '.join(asked['requires'])}\n"] if asked["requires"] else []
    return TEXT % {
        "mark": MARK,
        "container": container,
        "wants": " ".join(["network-online.target", *others, *asked["wants"]]),
        "after": " ".join(
            [
                "network-online.target nftables.service firewalld.service remote-fs.target",
                *others,
                *asked["after"],
                *asked["requires"],
            ]
        ),
        "requires": "".join(required),
        "mounts": " ".join(_word(place) for place in places),
        "type": "exec" if ready == "ignore" else "notify",
        "restart": asked["restart_policy"],
        "times": "".join(f"{key}={value}\n" for key, value in times.items() if value is not None),
        "command": command(paths),
        "stop": "" if stop is None else f" --time {stop}",
    }


def warning(container: str, definition: Definition) -> str:
    """Say what keeps a unit from being the one that starts a container; "" for nothing."""
    policy = definition.get("restart_policy", "no")
    if policy == "no":
        return ""
    return (
        f"container {container} has restart_policy {policy}, which restarts it before its unit can; "
        "with no, the unit alone does"
    )


def read(path: str) -> str | None:
    """Return a file's text; None where there is none. :raises HostError: it can't be read."""
    try:
        return files.read(path, LARGEST, links=True).decode("utf-8", "replace")
    except files.Unacceptable as error:
        if error.missing:
            return None
        raise HostError(str(error)) from None


def write(path: str, text: str | None) -> None:
    """Write a unit, or remove it with the links that enable it; systemd reads its units again.

    :param text: None to remove it. :raises HostError: it can't be done.
    """
    try:
        if text is not None:
            write_whole(path, text, mode=0o644)
        else:
            unit = os.path.basename(path)
            links = glob.glob(f"{DIRECTORY}/*.wants/{glob.escape(unit)}")
            for link in links:
                if os.path.realpath(link) == os.path.realpath(path):
                    os.unlink(link)
            os.unlink(path)
    except OSError as error:
        raise HostError(f"unit {path}: {reason(error)}") from None
    if os.path.dirname(path) in LOADED and systemd_units.booted():
        connection = systemd_units.connect()
        try:
            systemd_units.reload(connection)
        finally:
            connection.close()


def _sources(definition: Definition) -> list[str]:
    """Return the paths of the host that a container has of its own."""
    return [entry["source"] for entry in storage.mounts_of(definition) if entry["type"] == "bind"]


def _word(path: str) -> str:
    """Write a path as one word of a unit (systemd.syntax(7))."""
    path = path.replace("%", "%%")
    if re.fullmatch(r"[a-zA-Z0-9/%_.,:@+=-]+", path):
        return path
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(c if ord(c) >= 32 else f"\\x{ord(c):02x}" for c in escaped)
    return f'"{escaped}"'


def container_of(path: str) -> str | None:
    """Return the name of the container that a file is the unit of; None for any other file."""
    try:
        first = files.read(path, LARGEST, links=True).decode("utf-8", "replace").partition("\n")[0]
    except (OSError, EngineError):
        return None
    return first[len(MARK) :] if first.startswith(MARK) else None


def enabled() -> set[str]:
    """Return the names of the containers that units of systemd start after a boot."""
    if not systemd_units.booted():
        return set()
    found = {container_of(path) for path in glob.glob(DIRECTORY + "/*.wants/*.service")}
    return {container for container in found if container is not None}
