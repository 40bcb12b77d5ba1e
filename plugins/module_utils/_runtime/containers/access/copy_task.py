# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``container_copy`` asks for: a copy into a container or out of one.

The other end is the host, or the controller. For the controller its half of the task
(plugins/action/container_copy.py) does what only it can: it tells what its files are, sends those
that are asked for, or fetches an archive and puts it into place with ``copy_plan``.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os

from ...errors import HostError, InvalidInput, reason
from ...kernel.mounts import users
from ...layers.tar import reader, writer
from ...reconcile import Plan
from ...untrusted import files
from ..records import catalog, container_image, run_events
from . import copy, copy_plan, tree_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from ...engine import Engine
    from .packing import Wanted
    from .tree_manifest import Entry

    Pieces = Callable[["bytes | None", Wanted], Iterable[bytes]]

FILE_MODE = 0o644  # of a file that a task gives the content of
PIECE = 1 << 20


class Source:
    """What is copied.

    :ivar name: of the top; None for a content. :ivar only_content: whether a directory's content is
        copied, without itself.
    :ivar pieces: ``pieces(name in the archive, which of its files)`` returns an archive's pieces.
    """

    def __init__(
        self, entries: list[Entry], name: str | None, only_content: bool, pieces: Pieces
    ) -> None:
        self.entries, self.name, self.only_content = entries, name, only_content
        self.pieces = pieces

    @property
    def kind(self) -> str:
        return self.entries[0].kind


class Request:
    """A task's options, checked.

    :ivar is_coming: whether an earlier task of a check would make the container; there is no
        ``record`` then.
    :raises InvalidInput: naming the option.
    """

    def __init__(self, engine: Engine, params: dict[str, Any]) -> None:
        self.engine, self.params = engine, params
        self.out = bool(params.get("from_container"))
        self.content = self._content()
        self.src: str | None = params.get("src")
        self.dest: str = params["dest"]
        self.follow = bool(params.get("follow"))
        self.local_follow = params.get("local_follow") is not False
        self.remote = bool(params.get("remote_src"))
        self._check_paths()
        self.owners = self._owners()
        self.modes = [
            None if params.get(option) is None else tree_manifest.mode_of(params[option], option)
            for option in ("mode", "directory_mode")
        ]
        name = params["container"]
        self.is_coming = engine.is_foretold("new container", name) or (
            engine.is_foretold("container", name) and catalog.get(engine, name) is None
        )
        if not self.is_coming:
            self.record = catalog.find(engine, name)

    def _content(self) -> bytes | None:
        content = self.params.get("content")
        if content is None:
            return None
        if not self.params.get("content_is_b64"):
            return str(content).encode("utf-8", "surrogateescape")
        try:
            return base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput("content", "...", "Base64, with content_is_b64") from None

    def _check_paths(self) -> None:
        if not self.dest or "\0" in self.dest:
            raise InvalidInput("dest", self.dest, "a path")
        if (self.src is None) == (self.content is None):
            raise InvalidInput("src", self.src, "either src or content")
        if self.src is not None and (not self.src or "\0" in self.src):
            raise InvalidInput("src", self.src, "a path")
        if self.out:
            self._check_out()
        elif self.src is not None and self.remote and not os.path.isabs(self.src):
            raise InvalidInput("src", self.src, "an absolute path on the host")
        if self.params.get("archive") is False and not self.remote:
            raise InvalidInput(
                "archive", False, "true, unless remote_src: ids of the controller mean nothing here"
            )

    def _check_out(self) -> None:
        if self.content is not None:
            raise InvalidInput("content", "...", "nothing, with from_container")
        for option in ("owner", "owner_id", "group", "group_id"):
            if self.params.get(option) is not None:
                raise InvalidInput(
                    option, self.params[option], "nothing, with from_container: files become root's"
                )
        if self.params.get("archive") is False:
            raise InvalidInput("archive", False, "true, with from_container: files become root's")
        if self.remote and not os.path.isabs(self.dest):
            raise InvalidInput("dest", self.dest, "an absolute path on the host")

    # -- how

    def rules(self, only_content: bool) -> copy_plan.Rules:
        """Return how files are written. A name is looked up in the container's own files."""
        ids: tuple[int, int] | None = (0, 0)
        if not self.out:
            ids = None if self.params.get("archive") is False else self._owner()
        return copy_plan.Rules(
            ids,
            self.modes[0],
            self.modes[1],
            self.params.get("force"),
            bool(self.params.get("overwrite")),
            only_content,
        )

    def _owners(self) -> dict[str, tuple[str, str | None]]:
        """Return ``{owner, group: (option, its value)}``."""
        given = {}
        for name in ("owner", "group"):
            by_number = self.params.get(name + "_id")
            if by_number is not None and self.params.get(name) is not None:
                raise InvalidInput(name, self.params[name], f"either {name} or {name}_id")
            option = name if by_number is None else name + "_id"
            value = self.params.get(option)
            given[name] = (option, None if value is None else str(value))
        return given

    def _owner(self) -> tuple[int, int]:
        """Return the ids of the files: the task's, else those of the container's user."""
        definition, config = (
            self.record["definition"],
            container_image.config(self.engine, self.record["image"]),
        )
        with copy.inside(self.engine, self.record, "/", False) as (side, _path):
            option, owner = self.owners["owner"]
            user = definition.get("user") or config.get("User") or ""
            ids = _resolve(side.root, user if owner is None else owner, option, owner is None)
            option, group = self.owners["group"]
            if group is None:
                return ids
            return ids[0], _resolve(side.root, f"{ids[0]}:{group}", option)[1]

    # -- both ends

    @contextlib.contextmanager
    def source(self) -> Iterator[Source]:
        """In the block, have what is copied.

        :raises NotFound: it is not there.
        """
        texts = bool(self.params.get("diff"))
        if self.content is not None:
            entry = tree_manifest.of_content(self.content, FILE_MODE)
            yield Source([entry], None, False, self._of_content)
        elif self.params.get("manifest") is not None:
            entries = [tree_manifest.from_json(found) for found in self.params["manifest"]]
            yield Source(entries, self.params["name"], self.params["only_content"], self._delivered)
        elif self.out:
            src = self.src or ""
            with copy.inside(self.engine, self.record, src, False) as (side, rest):
                with copy.Source(side, rest, src, self.follow) as found:
                    yield _described(found, src, side, texts)
        else:
            src = self.src or ""
            with copy.host() as side, copy.Source(side, src, src, self.local_follow) as found:
                yield _described(found, src, side, texts)

    @contextlib.contextmanager
    def target(self, write: bool) -> Iterator[tuple[copy.Side, str]]:
        """In the block, have ``(side, path on it)``.

        :param write: whether something is to be made there.
        """
        if self.out:
            with copy.host() as side:
                yield side, self.dest
        else:
            dest = "/" + self.dest.lstrip("/")
            with copy.inside(self.engine, self.record, dest, write) as (side, rest):
                yield side, rest

    def _of_content(self, called: bytes | None, _wanted: Wanted) -> Iterable[bytes]:
        data = self.content or b""
        status = _Made(FILE_MODE)
        yield writer.header(called or b"", reader.REGULAR, status, size=len(data))
        yield data + b"\0" * (-len(data) % reader.BLOCK)
        yield b"\0" * (2 * reader.BLOCK)

    def _delivered(self, _called: bytes | None, _wanted: Wanted) -> Iterable[bytes]:
        try:
            with os.fdopen(files.open_regular(self.params["delivered"]), "rb") as file:
                while True:
                    piece = file.read(PIECE)
                    if not piece:
                        break
                    yield piece
        except OSError as error:
            raise HostError(
                f"what the controller sent can't be read: {reason(error, named=True)}"
            ) from None


class _Made:
    """The status of a file that is made of a task's content."""

    st_uid = st_gid = st_rdev = 0

    def __init__(self, mode: int) -> None:
        import time  # here: nothing else of a copy needs it

        self.st_mode, self.st_mtime_ns = mode, time.time_ns() // 1000000000 * 1000000000


def _described(found: copy.Source, given: str, side: copy.Side, texts: bool) -> Source:
    try:
        entries = tree_manifest.of(found.handle, side.inner, texts)
    except HostError as error:
        raise HostError(f"{given} {side.where}: {error}") from None
    only = found.is_directory and (found.only_content or given.endswith("/"))
    return Source(entries, found.name, only, found.pieces)


def _resolve(root: int, text: str, option: str, own: bool = False) -> tuple[int, int]:
    try:
        uid, gid, _groups, _home = users.resolve(root, text)
    except InvalidInput as error:
        if own:  # the container's user, of which the task says nothing
            raise HostError(
                f"the container's user {text} is not in its /etc/passwd; give owner and group"
            ) from None
        raise InvalidInput(option, text.rpartition(":")[2], error.accepted) from None
    return uid, gid


# --------------------------------------------------------------------------------------------- plan


def plan_copy(engine: Engine, params: dict[str, Any]) -> Plan | dict[str, Any]:
    """Plan a copy, or return what the controller has to do for it.

    :param params: the module's, with what the controller's half adds: ``diff``; ``manifest``,
        ``name`` and ``only_content`` of its files; ``delivered``, the archive of those that were
        asked for; ``archive_to``, the file on the host that an archive for it is to be written to.
    :returns: a plan; or ``needed``, paths of the manifest; or ``archived``.
    """
    request = Request(engine, params)
    if request.is_coming:
        return _plan_coming(request)
    if params.get("archive_to"):
        return _archive(request, params["archive_to"])
    where, found = _look(request)
    plan = Plan(f"container {request.record['name']}", lambda: _facts(request, where, found))
    copy_plan.put_into(plan, found, where)
    if found:
        plan.changes[0].apply = lambda: _carry_out(request, plan)
    written = [difference for difference in found if difference.written]
    if written and params.get("manifest") is not None and not params.get("delivered"):
        if not engine.check:
            needed = [base64.b64encode(change.entry.path).decode() for change in written]
            return {"needed": needed, "called": _called(request)}
    return plan


def _plan_coming(request: Request) -> Plan:
    """Plan for a container that an earlier task of a check would make: nothing can be compared."""
    container = f"container {request.params['container']}"
    if request.out:
        plan = Plan(container)
        plan.add(
            request.dest,
            None,
            f"{request.src} of {container}",
            f"write {request.dest}, which is {request.src} of {container}",
        )
        plan.facts = lambda: dict(_facts(request, "", []), files=[request.dest], diff=[plan.diff()])
        return plan
    dest, where = "/" + request.dest.lstrip("/"), "in " + container
    with request.source() as source:
        found = copy_plan.all_of(dest, source.name, source.entries, source.only_content)
    plan = Plan(container, lambda: _facts(request, where, found))
    copy_plan.put_into(plan, found, where)
    return plan


def _place(request: Request, source: Source, side: copy.Side, path: str) -> Any:
    follow = request.local_follow if request.out else request.follow
    return copy_plan.place(side, path, source.name, source.kind, source.only_content, follow)


def _look(request: Request) -> tuple[str, list[copy_plan.Difference]]:
    with request.source() as source, request.target(False) as (side, path):
        with _place(request, source, side, path) as place:
            rules = request.rules(source.only_content)
            return side.where, copy_plan.differences(side, place, source.entries, rules)


def _called(request: Request) -> str:
    """Return the name that the top has to have in the controller's archive, in Base64."""
    with request.source() as source, request.target(False) as (side, path):
        with _place(request, source, side, path) as place:
            return base64.b64encode(place.called() or b"").decode()


def _carry_out(request: Request, plan: Plan) -> None:
    """Look again, under the container's lock, and write what differs."""
    with catalog.held(request.engine, request.record["id"]) as record:
        request.record = record
        with request.source() as source, request.target(True) as (side, path):
            with _place(request, source, side, path) as place:
                rules = request.rules(source.only_content)
                found = copy_plan.differences(side, place, source.entries, rules)
                called = place.called()
                written = {
                    b"/".join(place.parts(change.entry)) for change in found if change.written
                }
                pieces = source.pieces(called, written.__contains__)
                left_out = copy_plan.apply(
                    side, place, found, rules, pieces, request.src or "the content"
                )
    run_events.tell_of(
        request.engine.paths, request.record["id"], copy.OUT_OF if request.out else copy.INTO
    )
    for name in left_out:
        plan.warnings.append(f"{name} is a device node and was left out")


def _facts(request: Request, where: str, found: list[copy_plan.Difference]) -> dict[str, Any]:
    paths = {"src": request.src, "dest": request.dest}
    paths["container_path"] = paths["src" if request.out else "dest"]
    return {
        **paths,
        "files": [difference.path for difference in found],
        "diff": copy_plan.diffs(found, where),
    }


def _archive(request: Request, path: str) -> dict[str, Any]:
    """Write an archive for the controller: what is copied, under the name ``top``."""
    with request.source() as source:
        fd = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(fd, "wb") as file:
            for piece in source.pieces(b"top", lambda _path: True):
                file.write(piece)
            # Whoever connects to the host fetches it; its directory is closed to others.
            os.fchmod(file.fileno(), 0o644)
        return {
            "archived": path,
            "name": source.name,
            "only_content": source.only_content,
            "kind": source.kind,
        }
