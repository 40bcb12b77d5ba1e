# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories that a build copies from: its context and the named ones, opened when they are first needed."""

from __future__ import annotations

import hashlib
import os

from ...errors import InvalidInput
from ...kernel.mounts import rootfs
from ...untrusted import files
from ..parse import dockerignore, expansion
from ..trees import source_tree, stat_cache
from . import context_fetch

IMAGE = "docker-image://"
LARGEST = 1 << 20  # bytes of an ignore file
IGNORE_FILES = (".containerignore", ".dockerignore")


class Contexts:
    """:param path: the context's directory, or None. :param file: path of the Containerfile, whose ``.dockerignore`` comes first, or None.
    :param named: ``{name: directory, address or docker-image://reference}``. :param located: the fetching.Located of ``path`` where it was fetched.
    :param request: a request.Request, for what has to be fetched.
    """

    def __init__(self, engine, path, file=None, named=None, located=None, request=None):
        self.engine, self.path, self.file, self.request = engine, path, file, request
        self.located = [located] if located is not None else []
        self.fetched = {path} if located is not None and located.temporary else set()
        self.directories = {
            name: text for name, text in (named or {}).items() if not text.startswith(IMAGE)
        }
        self.images = {
            name: text[len(IMAGE) :]
            for name, text in (named or {}).items()
            if text.startswith(IMAGE)
        }
        self._open = {}

    def tree(self):
        """The context's sources.Tree. :raises InvalidInput: when there is none."""
        if self.path is None:
            raise InvalidInput(
                "path", None, "a directory: this Containerfile copies from the context"
            )
        return self._tree("", self.path, "path", "the context")

    def ignored(self):
        """The patterns.Ignore of the context, or None."""
        return self.tree().ignore if self.path is not None else None

    def named(self, name):
        """The Tree of a named context, or None."""
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

    def stands_for(self, text):
        """The name of the context that stands for the image ``text`` of a FROM, or None."""
        names = [text] + ([text[: -len(":latest")]] if text.endswith(":latest") else [])
        return next((name for name in names if name in self.directories), None)

    def image(self, text):
        """What stands for the image ``text``: itself, or the image that is given for it."""
        return self.images.get(
            text,
            self.images.get(text[: -len(":latest")], text) if text.endswith(":latest") else text,
        )

    def _tree(self, key, path, option, what):
        if key not in self._open:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise InvalidInput(
                    option, path, f"an existing directory ({error.strerror})"
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
                fd, what, self._ignore(fd, key), keeps_owners=False, cache=cache
            )
        return self._open[key]

    def _ignore(self, fd, key):
        if self.request is not None and self.request.ignore_file and not key:
            return _patterns(_read(self.request.ignore_file), self.request.ignore_file)
        candidates = (
            [self.file + ".dockerignore", self.file + ".containerignore"]
            if self.file and not key
            else []
        )
        for name in candidates + list(IGNORE_FILES):
            if name.startswith("../"):  # beside a Containerfile that the user has elsewhere
                path = "/proc/self/fd/%d/%s" % (fd, name)
                if os.path.lexists(path):
                    return _patterns(_read(path, name), name)
                continue
            try:
                found = rootfs.open_in_root(
                    fd, name, os.O_PATH
                )  # a link of the context leads nowhere else
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise InvalidInput(
                    name, None, f"a file in the context ({error.strerror})"
                ) from None
            try:
                return _patterns(_read("/proc/self/fd/%d" % found, name), name)
            finally:
                os.close(found)
        return None

    def save(self):
        for tree in self._open.values():
            if tree.cache is not None:
                tree.cache.save()

    def close(self):
        for tree in self._open.values():
            tree.close()
        self._open = {}
        for each in self.located:
            each.close()


def _read(path, name=None):
    try:
        return files.read(path, LARGEST, links=True)
    except files.Unacceptable as error:
        raise InvalidInput(
            name or path, None, "a regular file of at most %d bytes (%s)" % (LARGEST, error)
        ) from None


def _patterns(data, name):
    """The patterns.Ignore of an ignore file's bytes, or None where it has no patterns."""
    try:
        return dockerignore.Ignore(dockerignore.read_ignore(data)) or None
    except expansion.Trouble as error:
        raise InvalidInput(name, None, f"patterns of file names ({error})") from None
