# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``checkpoint`` and ``restore``, which this runtime can't do: a container is not saved by CRIU here.

Both read runc's options, say in runc's order what is wrong with them, and then refuse, having changed nothing.
"""

from __future__ import annotations

import os

from ..errors import Conflict, InvalidInput, NotFound, Unsupported
from .states import check_id, open_container

MODES = ("soft", "full", "strict")  # of criu --manage-cgroups
EMPTY = ("network",)
IMAGES = "checkpoint"  # below the working directory, where --image-path is not given


def checkpoint(call, _log):
    container = open_container(call.options["root"], call.arguments[0])
    status = container.status()
    if status not in ("running", "paused"):
        raise Conflict("container %s can't be checkpointed: it is %s, not running or paused" % (container.ident, status))
    _parent(call["image-path"] or IMAGES, call["parent-path"])
    _page_server(call["page-server"])
    _values(call)
    raise Unsupported("checkpoint: not supported: this runtime does not drive CRIU; container %s is as it was" % container.ident)


def restore(call, _log):
    ident = call.arguments[0]
    check_id(ident)
    _values(call)
    try:
        open_container(call.options["root"], ident)
    except NotFound:
        raise Unsupported("restore: not supported: this runtime does not drive CRIU; container %s is not made" % ident) from None
    raise Conflict("container %s: a container with given ID already exists in %s" % (ident, call.options["root"]))


def _parent(images, parent):
    """The images of an earlier pre-dump: a directory, relative to the images. :raises InvalidInput:"""
    if not parent:
        return
    if os.path.isabs(parent):
        raise InvalidInput("--parent-path", parent, "a path relative to --image-path")
    if not os.path.isdir(os.path.join(images, parent)):
        raise InvalidInput("--parent-path", parent, "a directory, relative to --image-path %s" % images)


def _page_server(text):
    """:raises InvalidInput: not ``address:port``."""
    address, dummy, port = (text or "").rpartition(":")
    if text and not (address and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidInput("--page-server", text, "ADDRESS:PORT")


def _values(call):
    """What has few values. :raises InvalidInput:"""
    mode = call["manage-cgroups-mode"]
    if mode and mode not in MODES:
        raise InvalidInput("--manage-cgroups-mode", mode, ", ".join(MODES))
    for kind in call["empty-ns"]:
        if kind not in EMPTY:
            raise InvalidInput("--empty-ns", kind, ", ".join(EMPTY))
