# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run``: create and start a container, and attend to it until it ends."""

from __future__ import annotations

from ....errors import NotFound
from .. import bundle_launch
from ..arguments import Command
from .create import OPTIONS, log_steps
from .start import notify_relay, run_poststart, wait_until_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...features.sd_notify import Relay
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command("create and start a container", "ID", 1, 1, (*OPTIONS, "detach|d", "keep"))


def run(call: Call, log: Log) -> int:
    from .. import foreground  # here: an archive of modules has it apart from this command

    detached = call["detach"]
    if not detached:
        foreground.prepare(subreaper=not call["no-subreaper"])
    relay: Relay | None = None

    def listen(container: Container) -> None:
        nonlocal relay
        relay = notify_relay(container)

    made, site = bundle_launch.make(call, call.arguments[0], wait=False, before=listen)
    log_steps(made, log)
    run_poststart(site.container, made.document.config, log)
    if detached:
        wait_until_ready(relay, site.container)
        return 0
    site.container.unlock()
    code = foreground.attend(made.pid, made.pidfd, made.terminal, relay)
    if not call["keep"]:
        from .. import (
            teardown,  # here: loaded since the process made its mounts (BundleSite.meanwhile)
        )

        try:
            site.container.lock()
            teardown.remove(site.container, log, made.document.config)
        except NotFound:  # somebody has deleted it
            pass
    return code
