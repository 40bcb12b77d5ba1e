# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``create``, ``start`` and ``run``."""

from __future__ import annotations

import os

from ....errors import Conflict, ContainerFailed, NotFound
from ....kernel.calls import constants as c
from ....kernel.isolation import namespaces
from ...launch import channel
from ...spec.document import Document
from .. import bundle_launch as making
from ..states import open_container


def create(call, log):
    made = making.make(call, call.arguments[0], wait=True)
    _tell(made, log)


def _tell(made, log):
    """What came of the making. The steps are called as runc calls them, for who reads its log."""
    for text in made.warnings:
        log.warning(text)
    if not log.debugging:
        return
    log.debug(
        "runc exeseal: using /proc/self/exe "
        f"clone{': a sealed step in memory' if made.program.steps else ', mounted read-only'}"
    )
    if made.program.filter:
        log.debug(
            "seccomp filter flags: %d"
            % (
                made.program.filter_flags
                & ~(c.SECCOMP_FILTER_FLAG_TSYNC | c.SECCOMP_FILTER_FLAG_TSYNC_ESRCH)
            )
        )
    log.debug(
        "nsexec container setup: process %d has its namespaces: new %s, joined %s"
        % (
            made.pid,
            ", ".join(kind for kind in namespaces.TYPES if made.document.private(kind)) or "none",
            ", ".join(made.joined) or "none",
        )
    )
    log.debug(f"child process in init(): its root is made of {made.rootfs}")
    log.debug("init: closing the pipe to signal completion")


def start(call, log):
    container = open_container(call.options["root"], call.arguments[0])
    container.lock()
    container.read()
    status = container.status()
    if status != "created":
        raise Conflict(f"container {container.ident} can't be started: it is {status}, not created")
    from .. import start_socket

    connection = start_socket.connect(container)
    relay = _relay(container)
    os.unlink(
        f"{container.path}/{start_socket.SOCKET}"
    )  # from here on it is started, or its end is noticed by it
    connection.send(b"s")
    warnings, config = [], container.config()
    channel.listen(connection, warnings, name=config["process"]["args"][0])
    for text in warnings:
        log.warning(text)
    started(container, config, log)
    _wait(relay, container)


def _relay(container):
    """What listens for the program's word that it is ready; None where nobody waits for that."""
    if not os.environ.get("NOTIFY_SOCKET"):
        return None
    from ...features import sd_notify

    return sd_notify.Relay(container)


def _wait(relay, container):
    process = None if relay is None else container.process()
    if process is not None:
        container.unlock()
        relay.wait(container.pid, process)


def started(container, config, log):
    """The poststart hooks; where one fails, the container ends."""
    if not (config.get("hooks") or {}).get("poststart"):
        return
    from ...features import hooks

    document = Document(config)
    try:
        hooks.run(
            document,
            "poststart",
            document.state(container.ident, container.data["bundle"], container.pid, "running"),
        )
    except ContainerFailed:
        from . import ending

        ending.remove(container, log)
        raise


def run(call, log):
    from .. import foreground

    ident, detached = call.arguments[0], call["detach"]
    if not detached:
        foreground.prepare(subreaper=not call["no-subreaper"])
    relay = []
    made = making.make(
        call, ident, wait=False, before=lambda container: relay.append(_relay(container))
    )
    _tell(made, log)
    started(made.container, made.document.config, log)
    if detached:
        _wait(relay[0], made.container)
        return 0
    made.container.unlock()
    code = foreground.attend(made.pid, made.pidfd, made.terminal, relay[0])
    if not call["keep"]:
        from . import ending  # it is here since the process made its mounts (Create.meanwhile)

        try:
            made.container.lock()
            ending.remove(made.container, log, made.document.config)
        except NotFound:  # somebody has deleted it
            pass
    return code
