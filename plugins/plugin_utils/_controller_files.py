# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller that go into a container, and files that come out of one.

What goes in is told first, by sizes and digests; only the files that the host asks for are sent, in one archive. What comes out is an
archive too: it is unpacked beside Ansible's own temporary files, and what differs is put into place, as on a host.
"""

from __future__ import annotations

import base64
import contextlib
import os
import stat
import tempfile

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime import errors, reconcile
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.containers.access import (
    copy_plan,
    tree_manifest,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.containers.access.packing import (
    Packer,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.containers.access.unpacking import (
    Unpacker,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._engine_action import (
        EngineAction,
    )

    Result = dict[str, Any]
    Ask = Callable[..., Result]


def _nobody(_uid: int, _gid: int) -> tuple[int, int]:
    """Ids of the controller mean nothing on a host."""
    return 0, 0


# ------------------------------------------------------------------------------- into a container


def give(action: EngineAction, arguments: dict[str, Any], src: str, ask: Ask) -> Result:
    """Carry out a copy of files of the controller into a container.

    :param ask: runs the module, with what it is told beside its options.
    """
    path = (
        action._loader.get_real_file(found)
        if os.path.isfile(found := action._find_needle("files", src))
        else found
    )
    follow = boolean(arguments.get("local_follow", True), strict=False)
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    try:
        entries = tree_manifest.of(handle, _nobody, action._task.diff)
        strange = [entry for entry in entries if entry.kind == tree_manifest.NODE]
        if strange:
            name = os.fsdecode(strange[0].path) or src
            raise AnsibleActionFail(
                f"src: {name} is a device or a pipe; of the controller, files, directories and links are copied"
            )
        told = {
            "manifest": [entry.to_json() for entry in entries],
            "name": os.path.basename(found.rstrip("/")),
            "only_content": src.endswith(("/", "/.")),
        }
        result = ask(told)
        if "needed" not in result:
            return result
        return ask(dict(told, delivered=_deliver(action, handle, entries[0].kind, result, path)))
    finally:
        os.close(handle)


def _deliver(action: EngineAction, handle: int, kind: str, asked: Result, path: str) -> str:
    """Send the files that the host asks for; returns the archive's path there."""
    called = base64.b64decode(asked["called"]) or None
    below = [base64.b64decode(name) for name in asked["needed"]]
    wanted = {b"/".join(part for part in (called, name) if part) for name in below}
    packer = Packer(_nobody, wanted.__contains__)
    descriptor, local = tempfile.mkstemp(dir=C.DEFAULT_LOCAL_TMP)
    try:
        with os.fdopen(descriptor, "wb") as archive:
            for piece in _pieces(packer, handle, kind, called, path):
                archive.write(piece)
        shell = action._connection._shell
        remote = shell.join_path(shell.tmpdir or action._make_tmp_path(), "files")
        action._transfer_file(local, remote)
        return remote
    finally:
        os.unlink(local)


def _pieces(
    packer: Packer, handle: int, kind: str, called: bytes | None, path: str
) -> Iterator[bytes]:
    if kind == tree_manifest.DIRECTORY:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
        try:
            yield from packer.directory(fd, called)
        finally:
            os.close(fd)
    elif kind == tree_manifest.FILE:
        fd = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield from packer.opened(fd, called or b"")
        finally:
            os.close(fd)
    else:
        above, name = os.path.split(path.rstrip("/"))
        fd = os.open(above or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield from packer.one(fd, os.fsencode(name), called or b"")
        finally:
            os.close(fd)


# --------------------------------------------------------------------------------- out of a container


class _Here:
    """The controller as the end of a copy: see copy_plan.End."""

    trusted = False
    where = "on the controller"

    @staticmethod
    def outer(_uid: int, _gid: int) -> tuple[int, int]:
        return os.geteuid(), os.getegid()

    @staticmethod
    def inner(uid: int, gid: int) -> tuple[int, int]:
        return (0, 0) if (uid, gid) == (os.geteuid(), os.getegid()) else (uid, gid)

    @staticmethod
    def acting() -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def take(action: EngineAction, arguments: dict[str, Any], ask: Ask) -> Result:
    """Carry out a copy of files of a container to the controller."""
    shell = action._connection._shell
    remote = shell.join_path(shell.tmpdir or action._make_tmp_path(), "files")
    told = ask({"archive_to": remote})
    if "archived" not in told:
        return told
    dest = str(arguments.get("dest", arguments.get("container_path")))
    with tempfile.TemporaryDirectory(dir=C.DEFAULT_LOCAL_TMP) as directory:
        archive, tree = os.path.join(directory, "archive"), os.path.join(directory, "tree")
        action._connection.fetch_file(remote, archive)
        os.mkdir(tree)
        fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            unpacker = Unpacker(fd, _Here.outer, False)
            unpacker.take(_read(archive), "what the host sent")
            result = _put(action, arguments, told, dest, fd)
        finally:
            os.close(fd)
    left_out = [f"{name} is a device node and was left out" for name in unpacker.left_out]
    return dict(result, warnings=left_out) if left_out else result


def _read(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while True:
            piece = file.read(1 << 20)
            if not piece:
                return
            yield piece


def _put(
    action: EngineAction, arguments: dict[str, Any], told: Result, dest: str, fd: int
) -> Result:
    """Put what was fetched into place, where it differs. :param fd: of the directory it is in."""
    follow = boolean(arguments.get("local_follow", True), strict=False)
    handle = os.open(b"top", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        entries = tree_manifest.of(handle, _nobody, action._task.diff)
        modes = {
            option: tree_manifest.mode_of(arguments[option], option)
            for option in ("mode", "directory_mode")
            if arguments.get(option) is not None
        }
        force = arguments.get("force")
        rules = copy_plan.Rules(
            (0, 0),
            force=None if force is None else boolean(force, strict=False),
            overwrite=boolean(arguments.get("overwrite", False), strict=False),
            keep_top=told["only_content"],
            **modes,
        )
        src = str(arguments.get("src", arguments.get("path")))
        with _placed(action, told, entries[0].kind, dest, follow) as place:
            found = copy_plan.differences(_Here(), place, entries, rules)
            plan = reconcile.Plan("the controller")
            copy_plan.put_into(plan, found, _Here.where)
            if found and not action._task.check_mode:
                written = {b"/".join(place.parts(one.entry)) for one in found if one.written}
                packer = Packer(_nobody, written.__contains__)
                top = f"/proc/self/fd/{fd}/top"
                pieces = _pieces(packer, handle, entries[0].kind, place.called(), top)
                copy_plan.apply(_Here(), place, found, rules, pieces, src)
        result: Result = {"changed": plan.changed, "actions": plan.actions}
        result.update(src=src, dest=dest, container_path=src, files=[one.path for one in found])
        if action._task.diff:
            result["diff"] = copy_plan.diffs(found, _Here.where)
        return result
    finally:
        os.close(handle)


@contextlib.contextmanager
def _placed(
    action: EngineAction, told: Result, kind: str, dest: str, follow: bool
) -> Iterator[copy_plan.Place]:
    """Find out where on the controller it goes to, by the rules of ``copy_plan.place``.

    :raises HostError: the host names another place than below ``dest``.
    """
    base = action._loader.get_basedir()
    path = os.path.join(base, os.path.expanduser(dest))
    name = str(told["name"])
    if name == ".." or "/" in name or "\0" in name:  # it would choose where on the controller
        raise errors.HostError(f"the host calls what it sent {name!r}, which is no file's name")
    if kind == tree_manifest.DIRECTORY:
        top = path if told["only_content"] else os.path.join(path, name)
    elif path.endswith("/") or os.path.isdir(path):
        top = os.path.join(path, name)
    else:
        top = path
    top = os.path.normpath(top)
    if follow:
        top = os.path.realpath(top)
    elif kind == tree_manifest.DIRECTORY and os.path.islink(top):
        raise errors.Conflict(
            f"{top} on the controller is a link; with local_follow, the files go to where it leads"
        )
    names: list[bytes] = []
    rest = top
    if not (kind == tree_manifest.DIRECTORY and _is_directory(top)):
        rest, last = os.path.split(rest)
        names.insert(0, os.fsencode(last))
        if not os.path.isdir(rest) and kind != tree_manifest.DIRECTORY and not path.endswith("/"):
            raise errors.NotFound(f"there is no directory {rest} on the controller")
    while not os.path.isdir(rest):
        rest, last = os.path.split(rest)
        names.insert(0, os.fsencode(last))
    fd = os.open(rest, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield copy_plan.Place(fd, names, top)
    finally:
        os.close(fd)


def _is_directory(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError:
        return False
