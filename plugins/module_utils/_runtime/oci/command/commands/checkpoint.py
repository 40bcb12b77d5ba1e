# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``checkpoint``: save a running container by CRIU (oci/checkpoint/criu_dump.py), and end it."""

from __future__ import annotations

import fcntl
import os

from .... import json_text
from ....errors import Conflict, InvalidInput
from ...checkpoint import criu_dump
from ...spec.document import Document
from .. import teardown
from ..arguments import Command
from ..states import open_container
from . import criu_options
from .criu_options import IMAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...checkpoint.criu import Criu
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command(
    "save a running container by CRIU, and end it",
    "ID",
    1,
    1,
    (
        *criu_options.OPTIONS,
        "parent-path=",
        "leave-running",
        "pre-dump",
        "page-server=",
        "status-fd=#",
        "tcp-skip-in-flight",
        "link-remap",
    ),
)


def checkpoint(call: Call, log: Log) -> None:
    container = open_container(call.options["root"], call.arguments[0])
    status = container.status()
    if status not in ("running", "paused"):
        raise Conflict(
            f"container {container.ident} can't be checkpointed: it is {status}, not running or "
            "paused"
        )
    options = criu_options.read(call)
    image_path = call["image-path"] or IMAGES
    if call["parent-path"]:
        options["parent_img"] = _parent(os.path.abspath(image_path), call["parent-path"])
        options["track_mem"] = True
    program = criu_options.program(call)
    container.lock()
    container.read()
    images = criu_options.directory(image_path)
    work = criu_options.directory(call["work-path"]) if call["work-path"] else None
    notices = _add_transfer(call, program, options)
    options["leave_running"] = bool(call["leave-running"] or call["pre-dump"])
    criu_dump.save(
        program,
        _subject(container),
        images,
        options,
        work=work,
        pre=call["pre-dump"],
        notices=notices,
    )
    if not options["leave_running"]:
        teardown.remove(container, log)


def _subject(container: Container) -> criu_dump.Subject:
    return criu_dump.Subject(
        container.ident,
        container.pid,
        Document(container.config()),
        container.group(),
        json_text.load(container.data.get("external_descriptors") or "[]"),
    )


def _add_transfer(
    call: Call, program: Criu, options: dict[str, Any]
) -> dict[str, Callable[..., None]]:
    """Add how the pages are saved (``--page-server``, ``--pre-dump``, ``--lazy-pages``) to CRIU's
    options.

    :returns: what is called at CRIU's notices.
    :raises InvalidInput: a value is none. :raises Unsupported: the kernel can't do it.
    """
    if call["page-server"]:
        options["ps"] = _page_server(call["page-server"])
    if call["pre-dump"]:
        program.need("mem_track", "checkpoint --pre-dump")
        options["track_mem"] = True
    if call["lazy-pages"]:
        program.need("lazy_pages", "checkpoint --lazy-pages")
        if call["status-fd"]:
            return {"status-ready": _status(call["status-fd"])}
    return {}


def _parent(images: str, parent: str) -> str:
    """Return ``--parent-path``. :raises InvalidInput: it is not relative, or not there."""
    if os.path.isabs(parent):
        raise InvalidInput("--parent-path", parent, "a path relative to --image-path")
    path = os.path.join(images, parent)
    if not os.path.isdir(path if os.path.isdir(images) else os.path.normpath(path)):
        raise InvalidInput(
            "--parent-path", parent, f"a directory, relative to --image-path {images}"
        )
    return parent


def _page_server(text: str) -> dict[str, Any]:
    """Return CRIU's form of ``ADDRESS:PORT``. :raises InvalidInput: it is another form."""
    address, _colon, port = (text or "").rpartition(":")
    if not (address and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidInput("--page-server", text, "ADDRESS:PORT")
    return {"address": address.strip("[]"), "port": int(port)}


def _status(fd: int) -> Callable[..., None]:
    """Return what tells the caller, by a byte, that pages can be fetched.

    :raises InvalidInput: nothing can be written there.
    """
    try:
        writable = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR))
    except OSError:
        writable = False
    if not writable:
        raise InvalidInput("--status-fd", fd, "a descriptor that is open for writing")

    def ready(_pid: int, _descriptors: object) -> None:
        os.write(fd, b"\0")
        os.close(fd)

    return ready
