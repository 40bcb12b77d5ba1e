# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``restore``: make a container of what ``checkpoint`` saved (oci/checkpoint/criu_restore.py)."""

from __future__ import annotations

import os

from ....errors import Conflict, InvalidInput, NotFound
from ...checkpoint.criu_restore import Restore
from .. import bundle_launch, teardown
from ..arguments import Command
from ..states import Container
from . import criu_options
from .criu_options import IMAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...launch.launch import Launch
    from ..arguments import Call
    from ..output import Log

COMMAND = Command(
    "make a container of what checkpoint saved",
    "ID",
    1,
    1,
    (
        *criu_options.OPTIONS,
        "bundle|b=",
        "console-socket=",
        "pid-file=",
        "detach|d",
        "no-pivot",
        "no-subreaper",
        "lsm-profile=",
        "lsm-mount-context=",
    ),
)


def restore(call: Call, log: Log) -> int:
    from .. import foreground  # here: with --detach it is not needed

    options = criu_options.read(call)
    container = Container(call.options["root"], call.arguments[0])
    if os.path.exists(container.path):
        raise Conflict(
            f"container {container.ident}: a container with given ID already exists in "
            f"{container.root}"
        )
    images = os.path.abspath(call["image-path"] or IMAGES)
    if not os.path.isfile(os.path.join(images, "inventory.img")):
        raise InvalidInput("--image-path", images, "a directory that checkpoint has written")
    program = criu_options.program(call)
    work = criu_options.directory(call["work-path"]) if call["work-path"] else None
    options.update(lsm_profile=call["lsm-profile"], lsm_mount_context=call["lsm-mount-context"])
    given = {**call.given, "config": None, "no-new-keyring": True, "preserve-fds": 0}
    bundle, text, config = bundle_launch.read_bundle(given)
    bundle_launch.check_terminal(config["process"], given, call["detach"])
    if not call["detach"]:
        foreground.prepare(subreaper=not call["no-subreaper"])
    site = bundle_launch.BundleSite(
        container, bundle, config, given, waits=False, systemd=call.options["systemd-cgroup"]
    )
    mode = call["manage-cgroups-mode"] or ""
    origin = Restore(images, work, program, options, cgroups_mode=mode)
    made = bundle_launch.prepare(site, config, given, origin)
    _make(made, site, text, given)
    for sentence in made.warnings:
        log.warning(sentence)
    if call["detach"]:
        return 0
    container.unlock()
    code = foreground.attend(made.pid, made.pidfd, made.terminal)
    try:
        container.lock()
        teardown.remove(container, log)
    except NotFound:  # somebody has deleted it
        pass
    return code


def _make(made: Launch, site: bundle_launch.BundleSite, text: str, given: dict[str, Any]) -> None:
    bundle_launch.enter(site, made.document.config)
    try:
        site.container.keep_config(text)
        made.run()
        try:
            bundle_launch.finish(made, given)
        except BaseException:
            made.undo()
            raise
    except BaseException:
        site.container.remove()
        raise
