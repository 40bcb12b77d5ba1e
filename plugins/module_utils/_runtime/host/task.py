# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare a host for containers that outlive tasks and boots, or undo that."""

from __future__ import annotations

import contextlib
import json
import os

from ..deploy import fingerprint, install
from ..errors import InvalidInput, Unsupported
from ..images.library import layer_store
from ..kernel.isolation import selinux
from ..reconcile import Plan
from ..rootless import keeper_client
from ..store import settings
from ..store.atomic_files import write_whole
from ..store.paths import OF_USER
from . import boot_unit, uninstall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..deploy.install import Copy
    from ..engine import Engine


COMMAND = """\
#!/bin/sh
# Written by pycontainer.engine.host
start=%(start)s
if [ ! -r "$start" ]; then
    own=$HOME/%(own)s/runtime/current/start.py
    if [ "$(id -u)" = 0 ] || [ ! -d %(runtime)s/current/pycontainer ]; then
        echo "pycontainer: the engine is not in %(runtime)s (role pycontainer.engine.host)" >&2
        exit 125
    elif [ ! -r "$own" ]; then # a user lays down his own with his first command
        exec %(interpreter)s -I -c '%(first)s' %(runtime)s/current "$@"
    fi
    start=$own
fi
exec %(interpreter)s -I -S "$start" "$@"
"""

FIRST = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from pycontainer.cli import main; "
    "sys.exit(main(sys.argv[1:]))"
)


def plan(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan to prepare a host (``state: present``) or to undo that (``absent``).

    :param params: the options of the module ``host``: ``state``, ``command`` (path of the on-host
        command), ``boot``, ``interpreter``, ``layers``, ``selinux``, ``container_ids``, ``secrets_key``,
        ``default_address_pools``, ``force``,
        ``delete_data``.
    """
    if keeper_client.without_root():
        raise Unsupported(
            "host: it prepares and clears a whole host, and needs root (in Ansible: become: true); "
            "the engine of a user without root needs no preparation"
        )
    if not os.path.isabs(params["command"]):
        raise InvalidInput("command", params["command"], "an absolute path")
    return (
        present(engine, params) if params["state"] == "present" else uninstall.plan(engine, params)
    )


def present(engine: Engine, params: dict[str, Any]) -> Plan:
    copy = install.own_copy(engine)
    python = interpreter(engine, copy, params["interpreter"])
    unit = boot_unit.UNITS.get(boot_unit.init_system() or "") if params["boot"] else None
    found = Plan("host", lambda: {"host": facts(engine, python, params)})
    plan_runtime(found, engine, copy, python)
    plan_command(found, engine, python, params["command"])
    plan_oci_command(found, engine, oci_command(params["command"]))
    plan_boot(found, engine, unit, params["command"])
    if params["layers"]:
        plan_layers(found, engine, params["layers"])
    if params["selinux"] is not None:
        plan_selinux(found, engine, params["selinux"])
    if params["container_ids"] is not None:
        plan_setting(found, engine, "container_ids", settings.check_ids(params["container_ids"]))
    if params["secrets_key"] is not None:
        key = params["secrets_key"] and settings.check_key(params["secrets_key"])
        plan_setting(found, engine, "secrets_key", key or None)
    if params["default_address_pools"] is not None:
        pools = settings.check_pools(params["default_address_pools"])
        plan_setting(found, engine, "default_address_pools", pools or None)
    if params["boot"] and unit is None:
        found.warnings.append(
            f"this host's init system is none of {', '.join(boot_unit.UNITS)}: containers will not be "
            "started after a boot"
        )
    return found


def interpreter(engine: Engine, copy: Copy, asked: str | None) -> str:
    """Return the Python for processes that run between tasks: the recorded one where none is asked
    for, else a suitable one.
    """
    recorded = copy.host.get("interpreter")
    if recorded and asked in (None, recorded):
        return recorded
    python = install.choose(asked)
    reason = install.unfit(python)
    if (
        reason and not engine.check
    ):  # in check mode what is missing may be what the same play would install
        raise Unsupported(reason)
    return python["interpreter"]


def plan_runtime(found: Plan, engine: Engine, copy: Copy, python: str) -> None:
    current = install.current(engine.paths.runtime)
    if not copy.exists or current != copy.name:
        found.add(
            "runtime",
            current,
            copy.name,
            f"lay down the engine {copy.name}",
            lambda: install.ensure(engine, python),
        )
    elif copy.host.get("interpreter") != python:
        found.add(
            "interpreter",
            copy.host.get("interpreter"),
            python,
            f"run the engine with {python}",
            lambda: install.ensure(engine, python),
        )


def plan_command(found: Plan, engine: Engine, python: str, path: str) -> None:
    text = COMMAND % {
        "own": OF_USER,
        "first": FIRST,
        "start": os.path.join(engine.paths.runtime, "current", "start.py"),
        "runtime": engine.paths.runtime,
        "interpreter": python,
    }
    before = boot_unit.read(path) or None
    if before != text or not os.access(path, os.X_OK):
        found.add(
            "command", before, text, f"write the command {path}", lambda: write_command(path, text)
        )


def oci_command(command: str) -> str:
    """Return the path of the OCI runtime command: beside the on-host command."""
    return os.path.join(os.path.dirname(command), install.OCI_COMMAND)


def plan_oci_command(found: Plan, engine: Engine, path: str) -> None:
    """Plan the OCI runtime command. It is a link, because engines are configured with its path, and
    it starts a millisecond sooner than a script.
    """
    target = os.path.join(engine.paths.runtime, "current", install.OCI_COMMAND)
    before = os.readlink(path) if os.path.islink(path) else boot_unit.read(path) or None
    if before != target:
        found.add(
            "OCI runtime command",
            before,
            target,
            f"link the OCI runtime command {path}",
            lambda: link(path, target),
        )


def link(path: str, target: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.symlink(target, path)


def write_command(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_whole(path, text, mode=0o755)


def plan_boot(found: Plan, engine: Engine, unit: boot_unit.Unit | None, command: str) -> None:
    for other in boot_unit.installed():
        if other is not unit:
            found.add(
                "boot unit", other.path, None, f"remove the boot unit {other.path}", other.remove
            )
    if unit is None:
        return
    wanted, before = unit.wanted(command, engine.paths.data), unit.current()
    if before != wanted:
        found.add(
            "boot unit",
            before,
            wanted,
            f"write, enable and start the boot unit {unit.path}",
            lambda: unit.install(wanted),
        )
    elif not unit.is_active():
        found.add(
            "boot unit",
            "stopped",
            "started",
            f"start the boot unit {unit.path}, which stops containers when the host goes down",
            unit.start,
        )


def plan_layers(found: Plan, engine: Engine, wanted: str) -> None:
    """Plan how layers are stored.

    :raises Unsupported: where EROFS is asked for and the host does not support it.
    """
    if wanted == layer_store.EROFS and layer_store.why_no_erofs(engine):
        raise Unsupported(f"layers: erofs: {layer_store.why_no_erofs(engine)}")
    plan_setting(found, engine, "layers", wanted)


def plan_selinux(found: Plan, engine: Engine, wanted: bool) -> None:
    """Plan SELinux labels.

    :raises Unsupported: where the host's policy lacks the labels.
    """
    reason = selinux.defaults()[1]
    if wanted and reason:
        raise Unsupported(f"selinux: true: {reason}")
    plan_setting(found, engine, "selinux", wanted)


def plan_setting(found: Plan, engine: Engine, name: str, wanted: Any) -> None:
    """Plan a setting.

    :param wanted: None removes it from the file.
    """
    path = engine.paths.config
    before = settings.given(path).get(name)

    def apply() -> None:
        given = dict(settings.given(path), **{name: wanted})
        settings.write(path, {key: value for key, value in given.items() if value is not None})

    if before != wanted:
        found.add(
            name,
            before,
            wanted,
            "set %s to %s in %s" % (name, json.dumps(wanted).strip('"'), path),
            apply,
        )


def facts(engine: Engine, python: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return what is on the host now, for the task's result."""
    return {
        "version": fingerprint.VERSION,
        "runtime": os.path.join(engine.paths.runtime, fingerprint.name()),
        "interpreter": python,
        "command": params["command"],
        "oci_command": oci_command(params["command"]),
        "init": boot_unit.init_system(),
        **settings.read(engine.paths.config),
        "boot_unit": next((unit.path for unit in boot_unit.installed()), None),
    }
