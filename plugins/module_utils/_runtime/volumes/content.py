# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a volume holds: read while its containers stand still, replaced as a whole, copied.

A new content is made beside the old one and takes its place in one step (renameat2(2)), so that
failures and kills leave the old one.
"""

from __future__ import annotations

import contextlib
import functools
import os

from .. import engine as engines
from ..errors import Conflict, HostError, Unsupported, reason
from ..kernel.calls import constants as c
from ..kernel.calls import syscalls
from ..kernel.files import project_quota
from ..store import tree_removal
from ..store.atomic_files import sync_directory
from . import catalog, driver, quota
from .populate import copy_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..engine import Engine
    from .catalog import Volume

COMING = "coming"  # beside _data: a content in the making, or the one that was replaced
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def opened(engine: Engine, volume: Volume) -> Iterator[int]:
    """Yield a descriptor of the directory that has a volume's content."""
    place = driver.place(catalog.path(engine, volume["name"]), volume["driver_options"])
    try:
        fd = os.open(place, _DIRECTORY)
    except OSError as error:
        raise HostError(
            f"volume {volume['name']}: can't read {place}: {reason(error, named=True)}"
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def held(engine: Engine, name: str, freeze: bool) -> Iterator[None]:
    """In the block, see that no container writes into a volume, and that it is not removed.

    A container that is started meanwhile waits (``catalog.attach``).

    :param freeze: have running containers stand still; else they are refused.
    :raises Conflict: a container that mounts it runs, and not ``freeze``.
    :raises NotFound: another task has removed it meanwhile.
    """
    while True:
        users = catalog.used_by(engine, name)
        with contextlib.ExitStack() as stack:
            stack.enter_context(_at_rest(engine, name, users, freeze))
            if not engine.check:
                stack.enter_context(engine.locks.hold("volume", name))
            catalog.require(engine, name)
            if set(catalog.used_by(engine, name)) <= set(users):
                yield
                return


@contextlib.contextmanager
def _at_rest(engine: Engine, name: str, users: list[str], freeze: bool) -> Iterator[None]:
    stack = contextlib.ExitStack()
    try:
        stack.enter_context(engines.at_rest(engine, users, freeze))
    except Conflict as error:
        raise Conflict(f"volume {name} is in use: {error}") from None
    with stack:
        yield


@contextlib.contextmanager
def reading(engine: Engine, name: str, freeze: bool) -> Iterator[int]:
    """In the block, read a volume's content by the descriptor that it gets; the volume stays.

    :param freeze: have the containers that mount it stand still.
    :raises NotFound: there is none.
    """
    catalog.require(engine, name)  # before its lock is waited for
    block = held(engine, name, True) if freeze else _kept(engine, name)
    with block, opened(engine, catalog.require(engine, name)) as fd:
        yield fd


@contextlib.contextmanager
def _kept(engine: Engine, name: str) -> Iterator[None]:
    with (
        contextlib.nullcontext() if engine.check else engine.locks.hold("volume", name, shared=True)
    ):
        catalog.require(engine, name)
        yield


def check_replaceable(volume: Volume) -> None:
    """Check that a volume's content is a directory of the engine's own.

    :raises Unsupported: when its driver options name another place.
    """
    if driver.is_mount(volume["driver_options"]):
        raise Unsupported(
            f"volume {volume['name']} is what its driver_options name, and only a volume without "
            "them can be given another content"
        )


def resize(engine: Engine, name: str, options: Mapping[str, str]) -> None:
    """Let a volume that is a directory of the store hold as much as ``options`` say.

    A limit changes while containers run. The first one makes a copy of the content, whose files the
    kernel counts from their start.

    :raises Conflict: it is the first one, and containers run.
    :raises HostError: it holds more than its first limit.
    """
    data = catalog.path(engine, name)
    if quota.has_had(data):
        with engine.locks.hold("volume", name, shared=True):
            volume = catalog.require(engine, name)
            quota.change(data, options)
    else:
        with held(engine, name, False):
            volume = catalog.require(engine, name)
            with opened(engine, volume) as fd:
                fill = functools.partial(copy, fd, title=f"volume {name}")
                replace(engine, name, fill, options)
    catalog.update_options(engine, name, options)


def replace(
    engine: Engine, name: str, fill: Callable[[str], None], options: Mapping[str, str] | None = None
) -> None:
    """Give a volume, which the caller holds (:func:`held`), another content.

    :param fill: makes it in the empty directory that it is called with.
    :param options: what it may hold, where that is not what the volume has.
    :raises EngineError: it can't be made; the volume is as before.
    """
    if options is None:
        options = catalog.require(engine, name)["driver_options"]
    directory: str = engine.paths.volume(name)
    coming, data = os.path.join(directory, COMING), catalog.path(engine, name)
    with engine.operations.record("fill-volume", name=name):
        forget_unfinished(engine, name)
        try:
            os.mkdir(coming, 0o755)
            quota.begin(coming, options)
            fill(coming)
            quota.check_filled(coming, options)
            syscalls.renameat2(-1, coming, -1, data, c.RENAME_EXCHANGE)
            sync_directory(directory)
        except OSError as error:
            raise HostError(
                f"volume {name}: can't replace its content: {reason(error, named=True)}"
            ) from None
        finally:
            forget_unfinished(engine, name)


def forget_unfinished(engine: Engine, name: str) -> None:
    """Remove what a killed :func:`replace` has left: the new content, or the old one."""
    coming = os.path.join(engine.paths.volume(name), COMING)
    project_quota.release(coming)
    tree_removal.remove(coming)


def copy(source: int, directory: str, title: str) -> None:
    """Copy a content, open as a directory, into an empty directory.

    Data is shared where the file system can.

    :param title: of what is copied, for sentences.
    :raises HostError: it can't be copied.
    """
    to = os.open(directory, _DIRECTORY)
    try:
        copy_directory(source, to, overlay=True)
    except OSError as error:
        raise HostError(f"{title} can't be copied: {reason(error, named=True)}") from None
    finally:
        os.close(to)
    os.sync()  # many small files: one sync of the file system costs less than one fsync(2) each
