# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux labels of containers, as Docker's with ``selinux-enabled``: of the process, of its files,
and of what is relabelled for it.

The host's policy names a context for processes and one for files of containers. Each container has
them at a level of its own, two of the 1,024 categories (MCS), so that one can't reach another's
files. Its root and all file systems that are made for it are mounted with the label of its files.
Volumes have that label at no level in particular, for several containers may use them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random

from ... import volumes
from ...errors import HostError, InvalidInput, Unsupported, reason
from ...kernel.isolation import selinux
from ...store import settings
from ...store.atomic_files import Damaged, read_json
from ...untrusted import trees
from ..options import security, storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...engine import Engine
    from ...oci.spec.config_types import Config
    from ...options.rows import Definition
    from ..records.catalog import Record

    Labels = tuple[str, str]  # of a container's process, of its files

# Relabelling one of these would take the host's own services what is theirs; Docker refuses most of
# them, too.
_OF_THE_HOST = (
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/passwd",
    "/etc/pki",
    "/etc/shadow",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/tmp",
)
_FILES = ("hostname", "hosts", "resolv.conf")


def wanted(engine: Engine, definition: Definition) -> bool:
    """Tell whether a container is to have labels: by its options, or by the host's setting
    ``selinux``.
    """
    options = security.labels(definition)
    if options:
        return "disable" not in options
    return not _powerful(definition) and is_default(engine)


def is_default(engine: Engine) -> bool:
    """Tell whether this host's containers have labels where their options name none."""
    return selinux.enabled() and settings.read(engine.paths.config)["selinux"]


def _powerful(definition: Definition) -> bool:
    """Tell whether a container has no label unless its options name one, as in Docker.

    That is one that is privileged, or sees the host's processes or its memory.
    """
    return (
        definition.get("privileged")
        or definition.get("pid_mode") == "host"
        or definition.get("ipc_mode") == "host"
    )


def of(engine: Engine, record: Record, joins: dict[str, str]) -> Labels | None:
    """Return a container's labels; None where it is to have none.

    :param joins: ``{kind: id}``: who shares a namespace has the other's level.
    :raises HostError: it is to have some, and the host has no policy for them.
    """
    if not wanted(engine, record["definition"]):
        return None
    contexts, why = selinux.defaults()
    if contexts is None:
        raise HostError(f"container {record['name']} can't have an SELinux label: {why}")
    parts: dict[str, str | None] = dict(
        zip(("user", "role", "type"), contexts["process"].split(":"))
    )
    level = None
    if level_of(contexts["process"]):  # a policy with levels
        level = security.labels(record["definition"]).get("level") or _level(
            engine, record["id"], joins
        )
    parts.update(security.labels(record["definition"]), level=level)
    return _text(*(parts[key] for key in ("user", "role", "type")), level), at_level(
        contexts["file"], level
    )


def _text(*parts: str | None) -> str:
    return ":".join(part for part in parts if part)


def level_of(context: str) -> str:
    """Return the level of a context, "" where it has none; a level may hold colons itself."""
    return "".join(context.split(":", 3)[3:])


def at_level(context: str, level: str | None) -> str:
    """Return a context at another level; None for none."""
    return _text(*context.split(":", 3)[:3], level)


def _level(engine: Engine, ident: str, joins: dict[str, str]) -> str:
    """Choose a level: the one that it has, that of the container whose processes or memory it
    shares, or a new one.
    """
    for other in [ident] + [joins[kind] for kind in ("pid", "ipc") if kind in joins]:
        level = _of_document(engine, other)
        if level:
            return level
    taken = {_of_document(engine, other) for other in os.listdir(engine.paths.containers)}
    while True:
        low, high = sorted(random.sample(range(1024), 2))
        level = f"s0:c{low},c{high}"
        if level not in taken:
            return level


def _of_document(engine: Engine, ident: str) -> str:
    label = ""
    with contextlib.suppress(Damaged):  # another's, perhaps: it has none that could be taken twice
        label = (
            read_json(os.path.join(engine.paths.container(ident), "config.json"), {})
            .get("process", {})
            .get("selinuxLabel")
            or ""
        )
    return level_of(label)


def put_into(config: Config, labels: Labels | None) -> bool:
    """Write a container's labels into its document; returns whether that changed it."""
    before = config["process"].pop("selinuxLabel", None), config["linux"].pop("mountLabel", None)
    if labels is not None:
        config["process"]["selinuxLabel"], config["linux"]["mountLabel"] = labels
    return before != (labels or (None, None))


def relabel(engine: Engine, record: Record, labels: Labels, mounted: dict[str, str]) -> None:
    """Label what a container is to use: the files that the engine makes for it, its volumes, what
    modes z and Z name.

    :param mounted: ``{target: name}`` of its volumes.
    :raises HostError: a path is the host's own, or can't be labelled.
    """
    process, label = labels
    shared = at_level(label, "s0" if level_of(label) else None)
    # A policy may give a new file the level of who makes it, as the reference policy does, and not
    # that of its directory: a later container can't read it.
    each_time = selinux.of_new_file(process, shared) != shared
    found = [
        (os.path.join(engine.paths.container(record["id"]), name), shared) for name in _FILES
    ]  # shared with those that join its network
    modes = {
        entry["target"]: entry.get("relabel") for entry in storage.mounts_of(record["definition"])
    }
    for target, name in mounted.items():
        path, mode = volumes.path(engine, name), modes.get(target)
        volume = volumes.get(engine, name)
        own = volume["driver_options"] if volume is not None else {}
        elsewhere = own.get("device", "").startswith("/")  # labelled only if that is asked for
        if (
            mode
            or not elsewhere
            and (each_time or selinux.label_of(path).split(":")[2:3] != label.split(":")[2:3])
        ):
            found.append((path, label if mode == "Z" else shared))
    found += [
        (entry["source"], label if entry["relabel"] == "Z" else shared)
        for entry in storage.mounts_of(record["definition"])
        if entry["type"] == "bind" and entry.get("relabel")
    ]
    for path, context in found:
        try:
            if is_the_hosts(path):
                raise HostError(
                    f"container {record['name']}: {path} is not labelled for it: services of the "
                    "host would lose what is there"
                )
            selinux.relabel(path, context, trees.walk)
        except OSError as error:
            if (
                error.errno != errno.EOPNOTSUPP
            ):  # as on NFS, where the policy says what containers may do
                raise HostError(
                    f"container {record['name']}: {path} can't be labelled for SELinux: "
                    f"{reason(error, named=True)}"
                ) from None


def is_the_hosts(path: str) -> bool:
    """Tell whether a path is, or a volume shows, a directory that services of the host use."""
    there = os.stat(path)
    return any(
        os.path.samestat(there, os.stat(other)) for other in _OF_THE_HOST if os.path.exists(other)
    )


def check(engine: Engine, definition: Definition) -> None:
    """Refuse what the host's policy has not.

    :raises Unsupported: there is none. :raises InvalidInput: it does not know a label, or a path is
        the host's own.
    """
    options = security.labels(definition)
    for key, value in options.items():
        if key != "disable":
            contexts, why = selinux.defaults()
            if contexts is None:
                raise Unsupported(f"security_opts: label={key}:{value}: {why} on this host")
            parts: dict[str, str | None] = dict(
                zip(("user", "role", "type", "level"), contexts["process"].split(":", 3))
            )
            context = _text(*dict(parts, **{key: value}).values())
            if not selinux.known(context):
                raise InvalidInput(
                    "security_opts",
                    f"label={key}:{value}",
                    f"what the host's SELinux policy has (it does not know {context})",
                )
    if not wanted(engine, definition):
        return
    for option in ("volumes", "mounts"):
        for entry in definition.get(option, ()):
            if entry.get("relabel") and entry["type"] == "bind" and is_the_hosts(entry["source"]):
                raise InvalidInput(
                    option,
                    f"{entry['source']}:{entry['target']}:{entry['relabel']}",
                    "a path that is not the host's own: its services would lose what is relabelled",
                )
