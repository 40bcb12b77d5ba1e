# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY and ADD: what their arguments mean, what goes into the cache's key, and how it is carried out."""

from __future__ import annotations

import os
import stat

from ...layers.compression import compressed_streams
from ...untrusted.text import without_userinfo
from ..parse import chmod, dockerignore, expansion, lines
from ..parse.expansion import Trouble
from ..trees import add_archives, source_tree
from ..trees.placer import Placer, joined
from . import chown

MAX_LINKS = 40


class Copy:
    """One COPY or ADD, its variables expanded.

    :ivar sources: words as written, without heredocs. :ivar texts: ``[(name, bytes)]`` of the heredocs. :ivar dest: absolute, with a
        slash at its end where it has to be a directory. :ivar origin: of ``--from``, or "". :ivar chown, chmod: as written, or "".
    """

    def __init__(self, instruction, state, lexer):
        values = state.values()
        flags = instruction.flags
        given = [
            lexer.word(word, values) if lines.heredoc_of(word) is None else word
            for word in instruction.args
        ]
        self.add = instruction.name == "ADD"
        self.origin = flags.get("from", "")
        self.chown, self.chmod = (
            lexer.word(flags.get(name, ""), values) for name in ("chown", "chmod")
        )
        self.link, self.parents = flags.get("link", False), flags.get("parents", False)
        self.unpack, self.keep_git = flags.get("unpack"), flags.get("keep-git-dir")
        self.checksum = lexer.word(flags.get("checksum", ""), values)
        self.excludes = list(flags.get("exclude", ()))
        self.exclude = dockerignore.Ignore(self.excludes, rooted=False) if self.excludes else None
        self.mode = chmod.parse(self.chmod) if self.chmod else None
        dest = given.pop()
        heredocs = list(instruction.heredocs)
        self.sources, self.texts = [], []
        for word in given:
            if heredocs and lines.heredoc_of(word) is not None:
                heredoc = heredocs.pop(0)
                if "/" in heredoc.name or heredoc.name in (".", ".."):
                    raise Trouble(
                        f"{instruction.name}: the here-document {heredoc.name} has no name that a "
                        "file can have"
                    )
                text = heredoc.text
                if heredoc.expand:
                    text = expansion.Lexer(quotes=False).word(text, values)
                self.texts.append((heredoc.name, text.encode("utf-8", "surrogateescape")))
            else:
                self.sources.append(word)
        into = dest.endswith(("/", "/.", "/..")) or dest in ("", ".", "..")
        self.dest = state.workdir(dest).rstrip("/") + ("/" if into else "")
        self.dest = self.dest or "/"
        if len(self.sources) + len(self.texts) > 1 and not self.dest.endswith("/"):
            raise Trouble(
                f"{instruction.name}: with more than one source the destination must be a "
                "directory and end with a /"
            )
        if self.checksum and len(self.sources) != 1:
            raise Trouble("ADD: --checksum is for one source")
        self.history = self._history(instruction, dest)

    def _history(self, instruction, dest):
        flags = [" --parents"] if self.parents else []
        flags += [
            f" --{name}={value}"
            for name, value in (("chown", self.chown), ("chmod", self.chmod))
            if value
        ]
        return (
            instruction.name
            + "".join(flags)
            + "".join(" " + without_userinfo(word) for word in self.sources)
            + "".join(" <<" + name for name, _data in self.texts)
            + f" {dest} # buildkit"
        )

    def key(self):
        """What of the instruction itself goes into the cache's key."""
        return [
            self.dest,
            self.chown,
            self.chmod,
            self.link,
            self.parents,
            self.excludes,
            self.unpack,
            [[name, data.hex()] for name, data in self.texts],
        ]

    def owner(self, root):
        """``(uid, gid)`` of ``--chown`` by the image's own files, or None. :raises InvalidInput:"""
        return chown.owner_of(root, self.chown, "--chown")

    # -------------------------------------------------------------------------------------------------------- carrying out

    def place(self, root, chosen, fetched, names_root=None):
        """Make the files inside ``root`` (descriptor).

        :param chosen: ``[(sources.Tree, Chosen)]``. :param fetched: ``[remote.Fetched]``.
        :param names_root: descriptor of the root whose users ``--chown`` names, where it is another.
        """
        placer = Placer(
            root,
            self.owner(names_root if names_root is not None else root),
            self.mode,
            not self.link,
        )
        dest = dockerignore.clean(self.dest)
        if self.dest.endswith("/"):
            os.close(placer.directory(dest))
        several = len(chosen) > 1 and not self.dest.endswith("/") and not placer.is_directory(dest)
        if several and not all(each.is_directory for _tree, each in chosen):
            raise Trouble(
                f"the pattern matches {len(chosen)} files: the destination {self.dest} must be a "
                "directory and end with a /"
            )
        for tree, each in chosen:
            self._one(placer, tree, each, dest)
        for name, data in self.texts:
            self._data(placer, dest, name, [data], 0o644, None)
        for each in fetched:
            self._fetched(placer, dest, each)

    def _one(self, placer, tree, chosen, dest):
        if chosen.is_directory:
            placer.tree(tree, chosen, dest, self.exclude)
            return
        if self.exclude and self.exclude.ignores(chosen.name):
            return
        parent_path, dummy, name = chosen.path.rpartition("/")
        source = tree.open_directory(parent_path)
        try:
            entry = source_tree.Entry(chosen.path, source, name, chosen.status)
            if (
                self.add
                and self.unpack is not False
                and stat.S_ISREG(chosen.status.st_mode)
                and add_archives.is_archive(entry.open)
            ):
                self._extract(placer, dest, entry.open, chosen.name)
                return
            fd, last = self._target(placer, dest, chosen.name)
            try:
                placer.file(tree, entry, fd, last)
            finally:
                os.close(fd)
        finally:
            os.close(source)

    def _target(self, placer, dest, source):
        """``(descriptor of the directory, name)`` for a file: ``source`` in the directory ``dest``, else ``dest``, where what a link names is
        meant."""
        if self.dest.endswith("/") or placer.is_directory(dest):
            return placer.directory(dest), source
        return self._exact(placer, dest, 0)

    def _exact(self, placer, dest, links):
        parent, dummy, name = dest.rpartition("/")
        if not name:
            raise Trouble("the destination / is a directory")
        fd = placer.directory(parent)
        try:
            target = os.readlink(name, dir_fd=fd)
        except OSError:
            return fd, name
        if not placer.follow:
            return fd, name
        os.close(fd)
        if links > MAX_LINKS:
            raise Trouble(f"/{dest}: too many symbolic links")
        return self._exact(placer, joined(parent, target), links + 1)

    def _data(self, placer, dest, name, chunks, mode, mtime):
        fd, last = self._target(placer, dest, name)
        try:
            placer.data(chunks, fd, last, mode, mtime)
        finally:
            os.close(fd)

    def _fetched(self, placer, dest, fetched):
        if self.unpack and add_archives.is_archive(fetched.open):
            self._extract(placer, dest, fetched.open, fetched.name)
            return
        if not fetched.name and (self.dest.endswith("/") or placer.is_directory(dest)):
            raise Trouble(
                f"ADD {fetched.url}: the address ends without a file's name, so the destination "
                "can't be a directory"
            )
        with os.fdopen(fetched.open(), "rb") as file:
            self._data(
                placer, dest, fetched.name, compressed_streams.pieces(file), 0o600, fetched.mtime
            )

    def _extract(self, placer, dest, opener, name):
        """Unpack an archive into the directory ``dest``, with its own owners and modes; its links stay inside of that."""
        top = placer.directory(dest)
        try:
            add_archives.extract(top, opener, name)
        finally:
            os.close(top)
