# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``checkpoint`` and ``restore``, by CRIU (oci/checkpoint/save.py, oci/checkpoint/restore.py), with runc's options."""

from __future__ import annotations

import fcntl
import os

from .... import json_text
from ....errors import Conflict, InvalidInput, NotFound
from ...checkpoint import criu, save
from ...checkpoint import restore as restoring
from ...spec.document import Document
from .. import bundle_launch as making
from ..bundle_launch import Create
from ..states import Container, open_container
from . import ending

EMPTY = ("network",)
IMAGES = "checkpoint"  # below the working directory, where --image-path is not given
_FLAGS = {
    "leave-running": "leave_running",
    "tcp-established": "tcp_established",
    "tcp-skip-in-flight": "tcp_skip_in_flight",
    "link-remap": "link_remap",
    "ext-unix-sk": "ext_unix_sk",
    "shell-job": "shell_job",
    "file-locks": "file_locks",
    "auto-dedup": "auto_dedup",
    "lazy-pages": "lazy_pages",
}


def checkpoint(call, log):
    container = open_container(call.options["root"], call.arguments[0])
    status = container.status()
    if status not in ("running", "paused"):
        raise Conflict(
            f"container {container.ident} can't be checkpointed: it is {status}, not running or "
            "paused"
        )
    options = _options(call)
    if call["parent-path"]:
        options.update(
            parent_img=_parent(os.path.abspath(call["image-path"] or IMAGES), call["parent-path"]),
            track_mem=True,
        )
    program = _program(call)
    container.lock()
    container.read()
    images, work = (
        _directory(call["image-path"] or IMAGES),
        call["work-path"] and _directory(call["work-path"]),
    )
    if call["page-server"]:
        options["ps"] = _page_server(call["page-server"])
    notices = {}
    if call["pre-dump"]:
        program.need("mem_track", "checkpoint --pre-dump")
        options["track_mem"] = True
    if call["lazy-pages"]:
        program.need("lazy_pages", "checkpoint --lazy-pages")
        if call["status-fd"]:
            notices["status-ready"] = _status(call["status-fd"])
    subject = save.Subject(
        container.ident,
        container.pid,
        Document(container.config()),
        container.group(),
        json_text.load(container.data.get("external_descriptors") or "[]"),
    )
    options["leave_running"] = bool(call["leave-running"] or call["pre-dump"])
    save.save(program, subject, images, options, work=work, pre=call["pre-dump"], notices=notices)
    if not options["leave_running"]:
        ending.remove(container, log)


def restore(call, log):
    from .. import foreground

    ident, options = call.arguments[0], _options(call)
    container = Container(call.options["root"], ident)
    if os.path.exists(container.path):
        raise Conflict(
            f"container {ident}: a container with given ID already exists in {container.root}"
        )
    images = os.path.abspath(call["image-path"] or IMAGES)
    if not os.path.isfile(os.path.join(images, "inventory.img")):
        raise InvalidInput("--image-path", images, "a directory that checkpoint has written")
    program = _program(call)
    work, detached = call["work-path"] and _directory(call["work-path"]), call["detach"]
    options.update(lsm_profile=call["lsm-profile"], lsm_mount_context=call["lsm-mount-context"])
    given = dict(call.given, **{"config": None, "no-new-keyring": True, "preserve-fds": 0})
    bundle, text, config = making.read_bundle(given)
    making.check_terminal(config["process"], given, detached)
    if not detached:
        foreground.prepare(subreaper=not call["no-subreaper"])
    made = Restore(container, bundle, config, given, call.options["systemd-cgroup"])
    made.images, made.work, made.engine, made.wanted, made.cgroups_mode = (
        images,
        work,
        program,
        options,
        call["manage-cgroups-mode"] or "",
    )
    _make(made, bundle, text, given)
    for sentence in made.warnings:
        log.warning(sentence)
    if detached:
        return 0
    container.unlock()
    code = foreground.attend(made.pid, made.pidfd, made.terminal)
    try:
        container.lock()
        ending.remove(container, log)
    except NotFound:  # somebody has deleted it
        pass
    return code


def _make(made, bundle, text, given):
    making.enter(made.container, made.rootfs, bundle, made.document.config)
    try:
        made.container.keep_config(text)
        made.run()
        try:
            making.finish(made, given)
        except BaseException:
            made.undo()
            raise
    except BaseException:
        made.container.remove()
        raise


class Restore(restoring.Restoring, Create):
    """The restore of one container from its document; see Create."""

    def __init__(self, container, bundle, config, options, systemd):
        super().__init__(container, bundle, config, options, wait=False, systemd=systemd)


def _program(call):
    """CRIU, which works here. :raises Unsupported:"""
    program = criu.Criu(call.options["criu"])
    program.check()
    return program


def _options(call):
    """What CRIU is told of the options that both commands have. :raises InvalidInput:"""
    mode = call["manage-cgroups-mode"] or ""
    if mode not in criu.MODES:
        raise InvalidInput("--manage-cgroups-mode", mode, ", ".join(filter(None, criu.MODES)))
    for kind in call[
        "empty-ns"
    ]:  # that one is always empty: its links are those of whoever makes them, not the runtime's
        if kind not in EMPTY:
            raise InvalidInput("--empty-ns", kind, ", ".join(EMPTY))
    found = {option: True for name, option in _FLAGS.items() if call.given.get(name)}
    found["manage_cgroups_mode"] = criu.MODES[mode]
    return found


def _directory(path):
    try:
        os.makedirs(path, 0o700, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            "--image-path, --work-path",
            path,
            f"a directory that can be made ({os.strerror(error.errno).lower()})",
        ) from None
    return os.path.abspath(path)


def _parent(images, parent):
    """:raises InvalidInput: it is not relative, or not there."""
    if os.path.isabs(parent):
        raise InvalidInput("--parent-path", parent, "a path relative to --image-path")
    if not os.path.isdir(
        os.path.join(images, parent)
        if os.path.isdir(images)
        else os.path.normpath(os.path.join(images, parent))
    ):
        raise InvalidInput(
            "--parent-path", parent, f"a directory, relative to --image-path {images}"
        )
    return parent


def _page_server(text):
    """:raises InvalidInput: not ``address:port``."""
    address, dummy, port = (text or "").rpartition(":")
    if not (address and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise InvalidInput("--page-server", text, "ADDRESS:PORT")
    return {"address": address.strip("[]"), "port": int(port)}


def _status(fd):
    """What tells the caller, by a byte, that pages can be fetched. :raises InvalidInput: nothing can be written there."""
    try:
        writable = fcntl.fcntl(fd, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
    except OSError:
        writable = False
    if not writable:
        raise InvalidInput("--status-fd", fd, "a descriptor that is open for writing")

    def ready(_pid, _descriptors):
        os.write(fd, b"\0")
        os.close(fd)

    return ready
