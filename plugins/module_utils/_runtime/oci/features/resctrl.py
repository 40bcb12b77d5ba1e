# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.intelRdt: a class of service for cache and memory bandwidth, by files of resctrl.
runtime-spec config-linux.md "IntelIntelRdt".
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.processes import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..spec.config_types import IntelRdt


def check(entry: IntelRdt) -> None:
    """Check linux.intelRdt.

    :raises Unsupported: naming what can't be, or that no resctrl is mounted.
    """
    clos = entry.get("closID")
    if (
        clos is not None
        and clos != "/"
        and ("/" in clos or clos in ("", ".", "..", "info", "mon_groups", "mon_data"))
    ):
        raise Unsupported(
            f"config.json: linux.intelRdt.closID: {clos!r} is not valid; accepted: the name of a "
            "directory, or /"
        )
    schemas = (
        ("l3CacheSchema", entry.get("l3CacheSchema") or "", ""),
        ("memBwSchema", entry.get("memBwSchema") or "", "MB:"),
    )
    for name, text, start in schemas:
        if "\n" in text or text and not text.startswith(start):
            raise Unsupported(
                f"config.json: linux.intelRdt.{name}: {text!r} is not valid; accepted: one "
                f"line{start and ' that starts with ' + start}"
            )
    for text in entry.get("schemata") or ():
        if "\n" in text:
            raise Unsupported(f"config.json: linux.intelRdt.schemata: {text!r} is not one line")
    for name in ("enableCMT", "enableMBM"):
        if entry.get(name):
            raise Unsupported(
                f"config.json: linux.intelRdt.{name} is not supported; enableMonitoring is "
                "(runtime-spec 1.3)"
            )
    if place() is None:
        raise Unsupported("config.json: linux.intelRdt: no resctrl file system is mounted")


def place() -> str | None:
    """Return where resctrl is mounted, or None."""
    for mount in procfs.mounts():
        if mount["type"] == "resctrl":
            return str(mount["point"])
    return None


def apply(entry: IntelRdt, ident: str, pid: int, root: str) -> None:
    """Put a process into its class, which is made where it has to be.

    :raises ContainerFailed: naming what the kernel refuses.
    """
    clos = entry.get("closID")
    directory = _directory(clos, ident, root)
    old = [entry[name] for name in ("l3CacheSchema", "memBwSchema") if entry.get(name)]
    new = list(entry.get("schemata") or ())
    try:
        if clos and os.path.isdir(directory):
            _compare(directory, old)
            lines = new
        elif clos and not old + new:
            raise ContainerFailed(
                f"linux.intelRdt.closID: {directory} does not exist, and there is no schema to "
                "make it with"
            )
        else:
            os.makedirs(directory, 0o755, exist_ok=True)
            lines = old + new
        for line in lines:
            procfs.write(directory + "/schemata", line + "\n")
        procfs.write(directory + "/tasks", str(pid))
        if entry.get("enableMonitoring"):
            os.mkdir(_monitor(directory, ident), 0o755)
            procfs.write(_monitor(directory, ident) + "/tasks", str(pid))
    except OSError as error:
        raise ContainerFailed(
            f"linux.intelRdt: {os.fsdecode(error.filename or directory)}: {reason(error, named=True)}"
        ) from None


def update(
    entry: IntelRdt | None, given: IntelRdt, ident: str, pids: Iterable[int], root: str
) -> IntelRdt:
    """Change the schemas of a container's class as it runs, or give it one of its own.

    Returns the document's section as it is now.

    :param entry: linux.intelRdt, or None.
    :param given: ``{"l3CacheSchema", "memBwSchema": one line}``.
    :param pids: of its processes.
    :raises Unsupported, ContainerFailed:
    """
    changed: IntelRdt = {**(entry or {}), **given}
    check(changed)
    directory = _directory(changed.get("closID"), ident, root)
    lines = [given[name] for name in ("l3CacheSchema", "memBwSchema") if name in given]
    try:
        made = not os.path.isdir(directory)
        if made:
            os.makedirs(directory, 0o755)
        for line in lines:
            procfs.write(directory + "/schemata", line + "\n")
        for pid in pids if made else ():
            procfs.write(directory + "/tasks", str(pid))
    except OSError as error:
        raise ContainerFailed(
            f"linux.intelRdt: {os.fsdecode(error.filename or directory)}: {reason(error, named=True)}"
        ) from None
    return changed


def remove(entry: IntelRdt, ident: str, root: str) -> None:
    """Take away what was made for this container alone."""
    directory = _directory(entry.get("closID"), ident, root)
    places = [_monitor(directory, ident)] if entry.get("enableMonitoring") else []
    for path in places + ([directory] if entry.get("closID") is None else []):
        try:
            os.rmdir(path)
        except OSError:  # it was never made, or is gone with its class
            pass


def _directory(clos: str | None, ident: str, root: str) -> str:
    return root if clos == "/" else os.path.join(root, clos or ident)


def _monitor(directory: str, ident: str) -> str:
    return os.path.join(directory, "mon_groups", ident)


def _compare(directory: str, lines: Sequence[str]) -> None:
    """See that a class that is there already has these schemas.

    :raises ContainerFailed: it has others.
    """
    have = dict(map(_parsed, procfs.read(directory + "/schemata").splitlines()))
    for line in lines:
        resource, wanted = _parsed(line)
        if wanted.items() - have.get(resource, {}).items():
            raise ContainerFailed(
                f"linux.intelRdt: {line} is not the schema of {directory}, which exists"
            )


def _parsed(line: str) -> tuple[str, dict[str, str]]:
    """Return ``L3:0=7f0;1=1f`` as ``("L3", {"0": value, "1": value})``; values of caches are
    hexadecimal (resctrl.rst).
    """
    resource, dummy, rest = line.strip().partition(":")
    values = {}
    for part in filter(None, rest.split(";")):
        domain, dummy, value = part.partition("=")
        values[domain.strip()] = value.strip().lstrip("0") or "0"
    return resource.strip(), values
