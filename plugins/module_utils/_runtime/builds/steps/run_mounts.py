# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``RUN --mount`` shows to the command, made ready: caches, secrets, the agent's socket, parts of contexts, stages and images."""

from __future__ import annotations

import contextlib
import os
import stat

from ...errors import NotFound
from ..cache import cache_mounts
from ..parse.expansion import Trouble
from ..trees import source_tree
from ..trees.placer import Placer
from .run_container import Prepared

SSH = "/run/buildkit/ssh_agent.%d"


class RunMounts:
    """All mounts of one RUN.

    :ivar entries: for the container's definition, in normal form. :ivar prepared: [running.Prepared]. :ivar secrets: as of running.Job.
    :ivar env: variables that secrets and the agent add.
    """

    def __init__(self, work, place, options):
        self.work, self.place, self.options = work, place, options
        self.entries, self.prepared, self.secrets, self.env = [], [], [], {}
        self._agents = 0

    def add(self, mount, state, origin, stack):
        """:param mount: a mountflags.Mount. :param origin: what its ``from`` names (a builder's Origin), or None. :param stack: an ExitStack,
        for locks that are held while the command runs."""
        target = state.workdir(mount.target) if mount.target else None
        getattr(self, "_" + mount.type)(mount, target, origin, stack)

    def _show(self, source, target, read_only):
        self.entries.append(
            {
                "type": "bind",
                "source": source,
                "target": target,
                "read_only": read_only,
                "propagation": "rprivate",
            }
        )

    def _bind(self, mount, target, origin, _stack):
        scratch = self.work.directory() if mount.readwrite else None
        self._prepare(origin, mount.source or "/", target, scratch)

    def _prepare(self, origin, source, target, scratch):
        name = f"m{len(self.prepared)}"
        layers, directory = origin.layers, None
        if layers is None:
            directory = self._without_ignored(origin.tree, source)
        self.prepared.append(Prepared(name, source, layers, directory, scratch))
        self._show(os.path.join(self.place, name), target, scratch is None)

    def _without_ignored(self, tree, source):
        """The context's directory; a copy of what ``source`` names in it where its ignore file leaves something out."""
        path = os.readlink("/proc/self/fd/%d" % tree.fd)
        if not tree.ignore:
            return path
        chosen = tree.find(source or "/")[0]
        copy = self.work.directory()
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

    def _tmpfs(self, mount, target, _origin, _stack):
        self.entries.append(
            {
                "type": "tmpfs",
                "target": target,
                "read_only": False,
                "tmpfs_size": mount.size,
                "tmpfs_mode": "1777",
            }
        )

    def _cache(self, mount, target, origin, stack):
        engine, ident = self.work.engine, mount.id or target
        ident = self.options.get("cache_namespace", "") + ident
        sharing, number = mount.sharing or "shared", 0
        if sharing == "private":
            while not engine.locks.is_free("build-cache", "%s %d" % (ident, number)):
                number += 1
        name = "%s %d" % (ident, number)
        stack.enter_context(engine.locks.hold("build-cache", name, shared=sharing == "shared"))
        directory = cache_mounts.directory(engine, name)
        with engine.locks.hold("build-cache-making"):
            if not os.path.isdir(directory):
                self._make_cache(directory, name, mount, origin)
        self._show(os.path.join(directory, "data"), target, bool(mount.readonly))

    def _make_cache(self, directory, name, mount, origin):
        made = self.work.directory()
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

    def _secret(self, mount, target, _origin, _stack):
        data = self.options["secrets"].get(mount.id)
        if data is None:
            if mount.required:
                raise NotFound(
                    f"RUN --mount=type=secret: the build is not given a secret {mount.id}"
                )
            return
        if callable(data):
            data = data()
        if mount.env:
            if b"\0" in data:
                raise Trouble(
                    f"RUN --mount=type=secret: the secret {mount.id} has a NUL byte and can't be "
                    "a variable"
                )
            self.env[mount.env] = os.fsdecode(data)
        if target:
            name = f"s{len(self.secrets)}"
            self.secrets.append(
                (
                    name,
                    data,
                    0o400 if mount.mode is None else mount.mode,
                    mount.uid or 0,
                    mount.gid or 0,
                )
            )
            self._show(os.path.join(self.place, "secrets", name), target, True)

    def _ssh(self, mount, target, _origin, stack):
        path = self.options["ssh"].get(mount.id)
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
                    from ..sources import ssh_agent

                    mode = 0o600 if mount.mode is None else mount.mode
                    path = ssh_agent.relay(
                        self.place,
                        "a%d" % self._agents,
                        path,
                        (mount.uid or 0, mount.gid or 0),
                        mode,
                        stack,
                    )
                self._show(path, target, False)
                return
        raise NotFound(f"RUN --mount=type=ssh: {path} is not the socket of an agent")
