# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY and ADD as steps of a build: locate their sources, and compute their keys in the cache.
copy_files.py writes the files, with ``--chown`` and ``--chmod``.
"""

from __future__ import annotations

import contextlib
import os
import re

from ..cache.cache_miss import CacheMiss
from ..parse.expansion import Trouble
from ..sources import add_url, git
from ..trees import source_tree
from .cached_step import Step
from .copy_files import Copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..parse.expansion import Lexer
    from ..parse.instructions import Instruction
    from ..sources.add_url import Fetched
    from ..sources.contexts import Contexts
    from ..sources.git import Repository
    from ..sources.origin import Origin
    from ..stage.stage_state import State
    from ..trees.source_tree import Chosen, Tree
    from .cached_step import Steps
    from .workspace import StepPlace


class RepositoryTree:
    """A Git repository as a source of ADD.

    :ivar commit: what it has now, or None where only a fetch can tell.
    """

    def __init__(self, client: git.Git, wanted: Repository, keep: bool) -> None:
        self.client, self.wanted, self.keep = client, wanted, keep
        self.path: str | None = None
        self.commit = client.head(wanted)

    @property
    def identity(self) -> list[Any]:
        wanted = self.wanted
        return [
            wanted.url,
            wanted.directory,
            wanted.submodules,
            self.commit,
            wanted.commit,
            self.keep,
        ]

    def fetch(self, directory: Callable[[], str]) -> str:
        """Fetch it, once.

        :param directory: creates an empty one.
        :returns: the path of its files.
        """
        if self.path is None:
            self.commit, self.path = self.client.check_out(self.wanted, directory(), self.keep)
        return self.path

    @contextlib.contextmanager
    def opened(self, directory: Callable[[], str]) -> Iterator[Tree]:
        """Open its tree for a ``with`` block, fetched if need be."""
        path = self.fetch(directory)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        tree = source_tree.Tree(fd, self.wanted.shown, keeps_owners=False)
        try:
            yield tree
        finally:
            tree.close()


class Sources:
    """The sources of one COPY or ADD.

    :ivar local: words that name files of ``origin``.
    :ivar urls: web addresses.
    :ivar repositories: of Git.
    :ivar origin: the context, stage or image that files come from, or None where there are none.
    """

    def __init__(self, copy: Copy, origin: Origin | None) -> None:
        """:raises Trouble: where COPY names what only ADD takes, or ``--checksum`` is not for this
        source.
        """
        self.origin = origin
        git_words = [word for word in copy.sources if git.is_git(word)]
        self.urls = [
            word for word in copy.sources if word not in git_words and add_url.is_remote(word)
        ]
        if not copy.add and git_words + self.urls:
            raise Trouble(
                "COPY takes files of the context, a stage or an image; "
                f"{(git_words + self.urls)[0]} is for ADD"
            )
        self.local = [word for word in copy.sources if word not in self.urls + git_words]
        if copy.checksum and not self.urls and not git_words:
            raise Trouble(
                "ADD: --checksum is for web addresses and Git repositories; "
                f"{' '.join(copy.sources)} is neither"
            )
        if copy.checksum and self.urls and not re.fullmatch("sha256:[0-9a-f]{64}", copy.checksum):
            raise Trouble(
                f"ADD: --checksum={copy.checksum} is not valid; accepted: sha256: and 64 "
                "hexadecimal digits"
            )
        self.git_words = git_words
        self.repositories: list[RepositoryTree] = []


class CopySteps:
    """The COPY and ADD of one build. A file that was fetched for one serves the others."""

    def __init__(self, steps: Steps, lexer: Lexer, contexts: Contexts) -> None:
        self.steps, self.lexer, self.contexts = steps, lexer, contexts
        self._fetched: dict[str, Fetched] = {}
        self._repositories: dict[tuple[str, bool | None, str], RepositoryTree] = {}

    def carry_out(
        self, state: State, instruction: Instruction, origin_of: Callable[[str], Origin]
    ) -> None:
        """Run an instruction.

        :param origin_of: returns the source that ``--from`` names; "" is the context.
        :raises CacheMiss: in a dry run, when it would have to be made.
        """
        copy = Copy(instruction, state, self.lexer)
        origin = origin_of(copy.origin) if copy.sources or copy.origin else None
        sources = Sources(copy, origin)
        sources.repositories = [self._repository(word, copy) for word in sources.git_words]
        key, second_key = self._keys(state, instruction, copy, sources)
        uses = [origin.image] if origin is not None and origin.image else []
        step = Step(
            key,
            copy.history,
            lambda place: self._produce(state, copy, sources, place),
            uses,
            second_key,
        )
        self.steps.carry_out(state, instruction, step)

    def _keys(
        self, state: State, instruction: Instruction, copy: Copy, sources: Sources
    ) -> tuple[str, Callable[[], str] | None]:
        """Return the step's key, and a function for a second one, by the files themselves."""
        parent = "" if copy.link and not copy.chown else state.chain
        identities = [each.identity for each in sources.repositories]
        head = ["copy", instruction.name, parent, copy.key(), identities]
        key, urls, origin = self.steps.key, sources.urls, sources.origin
        if origin is not None and origin.identity is not None:
            first = key(*head, "tree", origin.identity, sources.local)
            return first, lambda: key(*head, "files", self._digests(copy, sources))
        digests = self._digests(copy, sources)
        if not urls:
            return key(*head, "files", digests), None
        first = key(*head, "urls", digests, [[url, self._version(url, copy)] for url in urls])
        return first, lambda: key(
            *head, "fetched", digests, [[url, self._fetch(url, copy).digest] for url in urls]
        )

    def _produce(self, state: State, copy: Copy, sources: Sources, place: StepPlace) -> None:
        """Make the step's files."""
        fetched = [self._fetch(url, copy) for url in sources.urls]
        with contextlib.ExitStack() as stack:
            chosen: list[tuple[Tree, Chosen]] = []
            if sources.local and sources.origin is not None:
                tree = stack.enter_context(sources.origin.opened())
                chosen += [(tree, each) for each in _choose(copy, tree, sources.local)]
            for each in sources.repositories:
                there = stack.enter_context(each.opened(self.contexts.new_directory))
                chosen.append((there, there.find("/")[0]))
            below = [] if copy.link else state.paths
            root = stack.enter_context(self.steps.workspace.root(below, place))
            names = None
            if copy.link and copy.chown:
                names = stack.enter_context(self.steps.workspace.view(state.paths))
            copy.place(root, chosen, fetched, names)

    @staticmethod
    def _digests(copy: Copy, sources: Sources) -> list[list[Any]]:
        """Return ``[name, whether it is a directory, digest]`` of the files that are copied."""
        origin = sources.origin
        if not sources.local or origin is None:
            return []
        if origin.layers and "" in origin.layers:
            raise CacheMiss("fetch what is in the build cache elsewhere")
        with origin.opened() as tree:
            return [
                [each.name, each.is_directory, tree.digest(each, copy.exclude)]
                for each in _choose(copy, tree, sources.local)
            ]

    def _version(self, url: str, copy: Copy) -> str:
        if copy.checksum:
            return copy.checksum
        headers = add_url.headers_of(url, self.steps.request.secrets)
        return add_url.version(url, headers) or "none " + os.urandom(8).hex()

    def _repository(self, word: str, copy: Copy) -> RepositoryTree:
        """Return the repository that ADD copies, and its commit. It is fetched where only that
        resolves the commit.
        """
        wanted = git.Repository(word)
        if copy.keep_git is not None and wanted.keep is not None and copy.keep_git != wanted.keep:
            raise Trouble(f"ADD {word}: --keep-git-dir says something else than the address")
        if copy.checksum:
            if wanted.commit not in ("", copy.checksum):
                raise Trouble(f"ADD {word}: --checksum says something else than the address")
            wanted.commit = copy.checksum
        key = word, copy.keep_git, copy.checksum
        if key not in self._repositories:
            request = self.steps.request
            client = git.Git(request.secrets, request.ssh.get("default"))
            keep = bool(copy.keep_git if wanted.keep is None else wanted.keep)
            self._repositories[key] = RepositoryTree(client, wanted, keep)
        found = self._repositories[key]
        if found.commit is None:
            self._before_a_fetch(wanted.shown)
            found.fetch(self.contexts.new_directory)
        return found

    def _before_a_fetch(self, what: str) -> None:
        """Refuse to fetch in check mode. A dry run before a real build fetches what decides whether
        a step has to run.

        :raises CacheMiss: in check mode.
        """
        if self.steps.dry and self.steps.engine.check:
            raise CacheMiss(f"fetch {what}")

    def _fetch(self, url: str, copy: Copy) -> Fetched:
        if url not in self._fetched:
            self._before_a_fetch(url)
            headers = add_url.headers_of(url, self.steps.request.secrets)
            path = os.path.join(self.contexts.new_directory(), "file")
            self._fetched[url] = add_url.fetch(url, path, headers)
        found = self._fetched[url]
        if copy.checksum and found.digest != copy.checksum:
            raise Trouble(
                f"ADD {url}: its content has the digest {found.digest}, not {copy.checksum}"
            )
        return found


def _choose(copy: Copy, tree: Tree, local: list[str]) -> list[Chosen]:
    """Return the files that all local sources name.

    :raises Trouble: where nothing matches.
    """
    found = [
        each for word in local for each in (tree.parents(word) if copy.parents else tree.find(word))
    ]
    if local and not found:
        raise Trouble(f"{' '.join(local)}: no file matches in {tree.what}")
    return found
