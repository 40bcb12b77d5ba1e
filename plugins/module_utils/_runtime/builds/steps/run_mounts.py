# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare the mounts of ``RUN --mount``: caches, secrets, the agent's socket, parts of contexts,
stages and images.
"""

from __future__ import annotations

import contextlib
import os
import stat

from ...errors import NotFound, required
from ..cache import cache_mounts
from ..parse.expansion import Trouble
from ..trees import source_tree
from ..trees.placer import Placer
from .run_container import Prepared, SecretFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

    from ..parse.build_request import BuildRequest
    from ..parse.mount_flags import Mount
    from ..sources.origin import Origin
    from ..stage.stage_state import State
    from ..trees.source_tree import Tree
    from .workspace import Workspace


SSH = "/run/buildkit/ssh_agent.%d"


class RunMounts:
    """All mounts of one RUN.

    :param place: an empty directory, below which they are made.
    :ivar entries: for the container's definition, in normal form.
    :ivar prepared: what has to be made in the runner.
    :ivar secrets: what is shown in memory.
    :ivar env: variables that secrets and the agent add.
    """

    entries: list[dict[str, Any]]
    prepared: list[Prepared]
    secrets: list[SecretFile]
    env: dict[str, str]

    def __init__(self, work: Workspace, place: str, request: BuildRequest) -> None:
        self.workspace, self.place, self.request = work, place, request
        self.entries, self.prepared, self.secrets, self.env = [], [], [], {}
        self._agents = 0

    def add(self, mount: Mount, state: State, origin: Origin | None, stack: ExitStack) -> None:
        """Prepare one mount.

        :param origin: the source that its ``from`` names, or None.
        :param stack: for locks and processes that last while the command runs.
        :raises Trouble, NotFound: for a missing source, secret or agent.
        """
        target = state.workdir(mount.target) if mount.target else None
        getattr(self, "_" + mount.type)(mount, target, origin, stack)

    def _show(self, source: str, target: str | None, read_only: bool) -> None:
        self.entries.append(
            {
                "type": "bind",
                "source": source,
                "target": target,
                "read_only": read_only,
                "propagation": "rprivate",
            }
        )

    def _bind(
        self, mount: Mount, target: str | None, origin: Origin | None, _stack: ExitStack
    ) -> None:
        origin = required(origin, "the source of a bind mount")
        scratch = self.workspace.directory() if mount.readwrite else None
        name, source, directory = f"m{len(self.prepared)}", mount.source or "/", None
        if origin.tree is not None:
            directory = self._without_ignored(origin.tree, source)
        self.prepared.append(Prepared(name, source, origin.layers, directory, scratch))
        self._show(os.path.join(self.place, name), target, scratch is None)

    def _without_ignored(self, tree: Tree, source: str) -> str:
        """Return the context's directory, or a copy of ``source`` in it where its ignore file
        excludes something.
        """
        path = os.readlink(f"/proc/self/fd/{tree.fd}")
        if not tree.ignore:
            return path
        chosen = tree.find(source or "/")[0]
        copy = self.workspace.directory()
        os.chmod(copy, 0o755)
        fd = os.open(copy, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        placer = Placer(fd)
        try:
            if chosen.is_directory:
                placer.tree(tree, chosen, chosen.path)
            else:
                parent_path, dummy, name = chosen.path.rpartition("/")
                above, parent = tree.open_directory(parent_path), placer.directory(parent_path)
                placer.file(
                    tree, source_tree.Entry(chosen.path, above, name, chosen.status), parent, name
                )
                os.close(above)
                os.close(parent)
        finally:
            os.close(fd)
        return copy

    def _tmpfs(
        self, mount: Mount, target: str | None, _origin: Origin | None, _stack: ExitStack
    ) -> None:
        self.entries.append(
            {
                "type": "tmpfs",
                "target": target,
                "read_only": False,
                "tmpfs_size": mount.size,
                "tmpfs_mode": "1777",
            }
        )

    def _cache(
        self, mount: Mount, target: str | None, origin: Origin | None, stack: ExitStack
    ) -> None:
        engine = self.workspace.engine
        ident = self.request.cache_namespace + (mount.id or target or "")
        sharing, number = mount.sharing or "shared", 0
        if sharing == "private":
            while not engine.locks.is_free("build-cache", f"{ident} {number}"):
                number += 1
        name = f"{ident} {number}"
        stack.enter_context(engine.locks.hold("build-cache", name, shared=sharing == "shared"))
        directory = cache_mounts.directory(engine, name)
        with engine.locks.hold("build-cache-making"):
            if not os.path.isdir(directory):
                self._make_cache(directory, name, mount, origin)
        cache_mounts.mark_used(directory)
        self._show(os.path.join(directory, "data"), target, bool(mount.readonly))

    def _make_cache(self, directory: str, name: str, mount: Mount, origin: Origin | None) -> None:
        made = self.workspace.directory()
        data = os.path.join(made, "data")
        os.mkdir(data)
        fd = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if origin is not None:
                with origin.opened() as tree:
                    for chosen in tree.find(mount.source or "/"):
                        if not chosen.is_directory:
                            raise Trouble(
                                f"RUN --mount=type=cache: source {mount.source} is not a directory"
                            )
                        Placer(fd).tree(tree, chosen, "")
            os.fchown(fd, mount.uid or 0, mount.gid or 0)
            os.fchmod(fd, 0o755 if mount.mode is None else mount.mode)
        finally:
            os.close(fd)
        with open(
            os.path.join(made, "id"), "w", encoding="utf-8", errors="surrogateescape"
        ) as file:
            file.write(name)
        os.makedirs(os.path.dirname(directory), 0o700, exist_ok=True)
        os.rename(made, directory)

    def _secret(
        self, mount: Mount, target: str | None, _origin: Origin | None, _stack: ExitStack
    ) -> None:
        secret = self.request.secrets.get(mount.id or "")
        if secret is None:
            if mount.required:
                raise NotFound(
                    f"RUN --mount=type=secret: the build is not given a secret {mount.id}"
                )
            return
        data = secret()
        if mount.env:
            if b"\0" in data:
                raise Trouble(
                    f"RUN --mount=type=secret: the secret {mount.id} has a NUL byte and can't be "
                    "a variable"
                )
            self.env[mount.env] = os.fsdecode(data)
        if target:
            name = f"s{len(self.secrets)}"
            mode = 0o400 if mount.mode is None else mount.mode
            self.secrets.append(SecretFile(name, data, mode, mount.uid or 0, mount.gid or 0))
            self._show(os.path.join(self.place, "secrets", name), target, True)

    def _ssh(
        self, mount: Mount, target: str | None, _origin: Origin | None, stack: ExitStack
    ) -> None:
        path = self.request.ssh.get(mount.id or "")
        if path is None:
            if mount.required:
                raise NotFound(f"RUN --mount=type=ssh: the build is not given an agent {mount.id}")
            return
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.stat(path).st_mode):
                target = target or SSH % self._agents
                self._agents += 1
                self.env.setdefault("SSH_AUTH_SOCK", target)
                if (mount.uid, mount.gid, mount.mode) != (None, None, None):
                    from ..sources import ssh_agent  # few commands are shown an agent

                    mode = 0o600 if mount.mode is None else mount.mode
                    path = ssh_agent.relay(
                        self.place,
                        f"a{self._agents}",
                        path,
                        (mount.uid or 0, mount.gid or 0),
                        mode,
                        stack,
                    )
                self._show(path, target, False)
                return
        raise NotFound(f"RUN --mount=type=ssh: {path} is not the socket of an agent")
