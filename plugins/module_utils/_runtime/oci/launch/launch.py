# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a container's process 1, from outside: cgroup, root file system and namespaces made, then its process let go.

What can be refused is refused before the process exists (limits of cgroup v1 before it is in its group); what fails later undoes
everything. Who makes the process says where its root file system and its cgroup come from, by a class of his own: the engine's is
containers/monitor/engine_launch.py, the OCI command's oci/command/bundle_launch.py. The two sides speak over a socket (channel.py); the outer one says
    "p"    what of its cgroup can be shown, where that is made meanwhile
    "u"    what a process in a user namespace can't make itself (userns_outside.py)
    "c"    its cgroup is there and limited, and the process is in it, or is handed what it goes in by
           (it answers "M" when its mounts are made, if something is to be done then)
    "g"    all that is made from outside is there (network, hooks): go on
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, EngineError, NotFound
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.processes import pidfd
from ..spec import devices, mounts
from ..spec.document import read_error
from . import bind_sources, channel, child


class Launch:
    """One attempt. After ``run()``: ``pid``, ``pidfd``, ``group``, ``terminal`` (fd or None), ``warnings``.

    :param document: the document.Document. :param program: the program.Program that is executed.
    """

    clone_flags = 0  # added to clone3's
    new_keyring = use_pivot = True
    last = False  # whether this process is a command's, with one thread, and makes no other one afterwards
    in_order = False  # whether mountinfo is to show the document's order also in a user namespace, where that costs time (bind_sources.py)
    last_word = b""  # of the process: that its program is being executed, or b"R" when it is to wait before that

    def __init__(self, document, program):
        self.document, self.program = document, program
        mounts.check_propagation(document.linux.get("rootfsPropagation"))
        self.mounts, self.devices = mounts.read(document.config), devices.read(document.config)
        self.joined, self.warnings, self.door = {}, list(program.warnings), None
        if document.linux.get("mountLabel"):
            from ...kernel.isolation import selinux

            if not selinux.enabled():
                self.warnings.append(
                    f"linux.mountLabel {document.linux['mountLabel']}: SELinux is not enabled on "
                    "this host, so there is nothing to label"
                )
        self.maps = self.userns_fd = self.furnish = self.settle = (
            None  # of the container's user namespace: idmaps.Maps, a descriptor of it, the modules
        )
        self.nodes, self.spent = (
            [],
            [],
        )  # device nodes to attach: [(path, fd)]; descriptors that are not needed any more
        self.root_fd = self.group = self.pidfd = self.terminal = None
        self.host_mounts = None  # a descriptor of the mount namespace that copies of the host's places are made in (bind_sources.py)
        self.pid = 0
        self.shown = (
            False  # in the process: whether it was told of groups that were completed meanwhile
        )

    # ------------------------------------------------------------------------------------- what the makers differ in

    def make_group(self):
        """The cgroups.Group of the container, made and empty; maybe to be completed when there is a process."""
        raise NotImplementedError

    def resources(self):
        """OCI linux.resources, to be the limits of the group."""
        return self.document.linux.get("resources") or {}

    def open_root(self):
        """A detached mount (fd) of the root file system."""
        raise NotImplementedError

    def root_place(self):
        """A directory of the host, as a path, at which the container's mount namespace has its root until it is entered."""
        raise NotImplementedError

    def announce(self):
        """There is a pid: called before anything else is done with it, so that whatever happens later, somebody has written it down."""

    def connect(self):
        """What is made from outside while the process waits: its network."""

    def disconnect(self):
        """Take back what ``connect`` made."""

    def meanwhile(self):
        """What this process will need later, while the other one comes to its program: time that nobody waits for."""

    def within(self, _source):
        """The path in the container of a bind mount's source that lies below its root, so that earlier mounts are seen in it; else None."""

    def state(self, status):
        """The container's state for its hooks (Document.state), with that status and ``pid`` as it is."""
        raise NotImplementedError

    def inside(self, root_fd):
        """In the process, in its namespaces and with its root attached, empty still."""

    def open_streams(self):
        """In the process, in the host's file system: ``(stdin, stdout, stderr)``, descriptors; None stands for the container's /dev/null."""
        return 0, 1, 2

    def leave(self):
        """In the process, in its namespaces, before it enters its root: nothing of the host's file system can be opened afterwards."""

    def wait_for_start(self, inside):
        """In the process, inside its root, all being ready but its user and rights.

        :param inside: its end of the channel, by whose descriptor (its number) it reports afterwards too.
        """

    # ------------------------------------------------------------------------------------------------------- the start

    def run(self):
        """Start it: when this returns, its program is being executed, or it waits for its start.

        :raises EngineError: with one sentence; nothing is left then.
        """
        try:
            self._prepare()
            self._clone()
        except OSError as error:
            self.undo()
            raise ContainerFailed(read_error(error)) from None
        except BaseException:
            self.undo()
            raise
        finally:
            self._close()

    def _prepare(self):
        self._read_maps()
        self.joined = self.document.joined()
        self.group = self.make_group()
        if not self.group.later:
            self._limit()
        self._open_files()

    def _limit(self):
        self.warnings += [sentence for _key, sentence in self.group.apply(self.resources())]

    def _read_maps(self):
        found = {
            kind: path and self.document.namespace_path(kind, path)
            for kind, path in self.document.namespaces.items()
        }
        if (
            "user" in found
            or self.document.linux.get("uidMappings")
            or self.document.linux.get("gidMappings")
        ):
            from ..spec import (
                id_maps,  # here: they are a fifteenth of all that a start without them loads
            )
            from . import (  # here: they are a fifteenth of all that a start without them loads
                userns_inside,
                userns_outside,
            )

            self.furnish, self.settle, self.maps = (
                userns_outside,
                userns_inside,
                id_maps.of_container(self.document.linux, found),
            )
        if self.maps is not None and self.program.user is None and not self.program.groups:
            self.maps.check_user(self.program.uid, self.program.gid, self.program.additional)

    def _open_files(self):
        """The root file system and what is bind-mounted, as detached mounts; what the container's user namespace maps comes later."""
        if self.maps is None:
            self.root_fd = self.open_root()
        self._open_sources(later=self.maps is None and bind_sources.can_be_copied_later())
        if self.maps is not None:
            self.furnish.prepare(self)

    def _open_sources(self, own=None, later=False):
        """:param own: a descriptor of the container's user namespace, where it is there already. :param later: see sources.find."""
        spaces = None
        if self.maps is not None or any(mount.mapped for mount in self.mounts):
            from ..spec import id_maps

            spaces = id_maps.Namespaces(self.maps, own)
        try:
            for mount in self.mounts:
                if isinstance(mount, mounts.CgroupMount):
                    if self.group.later:  # the process takes it from _complete
                        continue
                    if not self.group.paths:  # shown are its maker's
                        mount.mount.attributes |= c.MOUNT_ATTR_RDONLY
                    mount.find(self.group.shown(), cgroups.mode() == "v2", later)
                elif mount.bind:
                    if not os.path.isabs(mount.source):
                        mount.source = os.path.join(self.state("creating")["bundle"], mount.source)
                    # A process in a user namespace may not map owners: such a source is the host's there, without what is mounted in the root.
                    mount.within = (
                        None
                        if mount.mapped and self.maps is not None
                        else self.within(mount.source)
                    )
                    if mount.within and mount.mapped:
                        mount.owners = os.dup(bind_sources.owners(mount, spaces))
                    if mount.within or (
                        self.maps is not None and spaces.own is None and mount.mapped_by_container()
                    ):
                        continue
                    bind_sources.find(mount, spaces, later)
            if any(
                mount.waits() or self.group.later and isinstance(mount, mounts.CgroupMount)
                for mount in self.mounts
            ):
                self.host_mounts = namespaces.open_namespace("self", "mount")
        finally:
            if spaces is not None:
                spaces.close()

    def _clone(self):
        outside, inside = channel.pair()
        self.door = None if "user" in self.joined else self.group.door()
        try:
            self.pid, self.pidfd = self._fork_in_time()
            if self.pid == 0:
                outside.close()  # or it would never see the end of who makes it
                child.main(self, inside)
            inside.close()
            late = bool(self.group.later)
            if late:
                self._complete(outside)
            self.announce()
            if self.maps is not None:
                self.furnish.furnish(self, outside)
            if self.door is None:
                self.group.attach(self.pid)
            self._admit(outside, late)
            self.connect()
            self._hand_over()
            if self.pauses():
                if not self._listen(outside):
                    raise ContainerFailed("the container's process was killed while it started")
                if self.runtime_hooks():
                    self._run_hooks()
                if self.maps is not None:
                    self.furnish.grant(self)
            outside.send(b"g")
            self.meanwhile()
            if self._listen(outside) != self.last_word:
                raise ContainerFailed("the container's process was killed while it started")
        except (
            OSError,
            NotFound,
        ) as error:  # NotFound is the cgroup's word for a process that has ended
            if (
                isinstance(error, OSError)
                and not isinstance(error, (BrokenPipeError, ConnectionResetError))
                and not self._ended()
            ):
                raise
            channel.listen(outside, self.warnings)  # raises what it had to say
            raise ContainerFailed("the container's process was killed while it started") from None
        finally:
            outside.close()
            inside.close()
            if self.door is not None:
                self.door.close()

    def _complete(self, outside):
        """Make what of the group was left until there is a process, tell that what to show of it, and write the limits.

        The process is not in there yet, so that it meets no device rules that are half written.
        """
        self.group.complete()
        for mount in [mount for mount in self.mounts if isinstance(mount, mounts.CgroupMount)][:1]:
            mount.find(self.group.shown(), cgroups.mode() == "v2", True)
            channel.hand(
                outside,
                b"p",
                [bool(self.group.paths), [name for name, _place in mount.parts]],
                [place for _name, place in mount.parts],
            )
        self._limit()

    def _admit(self, outside, late):
        """Let the process go on in its cgroup. :param late: whether that has been completed, so that it has to go into v1's by itself."""
        tasks = cgroups.tasks(self.group) if late and self.door is not None else []
        try:
            channel.hand(outside, b"c", None, tasks)
        finally:
            for fd in tasks:
                os.close(fd)

    def _ended(self):
        """Whether the process has ended, or is about to: its namespaces go some time before that is told."""
        return self.pidfd is not None and pidfd.ended(self.pidfd, 0.2)

    def _listen(self, outside):
        """The word that the process waits after; b"" when its program is being executed."""
        word, terminal = channel.listen(
            outside,
            self.warnings,
            lambda fds, uid, gid: self.furnish.own_streams(self.maps, fds, uid, gid),
            os.fsdecode(self.program.arguments[0]),
        )
        self.terminal = self.terminal if terminal is None else terminal
        return word

    def pauses(self):
        """Whether the process says that its mounts are made, because something is to be done outside then."""
        return self.maps is not None or self.runtime_hooks()

    def runtime_hooks(self):
        """Whether hooks are run from outside while the process waits with its mounts made."""
        return bool(self.document.hooks.get("prestart") or self.document.hooks.get("createRuntime"))

    def _run_hooks(self):
        from ..features import hooks

        for kind in hooks.RUNTIME_CREATE:
            hooks.run(self.document, kind, self.state("created"))

    def _hand_over(self):
        """What of the host is given to the container's process: links, a class of resctrl."""
        if self.document.net_devices:
            from ..features import net_devices

            net_devices.move(self.document.net_devices, self.pid, self.joined.get("network"))
        if self.document.linux.get("intelRdt"):
            from ..features import resctrl

            resctrl.apply(
                self.document.linux["intelRdt"],
                self.state("creating")["id"],
                self.pid,
                resctrl.place(),
            )

    def _fork_in_time(self):
        """Fork into a new time namespace with offsets: it is this process's children's before there is one."""
        before, pid = None, -1
        try:
            if self.document.time_offsets:
                before = namespaces.new_time(self.document.time_offsets)
            pid, descriptor = self._fork()
            return pid, descriptor
        finally:
            if before is not None and pid != 0:
                namespaces.restore_time(before, self.last)

    def _fork(self):
        flags = self.document.new_namespaces()
        if self.maps is not None:
            return self.furnish.fork(self, flags)
        if "pid" not in self.joined:
            return self.clone3(flags)
        home, pid = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC), -1
        try:
            namespaces.join(self.joined["pid"], "pid")
            pid, descriptor = self.clone3(flags)
            return pid, descriptor
        finally:
            if pid != 0:
                namespaces.return_to_pid(home, self.last)
            os.close(home)

    def clone3(self, flags):
        """The container's process, as whose child and in which cgroup it is to be.

        Its parent hears of its end and can wait for it from the first: with CLONE_PARENT as of this process's, which then is not to be said.
        """
        flags |= self.clone_flags
        try:
            pid, descriptor, self.door = cgroups.fork(
                flags, self.door, 0 if flags & c.CLONE_PARENT else c.SIGCHLD, self.last
            )
            return pid, descriptor
        except OSError as error:
            raise ContainerFailed(
                f"the container's namespaces can't be made: {error.strerror}"
            ) from None

    # --------------------------------------------------------------------------------------------------------- the end

    def _close(self):
        fds = list(self.joined.values())
        for mount in self.mounts:
            fds += (
                [fd for _name, fd in mount.parts]
                if isinstance(mount, mounts.CgroupMount)
                else [mount.place, mount.fd, mount.substitute, mount.owners]
            )
        for fd in (
            fds
            + [fd for _path, fd in self.nodes]
            + self.spent
            + [self.root_fd, self.userns_fd, self.host_mounts]
        ):
            if fd is not None:
                try:
                    os.close(fd)
                except OSError:
                    pass
        self.joined, self.root_fd, self.userns_fd, self.host_mounts = {}, None, None, None

    def undo(self):
        """Take back what was made; what can't be taken back now is found by the next clean-up."""
        pid = self.pid
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
        if self.group is not None:
            try:
                self.group.remove()
            except (EngineError, OSError):
                pass
        self.disconnect()
        if pid and self.document.linux.get("intelRdt"):
            from ..features import resctrl

            resctrl.remove(
                self.document.linux["intelRdt"], self.state("stopped")["id"], resctrl.place() or ""
            )
        if pid and not self.document.private("mount"):
            try:
                syscalls.umount2(self.root_place(), c.MNT_DETACH | c.UMOUNT_NOFOLLOW)
            except OSError:
                pass
        if (
            self.document.hooks.get("poststop") and pid
        ):  # a failed start ends as a container does (runtime.md, "Lifecycle", 3 to 5)
            from ..features import hooks

            self.warnings += hooks.run(
                self.document, "poststop", dict(self.state("stopped"), pid=0)
            )
