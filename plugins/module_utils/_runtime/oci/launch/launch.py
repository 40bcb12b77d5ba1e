# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a container: control group, root file system and namespaces made from outside, then
its process let go.

What can be refused is refused before the process exists (limits of cgroup v1 before it is in its
group); what fails later undoes everything. A Launch is put together of
    a document and a program     what is asked for (oci/spec)
    a site                       where group, root, network and streams come from (site.py)
    an origin                    how process 1 comes to be: clone.Clone, or checkpoint/criu_restore.py's
    rights                       with which rights it makes what it needs (rights.py), by the
                                 document
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, EngineError, reason
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.processes import pidfd
from ..features.optional_fields import OptionalFields
from ..spec import devices, mount_entries
from .clone import Clone
from .rights import Direct
from .steps import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ...kernel.cgroups import Group
    from ..spec.document import Document, State
    from ..spec.program import Listener, Program
    from .rights import Rights
    from .site import Site
    from .steps import Steps, Trace

    class Origin(Protocol):
        """How a container's process 1 comes to be; see clone.Clone."""

        groups_later: bool

        def open_files(self, launch: Launch) -> None: ...

        def make(self, launch: Launch) -> None: ...


class Launch:
    """One attempt to start a container.

    :param document: the document.Document.
    :param program: the process.Program that is executed.
    :param site: the site.Site.
    :param origin: how process 1 comes to be, clone.Clone by default.
    :param trace: is told of each step (steps.trace).
    :raises Unsupported: naming what can't be done.
    :ivar pid, pidfd, group, terminal, warnings: after ``run``: its process, the cgroups.Group, the
        terminal's master (a descriptor, or None), sentences for the user.
    :ivar joined: ``{type: descriptor}`` of the namespaces that are joined.
    :ivar nodes: device nodes to attach, ``[(path, descriptor)]``.
    :ivar spent: descriptors that are not needed any more.
    :ivar host_mounts: a descriptor of the mount namespace that copies of the host's places are made
        in (bind_sources.py), or None.
    """

    root_fd: int
    group: Group

    def __init__(
        self,
        document: Document,
        program: Program,
        site: Site,
        origin: Origin | None = None,
        trace: Trace | None = None,
    ):
        self.document, self.program, self.site = document, program, site
        self.origin: Origin = origin or Clone()
        self.trace = trace
        self.rights: Rights = Direct()
        self.optional = OptionalFields(document)
        mount_entries.check_propagation(document.linux.get("rootfsPropagation"))
        self.mounts, self.devices = (
            mount_entries.read(document.config),
            devices.read(document.config),
        )
        for mount in self.mounts:
            if isinstance(mount, mount_entries.Mount) and mount.copies_up():
                from ..features.tmp_copy_up import copy_into  # few containers have such a mount

                mount.fill = copy_into
        self.agent_words: Callable[[Listener, State], int] | None = None
        if program.listener is not None:
            # Here, as all that only some need: the process may be in another mount namespace when
            # it needs it.
            from ..features.seccomp_listener import words

            self.agent_words = words
        self.warnings = list(program.warnings)
        self._check_label()
        self.joined: dict[str, int] = {}
        self.nodes: list[tuple[str, int]] = []
        self.spent: list[int] = []
        self.host_mounts: int | None = None
        self.pid = 0
        self.pidfd: int | None = None
        self.terminal: int | None = None

    def _check_label(self) -> None:
        label = self.document.linux.get("mountLabel")
        if label:
            from ...kernel.isolation import selinux  # few containers have one

            if not selinux.enabled():
                self.warnings.append(
                    f"linux.mountLabel {label}: SELinux is not enabled on this host, so there is "
                    "nothing to label"
                )

    def state(self, status: str, pid: int | None = None) -> State:
        """Return the container's state as hooks are given it.

        :param pid: another one than it has here.
        """
        site = self.site
        return self.document.state(
            site.ident, site.bundle, self.pid if pid is None else pid, status
        )

    def run(self) -> None:
        """Start it: when this returns, its program is being executed, or it waits for its start.

        :raises EngineError: with one sentence; nothing is left then.
        """
        try:
            perform(self._preparation(), self.trace)
            self.origin.make(self)
        except OSError as error:
            self.undo()
            raise ContainerFailed(reason(error)) from None
        except BaseException:
            self.undo()
            raise
        finally:
            self._close()

    # -------------------------------------------------------------------- before there is a process

    def _preparation(self) -> Steps:
        """What is made before there is a process."""
        yield "read the maps of its user namespace", self.read_rights
        yield "open the namespaces that it joins", self._open_joined
        yield "make its control group", self._make_group
        if not self.group.later:
            yield "write the control group's limits", self.write_limits
        yield "look over its mounts and rights", lambda: self.site.prepare(self)
        yield (
            "open its root file system and the sources of its bind mounts",
            lambda: self.origin.open_files(self),
        )

    def read_rights(self) -> None:
        """Find with which rights the process makes what it needs.

        :raises Unsupported, ContainerFailed: its maps of ids are none.
        """
        found = {
            kind: path and self.document.namespace_path(kind, path)
            for kind, path in self.document.namespaces.items()
        }
        linux = self.document.linux
        if "user" in found or linux.get("uidMappings") or linux.get("gidMappings"):
            # Here: they are a fifteenth of all that a start without them loads.
            from ..spec import id_maps
            from .userns_outside import UserNamespace

            maps = id_maps.of_container(linux, found)
            if maps is not None:
                self.rights = UserNamespace(maps)
        self.rights.check(self.program)

    def _open_joined(self) -> None:
        self.joined = self.document.joined()

    def _make_group(self) -> None:
        self.group = self.site.make_group(self)

    def write_limits(self) -> None:
        """Write ``linux.resources`` into the control group."""
        self.warnings += [
            sentence for _key, sentence in self.group.apply(self.site.resources(self))
        ]

    # ---------------------------------------------------------------------- while the process waits

    def hand_over(self) -> Steps:
        """Give the process what of the host it is to have: links, a class of resctrl."""
        if self.optional.net_devices:
            yield "move network devices to it", self._move_net_devices
        if self.document.linux.get("intelRdt"):
            yield "put it into its class of resctrl", self._enter_class

    def _move_net_devices(self) -> None:
        from ..features import net_devices  # few containers have them

        net_devices.move(self.optional.net_devices, self.pid, self.joined.get("network"))

    def _enter_class(self) -> None:
        from ..features import resctrl  # few containers have one

        resctrl.apply(
            self.document.linux["intelRdt"], self.site.ident, self.pid, resctrl.place() or ""
        )

    def pauses(self) -> bool:
        """Whether the process says that its mounts are made, because something is to be done
        outside then.
        """
        return self.rights.attended or self.has_runtime_hooks()

    def has_runtime_hooks(self) -> bool:
        """Whether hooks are run from outside while the process waits with its mounts made."""
        hooks = self.optional.hooks
        return bool(hooks.get("prestart") or hooks.get("createRuntime"))

    def run_runtime_hooks(self) -> None:
        """Run the hooks of that time."""
        from ..features import hooks  # few containers have any

        for kind in hooks.RUNTIME_CREATE:
            hooks.run(self.optional.hooks, kind, self.state("created"))

    # -------------------------------------------------------------------------------------- the end

    def _close(self) -> None:
        fds: list[int | None] = [*self.joined.values(), *self.spent, self.host_mounts]
        for mount in self.mounts:
            fds += mount.descriptors()
        fds += [fd for _path, fd in self.nodes]
        fds.append(getattr(self, "root_fd", None))
        for fd in fds:
            if fd is not None:
                try:
                    os.close(fd)
                except OSError:
                    pass
        self.rights.close()
        self.joined, self.host_mounts = {}, None

    def undo(self) -> None:
        """Take back what was made; what can't be taken back now is found by the next clean-up."""
        pid = self.pid
        self._end_process()
        if hasattr(self, "group"):
            try:
                self.group.remove()
            except (EngineError, OSError):
                pass
        self.site.disconnect(self)
        if not pid:
            return
        if self.document.linux.get("intelRdt"):
            from ..features import resctrl  # few containers have a class of it

            resctrl.remove(self.document.linux["intelRdt"], self.site.ident, resctrl.place() or "")
        if not self.document.private("mount"):
            try:
                syscalls.umount2(self.site.root_place, c.MNT_DETACH | c.UMOUNT_NOFOLLOW)
            except OSError:
                pass
        if self.optional.hooks.get("poststop"):
            # A failed start ends as a container does (runtime.md, "Lifecycle", 3 to 5).
            from ..features import hooks  # few containers have any

            self.warnings += hooks.run(self.optional.hooks, "poststop", self.state("stopped", 0))

    def _end_process(self) -> None:
        if self.pidfd is not None:
            pidfd.send(self.pidfd, c.SIGKILL)
            if pidfd.ended(self.pidfd, 10.0):
                try:
                    pidfd.reap(self.pidfd)
                except ChildProcessError:
                    pass  # a monitor's child, which it waits for
            os.close(self.pidfd)
        if self.terminal is not None:
            os.close(self.terminal)
        self.pidfd, self.pid, self.terminal = None, 0, None
