# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories that a build copies from: its context and the named ones, opened when they are first needed."""

from __future__ import annotations

import hashlib
import os

from ..errors import InvalidInput
from . import patterns, sources, words

IMAGE = "docker-image://"
IGNORE_FILES = (".containerignore", ".dockerignore")


class Contexts:
    """:param path: the context's directory, or None. :param file: path of the Containerfile, whose ``.dockerignore`` comes first, or None.
    :param named: ``{name: directory or docker-image://reference}``.
    """

    def __init__(self, engine, path, file=None, named=None):
        self.engine, self.path, self.file = engine, path, file
        self.directories = {name: text for name, text in (named or {}).items() if not text.startswith(IMAGE)}
        self.images = {name: text[len(IMAGE):] for name, text in (named or {}).items() if text.startswith(IMAGE)}
        self._open = {}

    def tree(self):
        """The context's sources.Tree. :raises InvalidInput: when there is none."""
        if self.path is None:
            raise InvalidInput("path", None, "a directory: this Containerfile copies from the context")
        return self._tree("", self.path, "path", "the context")

    def named(self, name):
        """The Tree of a named context, or None."""
        if name not in self.directories:
            return None
        return self._tree(name, self.directories[name], "contexts", "the context %s" % name)

    def _tree(self, key, path, option, what):
        if key not in self._open:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError as error:
                raise InvalidInput(option, path, "an existing directory (%s)" % error.strerror) from None
            real = os.path.realpath(path)
            place = os.path.join(self.engine.paths.data, "build", "stat", hashlib.sha256(os.fsencode(real)).hexdigest()[:32])
            cache = sources.StatCache(place, not self.engine.check)
            self._open[key] = sources.Tree(fd, what, self._ignore(fd, key), keeps_owners=False, cache=cache)
        return self._open[key]

    def _ignore(self, fd, key):
        candidates = [self.file + ".dockerignore", self.file + ".containerignore"] if self.file and not key else []
        for name in candidates + list(IGNORE_FILES):
            try:
                file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=fd)
            except FileNotFoundError:
                continue
            with os.fdopen(file, "rb") as opened:
                try:
                    return patterns.Ignore(patterns.read_ignore(opened.read())) or None
                except words.Trouble as error:
                    raise InvalidInput(name, None, "patterns of file names (%s)" % error) from None
        return None

    def save(self):
        for tree in self._open.values():
            tree.cache.save()

    def close(self):
        for tree in self._open.values():
            tree.close()
        self._open = {}
