# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY and ADD: parse their arguments, derive the cache's key, and write their files."""

from __future__ import annotations

import os
import stat

from ...layers.compression import compressed_streams
from ...untrusted.text import without_userinfo
from ..parse import chmod, dockerignore, expansion, lines
from ..parse.expansion import Trouble
from ..trees import add_archives, source_tree
from ..trees.placer import Placer, joined
from . import image_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from ..parse.expansion import Lexer
    from ..parse.instructions import Instruction
    from ..sources.add_url import Fetched
    from ..stage.stage_state import State
    from ..trees.placer import Owner
    from ..trees.source_tree import Chosen, Tree


MAX_LINKS = 40


class Copy:
    """One COPY or ADD, its variables expanded.

    :ivar add: whether it is ADD.
    :ivar sources: words as written, without heredocs.
    :ivar texts: names and contents of the heredocs.
    :ivar dest: absolute, with a slash at its end where it has to be a directory.
    :ivar origin: of ``--from``, or "".
    :ivar chown, chmod, checksum: as written, or "".
    :ivar unpack, keep_git: of the flags, or None.
    :ivar history: its line of the image's history.
    """

    def __init__(self, instruction: Instruction, state: State, lexer: Lexer) -> None:
        """:raises Trouble: for a value that is not accepted."""
        values, flags = state.values(), instruction.flags
        *given, dest = [
            lexer.word(word, values) if lines.heredoc_of(word) is None else word
            for word in instruction.args
        ]
        self.add = instruction.name == "ADD"
        self.origin: str = flags.get("from", "")
        self.chown = lexer.word(flags.get("chown", ""), values)
        self.chmod = lexer.word(flags.get("chmod", ""), values)
        self.link: bool = flags.get("link", False)
        self.parents: bool = flags.get("parents", False)
        self.unpack: bool | None = flags.get("unpack")
        self.keep_git: bool | None = flags.get("keep-git-dir")
        self.checksum = lexer.word(flags.get("checksum", ""), values)
        self.excludes = list(flags.get("exclude", ()))
        self.exclude = dockerignore.Ignore(self.excludes, rooted=False) if self.excludes else None
        self.mode = chmod.parse(self.chmod) if self.chmod else None
        self.sources: list[str] = []
        self.texts: list[tuple[str, bytes]] = []
        self._take(given, instruction, values)
        into = dest.endswith(("/", "/.", "/..")) or dest in ("", ".", "..")
        self.dest = state.workdir(dest).rstrip("/") + ("/" if into else "") or "/"
        if len(self.sources) + len(self.texts) > 1 and not self.dest.endswith("/"):
            raise Trouble(
                f"{instruction.name}: with more than one source the destination must be a "
                "directory and end with a /"
            )
        if self.checksum and len(self.sources) != 1:
            raise Trouble("ADD: --checksum is for one source")
        self.history = self._history(instruction, dest)

    def _take(self, given: list[str], instruction: Instruction, values: Mapping[str, str]) -> None:
        """Sort the words into sources and heredocs, and expand the heredocs' variables."""
        heredocs = list(instruction.heredocs)
        for word in given:
            if not heredocs or lines.heredoc_of(word) is None:
                self.sources.append(word)
                continue
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

    def _history(self, instruction: Instruction, dest: str) -> str:
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

    def key(self) -> list[Any]:
        """Return the instruction's part of the cache's key."""
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

    def owner(self, root: int) -> Owner | None:
        """Return ``(uid, gid)`` of ``--chown`` by the files of the open root, or None.

        :raises InvalidInput: for a name it does not have.
        """
        return image_users.owner_of(root, self.chown, "--chown")

    # --------------------------------------------------------------------------------- running

    def place(
        self,
        root: int,
        chosen: Sequence[tuple[Tree, Chosen]],
        fetched: Iterable[Fetched],
        names_root: int | None = None,
    ) -> None:
        """Make the files inside ``root`` (a descriptor).

        :param chosen: what to copy, and of which trees. :param fetched: files of the web.
        :param names_root: the root whose users ``--chown`` names, where it is another.
        :raises Trouble: where something is in the way.
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
        for file in fetched:
            self._fetched(placer, dest, file)

    def _one(self, placer: Placer, tree: Tree, chosen: Chosen, dest: str) -> None:
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

    def _target(self, placer: Placer, dest: str, source: str) -> tuple[int, str]:
        """Return the open directory and the name for a file.

        That is ``source`` in the directory ``dest``, else ``dest``, or the target of a link there.
        """
        if self.dest.endswith("/") or placer.is_directory(dest):
            return placer.directory(dest), source
        return self._exact(placer, dest, 0)

    def _exact(self, placer: Placer, dest: str, links: int) -> tuple[int, str]:
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

    def _data(
        self,
        placer: Placer,
        dest: str,
        name: str,
        chunks: Iterable[bytes],
        mode: int,
        mtime: int | None,
    ) -> None:
        fd, last = self._target(placer, dest, name)
        try:
            placer.data(chunks, fd, last, mode, mtime)
        finally:
            os.close(fd)

    def _fetched(self, placer: Placer, dest: str, fetched: Fetched) -> None:
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

    def _extract(self, placer: Placer, dest: str, opener: Callable[[], int], name: str) -> None:
        """Unpack an archive into the directory ``dest``, with its own owners and modes; its links
        stay inside of that.
        """
        top = placer.directory(dest)
        try:
            add_archives.extract(top, opener, name)
        finally:
            os.close(top)
