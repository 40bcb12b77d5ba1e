# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the directories that a build copies from, its context and the named ones, at their first
use.
"""

from __future__ import annotations

import hashlib
import os

from ...errors import InvalidInput, reason
from ...kernel.mounts import rootfs
from ...untrusted import files
from ..parse import dockerignore, expansion
from ..trees import source_tree, stat_cache
from . import context_fetch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...engine import Engine
    from ..parse.build_request import BuildRequest
    from ..parse.dockerignore import Ignore
    from ..trees.source_tree import Tree
    from .context_fetch import Located


IMAGE = "docker-image://"
LARGEST = 1 << 20  # bytes of an ignore file
IGNORE_FILES = (".containerignore", ".dockerignore")


class Contexts:
    """The context and the named ones of one build.

    :param path: the context's directory, or None.
    :param file: path of the Containerfile in it, whose ``.dockerignore`` comes first, or None.
    :param named: ``{name: directory, address or docker-image://reference}``.
    :param located: where ``path`` was fetched to.
    :param request: for what has to be fetched, and its own ignore file.
    :ivar located: what was fetched, and goes with :meth:`close`.
    :ivar directories: the named ones by their paths or addresses.
    :ivar images: the images that stand for others.
    """

    located: list[Located]
    fetched: set[str]
    directories: dict[str, str]
    images: dict[str, str]
    _open: dict[str, Tree]

    def __init__(
        self,
        engine: Engine,
        request: BuildRequest,
        path: str | None,
        file: str | None,
        named: Mapping[str, str] | None,
        located: Located | None,
    ) -> None:
        self.engine, self.path, self.file, self.request = engine, path, file, request
        self.located = [located] if located is not None else []
        self.fetched = {path} if path and located is not None and located.temporary else set()
        self.directories = {
            name: text for name, text in (named or {}).items() if not text.startswith(IMAGE)
        }
        self.images = {
            name: text[len(IMAGE) :]
            for name, text in (named or {}).items()
            if text.startswith(IMAGE)
        }
        self._open = {}

    def tree(self) -> Tree:
        """Return the context's tree. :raises InvalidInput: when there is none."""
        if self.path is None:
            raise InvalidInput(
                "path", None, "a directory: this Containerfile copies from the context"
            )
        return self._tree("", self.path, "path", "the context")

    def ignored(self) -> Ignore | None:
        """Return what the context's ignore file leaves out, or None."""
        return self.tree().ignore if self.path is not None else None

    def named(self, name: str) -> Tree | None:
        """Return the tree of a named context, fetched if need be; None where there is none of that
        name.
        """
        if name not in self.directories:
            return None
        path = self.directories[name]
        if context_fetch.is_remote(path):
            found = context_fetch.locate(self.engine, path, self.request, option="contexts")
            self.located.append(found)
            if found.path is None:
                raise InvalidInput(
                    "contexts", path, "the address of an archive or a Git repository"
                )
            path = self.directories[name] = found.path
            self.fetched.add(path)
        return self._tree(name, path, "contexts", f"the context {name}")

    def stands_for(self, text: str) -> str | None:
        """Return the name of the context that stands for the image ``text`` of a FROM, or None."""
        names = [text] + ([text[: -len(":latest")]] if text.endswith(":latest") else [])
        return next((name for name in names if name in self.directories), None)

    def image(self, text: str) -> str:
        """Return the replacement of the image ``text``, or ``text`` itself."""
        return self.images.get(
            text,
            self.images.get(text[: -len(":latest")], text) if text.endswith(":latest") else text,
        )

    def _tree(self, key: str, path: str, option: str, what: str) -> Tree:
        if key not in self._open:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise InvalidInput(
                    option, path, f"an existing directory ({reason(error, named=True)})"
                ) from None
            real = os.path.realpath(path)
            place = os.path.join(
                self.engine.paths.data,
                "build",
                "stat",
                hashlib.sha256(os.fsencode(real)).hexdigest()[:32],
            )
            cache = (
                stat_cache.StatCache(place, not self.engine.check)
                if path not in self.fetched
                else None
            )
            self._open[key] = source_tree.Tree(
                fd,
                what,
                self._ignore(fd, key, "" if path in self.fetched else path),
                keeps_owners=False,
                cache=cache,
            )
        return self._open[key]

    def _ignore(self, fd: int, key: str, top: str) -> Ignore | None:
        """Read the ignore file of the context ``key``, whose directory is ``fd``, and in errors ``top``."""
        if self.request.ignore_file and not key:
            return _read_ignore("ignorefile", self.request.ignore_file)
        candidates = (
            [self.file + ".dockerignore", self.file + ".containerignore"]
            if self.file and not key
            else []
        )
        for name in candidates + list(IGNORE_FILES):
            shown = os.path.normpath(os.path.join(top, name))
            if name.startswith("../"):  # beside a Containerfile that the user has elsewhere
                path = f"/proc/self/fd/{fd}/{name}"
                if os.path.lexists(path):
                    return _read_ignore("ignore file", shown, path)
                continue
            try:
                found = rootfs.open_in_root(
                    fd, name, os.O_PATH
                )  # a link of the context leads nowhere else
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise InvalidInput(
                    "ignore file", shown, f"a file in the context ({reason(error, named=True)})"
                ) from None
            try:
                return _read_ignore("ignore file", shown, f"/proc/self/fd/{found}")
            finally:
                os.close(found)
        return None

    def new_directory(self) -> str:
        """Create an empty directory for fetched files; :meth:`close` removes it.

        A build that follows a dry run reuses what that has fetched.
        """
        found = context_fetch.Located()
        self.located.append(found)
        return context_fetch.directory(self.engine, found)

    def save(self) -> None:
        """Write the digests of the contexts' files."""
        for tree in self._open.values():
            if tree.cache is not None:
                tree.cache.save()

    def close(self) -> None:
        for tree in self._open.values():
            tree.close()
        self._open = {}
        for each in self.located:
            each.close()


def _read_ignore(option: str, shown: str, path: str | None = None) -> Ignore | None:
    """Read an ignore file; None where it has no patterns.

    :param shown: its path for errors. :param path: where to open it, if that is elsewhere.
    """
    try:
        data = files.read(path or shown, LARGEST, links=True, title="it")
    except files.Unacceptable as error:
        raise InvalidInput(
            option, shown, f"a regular file of at most {LARGEST} bytes ({error})"
        ) from None
    try:
        return dockerignore.Ignore(dockerignore.read_ignore(data)) or None
    except expansion.Trouble as error:
        raise InvalidInput(option, shown, f"patterns of file names ({error})") from None
