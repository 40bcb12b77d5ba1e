# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``kill`` and ``delete``."""

from __future__ import annotations

import _signal
import os

from ....errors import Conflict, EngineError, InvalidInput, NotFound
from ....kernel.calls import constants as c
from ....kernel.calls import syscalls
from ....kernel.processes import pidfd
from ...spec.document import Document
from ..states import Container, Unreadable, every, open_container

SIGKILL, SIGTERM = 9, 15


def signal_number(text):
    """The number of ``TERM``, ``SIGTERM``, ``sigterm``, ``RTMIN+3`` or ``15``. :raises InvalidInput:"""
    name = text.upper()
    if text.isascii() and text.isdigit():
        number = int(text) if len(text) < 5 else -1
    else:
        name, plus, offset = name.partition("+") if "+" in name else name.partition("-")
        found = getattr(_signal, name if name.startswith("SIG") else "SIG" + name, None)
        realtime = name.endswith(("RTMIN", "RTMAX"))
        number = int(found) if isinstance(found, int) and "_" not in name else 0
        if plus:
            number = (
                number + int(plus + offset)
                if realtime and offset.isascii() and offset.isdigit() and len(offset) < 3
                else 0
            )
    if not 0 <= number <= 64 or number == 0 and text != "0":
        raise InvalidInput(
            "signal",
            text,
            "a signal's number up to 64, 0 to ask only, or its name, such as SIGTERM or TERM",
        )
    return number


def kill(call, _log):
    container = open_container(call.options["root"], call.arguments[0])
    number = signal_number(call.arguments[1]) if len(call.arguments) > 1 else SIGTERM
    if call["all"]:
        signal_all(container, number)
        return
    if (
        number == SIGKILL
        and container.data.get("cgroup")
        and _shares_processes(container)
        and container.group().procs()
    ):
        signal_all(container, number)  # the kernel takes none of the others along with process 1
        return
    process = container.process()
    if process is None or not pidfd.send(process, number):
        raise Conflict(f"container {container.ident}: container not running")
    if number == SIGKILL and container.group().frozen():
        container.group().thaw()  # a frozen process of cgroup v1 dies when it is let go


def _shares_processes(container):
    """Whether it has not a process namespace of its own. Only those groups count that are its alone."""
    try:
        return not Document(container.config()).private("pid") and not container.data["cgroup"].get(
            "shared"
        )
    except (EngineError, OSError):
        return False


def signal_all(container, number):
    """A signal to each process in the container's cgroup; to none is no error."""
    group = container.group()
    if not group.paths:  # --cgroup-manager disabled: who else belongs to it is not known
        process = container.process()
        if process is not None:
            pidfd.send(process, number)
        return
    if number == SIGKILL:
        group.kill()
        return
    for pid in group.procs():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def delete(call, log):
    containers = [ident for word in call.arguments for ident in _named(call, word)]
    for ident in containers:
        try:
            container = open_container(call.options["root"], ident)
        except (NotFound, InvalidInput):
            if call["force"]:
                continue
            raise
        except Unreadable:
            if not call["force"]:
                raise
            container = Container(call.options["root"], ident)
        container.lock()
        try:
            container.read()
        except Unreadable as error:
            log.warning(str(error))
        status = container.status()
        if status not in ("stopped", "created") and not call["force"]:
            raise Conflict(
                f"cannot delete container {ident} that is not stopped: it is {status}; --force "
                "kills it"
            )
        remove(container, log)


def _named(call, word):
    """The ids that an argument stands for."""
    if not call["regex"]:
        return [word]
    import re

    try:
        pattern = re.compile(word)
    except re.error as error:
        raise InvalidInput("--regex", word, f"a regular expression ({error})") from None
    return [
        container.ident
        for container in every(call.options["root"], [])
        if pattern.search(container.ident)
    ]


def remove(container, log, config=None):
    """Take everything of a container away, with what still runs in it. :param config: its document, where that is at hand."""
    process = container.process()
    if process is not None:
        pidfd.send(process, SIGKILL)
    if config is None:
        config = _config(container)
    if not container.data.get("cgroup"):
        _remove_unrecorded(container, config)
    else:
        group = container.group()
        if process is not None:
            group.thaw()
            if not pidfd.ended(process, 0.2):
                group.recall(container.pid)
        try:
            group.remove()
        except EngineError as error:
            log.warning(str(error))
    if process is not None and not pidfd.ended(process, 10.0):
        raise Conflict(
            "container %s can't be deleted: its process %d does not end"
            % (container.ident, container.pid)
        )
    if container.data.get("rootfs") and config and not _has_own_mounts(config):
        _unmount(container.data["rootfs"])
    if (config.get("linux") or {}).get("intelRdt"):
        from ...features import resctrl

        resctrl.remove(config["linux"]["intelRdt"], container.ident, resctrl.place() or "")
    after = _after(container, config)
    container.remove()
    for text in after():
        log.warning(text)


def _config(container):
    """The container's document; {} where there is none that can be read."""
    try:
        return container.config()
    except Unreadable:
        return {}


def _remove_unrecorded(container, config):
    """The groups of one whose making was killed before they were written down, or whose status is lost.

    What is in a group of its own name is ended. A place that was given may be shared with others: of that and of what is above it goes what was planned
    to be made, when nobody is in it.

    :raises Conflict: somebody is.
    """
    from ....kernel import cgroups

    given, planned = (config.get("linux") or {}).get("cgroupsPath"), container.planned_group()
    try:
        group = (
            cgroups.reopen(planned)
            if planned
            else cgroups.Group(cgroups.places(given, container.ident), () if given else None)
        )
    except EngineError:
        return
    group.shared = bool(given or planned)
    group.remove()
    left = sorted(group.procs()) if group.shared else []
    if left:
        raise Conflict(
            f"container {container.ident} can't be deleted: what it was is not known, and its "
            f"cgroup {given or next(iter(group.paths.values()))} has processes: "
            f"{', '.join(map(str, left))}; end them first"
        )


def _has_own_mounts(config):
    return any(
        entry["type"] == "mount" and not entry.get("path")
        for entry in (config.get("linux") or {}).get("namespaces") or ()
    )


def _unmount(rootfs):
    """The mounts of a container that had no mount namespace of its own are the host's."""
    try:
        syscalls.umount2(rootfs, c.MNT_DETACH | c.UMOUNT_NOFOLLOW)
    except OSError:  # nothing is mounted there
        pass


def _after(container, config):
    """What runs the poststop hooks once the container is gone; returns sentences about those that fail."""
    if not (config.get("hooks") or {}).get("poststop"):
        return lambda: ()
    from ...features import hooks

    document = Document(config)
    return lambda: hooks.run(
        document,
        "poststop",
        document.state(container.ident, container.data["bundle"], 0, "stopped"),
    )
