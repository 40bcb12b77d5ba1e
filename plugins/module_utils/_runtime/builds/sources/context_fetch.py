# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locate a build's context: a directory, a Git repository, an archive at a web address or at
standard input, or none.

What is fetched goes into a directory of the store's ``tmp``. It is removed when the build ends, or,
if that is killed, by the next sweep.
"""

from __future__ import annotations

import os
import tempfile

from ...errors import InvalidInput
from ...images.library import layer_store
from ...store import tree_removal
from ...untrusted import files
from ...untrusted.text import without_userinfo
from ..parse import lines
from ..parse.expansion import Trouble
from ..trees import add_archives
from . import add_url, git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from ...engine import Engine
    from ..parse.build_request import BuildRequest


class Located:
    """Where a context is.

    :ivar path: its directory, or None.
    :ivar data: the Containerfile's bytes where there is nothing else.
    :ivar temporary: directories that :meth:`close` removes.
    """

    path: str | None
    data: bytes | None
    temporary: list[str]

    def __init__(self) -> None:
        self.path, self.data, self.temporary = None, None, []

    def close(self) -> None:
        while self.temporary:
            tree_removal.remove(self.temporary.pop())


def is_remote(text: str) -> bool:
    """Tell whether a context's name is an address rather than a directory."""
    return git.is_git(text) or add_url.is_remote(text)


def locate(
    engine: Engine,
    text: str,
    request: BuildRequest,
    stdin: BinaryIO | None = None,
    option: str = "path",
) -> Located:
    """Locate a context, and fetch it where needed.

    :param text: a directory, an address, or ``-``.
    :param stdin: the open file for ``-``.
    :raises InvalidInput: naming ``option``.
    """
    found = Located()
    try:
        if text == "-" and stdin is not None:
            _take(found, engine, lambda path: _copied(stdin, path), "standard input")
        elif git.is_git(text):
            wanted, keep = (
                git.Repository(text),
                request.build_args.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "").lower()
                in ("1", "true"),
            )
            found.path = git.Git(request.secrets, request.ssh.get("default")).check_out(
                wanted, directory(engine, found), keep
            )[1]
        elif add_url.is_remote(text):
            _take(
                found,
                engine,
                lambda path: add_url.fetch(text, path, add_url.headers_of(text, request.secrets)),
                without_userinfo(text),
            )
        elif os.path.isdir(text):
            found.path = os.path.abspath(text)
        else:
            raise InvalidInput(
                option,
                text,
                "an existing directory, a Git repository's address, or http:// or https:// and an "
                "archive",
            )
        return found
    except Trouble as error:
        found.close()
        raise InvalidInput(option, text, f"a context that can be fetched ({error})") from None
    except BaseException:
        found.close()
        raise


def directory(engine: Engine, found: Located) -> str:
    """Create an empty directory for fetched files."""
    if os.path.isdir(engine.paths.tmp) and not engine.check:
        path = layer_store.temporary(engine, "layer")
        os.mkdir(path, 0o700)
    else:  # in check mode the store may not be there
        path = tempfile.mkdtemp(prefix="pycontainer-")
    found.temporary.append(path)
    return path


def _take(found: Located, engine: Engine, fetch: Callable[[str], object], what: str) -> None:
    """Take what ``fetch(path)`` writes into a file: an archive becomes the context, anything else a
    Containerfile without one.
    """
    path = os.path.join(directory(engine, found), "file")
    fetch(path)
    if not add_archives.is_archive(lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC)):
        try:
            found.data = files.read(path, lines.MAX_SIZE)
        except files.Unacceptable:
            raise Trouble(
                f"{what} is no archive, and a Containerfile has at most {lines.MAX_SIZE} bytes"
            ) from None
        return
    found.path = directory(engine, found)
    top = os.open(found.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        add_archives.extract(top, lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC), what)
    finally:
        os.close(top)
    os.unlink(path)


def _copied(stdin: BinaryIO, path: str) -> None:
    with open(path, "xb") as file:
        while True:
            piece = stdin.read(1 << 18)
            if not piece:
                return
            file.write(piece)
