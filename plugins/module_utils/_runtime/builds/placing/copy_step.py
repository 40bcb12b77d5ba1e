# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY and ADD of a build: where what they name is, their keys in the cache, and what they make."""

from __future__ import annotations

import contextlib
import os
import re

from ..cache.cache_miss import CacheMiss
from ..parse.expansion import Trouble
from ..sources import add_url, git
from ..trees import source_tree
from . import copy_add


class RepositoryTree:
    """A Git repository as a source of ADD. ``commit``: what it has now, or None where only a fetch can tell."""

    def __init__(self, build, wanted, keep):
        self.build, self.wanted, self.keep, self.path = build, wanted, keep, None
        self.git = git.Git(build.options.secrets, build.options.ssh.get("default"))
        self.commit = self.git.head(wanted)

    @property
    def identity(self):
        return [
            self.wanted.url,
            self.wanted.directory,
            self.wanted.submodules,
            self.commit,
            self.wanted.commit,
            self.keep,
        ]

    def fetch(self):
        if self.path is None:
            self.commit, self.path = self.git.check_out(
                self.wanted, self.build.place_for_fetched(), self.keep
            )

    @contextlib.contextmanager
    def opened(self):
        """The sources.Tree."""
        self.fetch()
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        tree = source_tree.Tree(fd, self.wanted.shown, keeps_owners=False)
        try:
            yield tree
        finally:
            tree.close()


class Adding:
    """:param build: the builder.Build."""

    def __init__(self, build):
        self.build, self.remembered, self.repositories = build, {}, {}

    def carry_out(self, stage, state, instruction):
        copy = copy_add.Copy(instruction, state, self.build.lexer)
        origin = self.build.origin(stage, copy.origin) if copy.sources or copy.origin else None
        repositories = [word for word in copy.sources if git.is_git(word)]
        urls = [
            word for word in copy.sources if word not in repositories and add_url.is_remote(word)
        ]
        if not copy.add and repositories + urls:
            raise Trouble(
                "COPY takes files of the context, a stage or an image; "
                f"{(repositories + urls)[0]} is for ADD"
            )
        local = [word for word in copy.sources if word not in urls + repositories]
        if copy.checksum and not urls and not repositories:
            raise Trouble(
                "ADD: --checksum is for web addresses and Git repositories; "
                f"{' '.join(copy.sources)} is neither"
            )
        if copy.checksum and urls and not re.fullmatch("sha256:[0-9a-f]{64}", copy.checksum):
            raise Trouble(
                f"ADD: --checksum={copy.checksum} is not valid; accepted: sha256: and 64 "
                "hexadecimal digits"
            )
        fetched_trees = [self._repository(word, copy) for word in repositories]
        parent = "" if copy.link and not copy.chown else state.chain
        head = [
            "copy",
            instruction.name,
            parent,
            copy.key(),
            [each.identity for each in fetched_trees],
        ]
        digests = None
        if origin is not None and origin.identity is not None:
            key = self.build.key(*head, "tree", origin.identity, local)

            def second():
                return self.build.key(*head, "files", self._digests(copy, origin, local))
        elif urls:
            digests = self._digests(copy, origin, local) if local else []
            key = self.build.key(
                *head, "urls", digests, [[url, self._version(url, copy)] for url in urls]
            )

            def second():
                return self.build.key(
                    *head,
                    "fetched",
                    digests,
                    [[url, self._fetch(url, copy).digest] for url in urls],
                )
        else:
            key, second = (
                self.build.key(*head, "files", self._digests(copy, origin, local) if local else []),
                None,
            )

        def produce(upper, overlay_work, _place):
            fetched = [self._fetch(url, copy) for url in urls]
            with contextlib.ExitStack() as stack:
                tree = stack.enter_context(origin.opened()) if local else None
                chosen = [(tree, each) for each in self._choose(copy, tree, local)]
                for each in fetched_trees:
                    there = stack.enter_context(each.opened())
                    chosen.append((there, there.find("/")[0]))
                below = [] if copy.link else state.paths
                root = stack.enter_context(self.build.work.root(below, upper, overlay_work))
                names = (
                    stack.enter_context(self.build.work.view(state.paths))
                    if copy.link and copy.chown
                    else None
                )
                copy.place(root, chosen, fetched, names)

        self.build.step(
            state,
            instruction,
            key,
            copy.history,
            produce,
            [origin.image] if origin is not None and origin.image else (),
            second,
        )

    def _choose(self, copy, tree, local):
        """The Chosen of all local sources."""
        found = [
            each
            for word in local
            for each in (tree.parents(word) if copy.parents else tree.find(word))
        ]
        if local and not found:
            raise Trouble(f"{' '.join(local)}: no file matches in {tree.what}")
        return found

    def _digests(self, copy, origin, local):
        """``[[name, whether it is a directory, digest], ...]`` of the files that are copied."""
        if origin.layers and None in origin.layers:
            raise CacheMiss("fetch what is in the build cache elsewhere")
        with origin.opened() as tree:
            return [
                [each.name, each.is_directory, tree.digest(each, copy.exclude)]
                for each in self._choose(copy, tree, local)
            ]

    def _version(self, url, copy):
        if copy.checksum:
            return copy.checksum
        return (
            add_url.version(url, add_url.headers_of(url, self.build.options.secrets))
            or "none " + os.urandom(8).hex()
        )

    def _repository(self, word, copy):
        """The Repository that ADD copies, and its commit."""
        wanted = git.Repository(word)
        if copy.keep_git is not None and wanted.keep is not None and copy.keep_git != wanted.keep:
            raise Trouble(f"ADD {word}: --keep-git-dir says something else than the address")
        if copy.checksum:
            if wanted.commit not in ("", copy.checksum):
                raise Trouble(f"ADD {word}: --checksum says something else than the address")
            wanted.commit = copy.checksum
        key = word, copy.keep_git, copy.checksum
        if key not in self.repositories:
            self.repositories[key] = RepositoryTree(
                self.build, wanted, bool(copy.keep_git if wanted.keep is None else wanted.keep)
            )
        found = self.repositories[key]
        if found.commit is None:
            self._before_a_fetch(wanted.shown)
            found.fetch()
        return found

    def _before_a_fetch(self, what):
        """:raises CacheMiss: in check mode, in which nothing is fetched. A dry run of a build that is meant fetches what tells whether it has to run."""
        if self.build.dry and self.build.engine.check:
            raise CacheMiss(f"fetch {what}")

    def _fetch(self, url, copy):
        if url not in self.remembered:
            self._before_a_fetch(url)
            headers = add_url.headers_of(url, self.build.options.secrets)
            self.remembered[url] = add_url.fetch(
                url, os.path.join(self.build.place_for_fetched(), "file"), headers
            )
        found = self.remembered[url]
        if copy.checksum and found.digest != copy.checksum:
            raise Trouble(
                f"ADD {url}: its content has the digest {found.digest}, not {copy.checksum}"
            )
        return found
