# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a container's process 1 by clone3(2), and work beside it until its program is executed
(child.py is its own side).

The two speak over a socket (channel.py). The maker says
    "p"    what of its control group can be shown, where that is made meanwhile
    "u"    what a process in a user namespace can't make itself (userns_outside.py)
    "c"    its control group is there and limited, and the process is in it, or is handed what it
           goes in by
           (it answers "M" when its mounts are made, if something is to be done then)
    "g"    all that is made from outside is there (network, hooks): go on
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, NotFound, reason
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.isolation import namespaces
from ...kernel.processes import pidfd
from ..spec import mount_entries
from . import channel, child
from .steps import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from ...kernel.cgroups.entry import Door
    from .launch import Launch
    from .steps import Steps

KILLED = "the container's process was killed while it started"


class Clone:
    """The usual origin of a container's process 1.

    :cvar groups_later: whether groups of cgroup v1 may be made while the process makes its mounts:
        it can be told of them then.
    :ivar launch: the Launch that it is made for.
    :ivar door: by which the process goes into its group; None where it is moved.
    """

    groups_later = True
    launch: Launch

    def __init__(self) -> None:
        self.door: Door | None = None

    def open_files(self, launch: Launch) -> None:
        """Open the root and what is bind-mounted, before there is a process."""
        launch.rights.open_files(launch)

    def make(self, launch: Launch) -> None:
        """Make process 1 and wait until its program is being executed, or it waits for its start.

        Set the launch's pid and pidfd.

        :raises ContainerFailed: with the sentence why it did not come to that.
        :raises OSError:
        """
        self.launch = launch
        outside, inside = channel.pair()
        if "user" not in launch.joined:
            self.door = launch.group.door()
        try:
            launch.pid, launch.pidfd = self._fork_in_time()
            if launch.pid == 0:
                outside.close()  # or it would never see the end of who makes it
                child.main(launch, inside, self.door)
            inside.close()
            perform(self._steps(outside), launch.trace)
        except (
            OSError,
            NotFound,
        ) as error:  # NotFound is the group's word for a process that has ended
            if self._is_own(error):
                raise
            channel.listen(outside, launch.warnings)  # raises what it had to say
            raise ContainerFailed(KILLED) from None
        finally:
            outside.close()
            inside.close()
            if self.door is not None:
                self.door.close()

    def _is_own(self, error: Exception) -> bool:
        """Whether an error is the maker's: not that of a socket whose other end has gone, nor of
        one who looks after a process that has ended.

        The process has ended, or is about to: its namespaces go some time before that is told.
        """
        if not isinstance(error, OSError) or isinstance(
            error, (BrokenPipeError, ConnectionResetError)
        ):
            return False
        process = self.launch.pidfd
        return process is None or not pidfd.ended(process, 0.2)

    def _steps(self, outside: _socket.socket) -> Steps:
        """What is done while the process is on its way."""
        launch = self.launch
        late = bool(launch.group.later)
        if late:
            yield "complete the control group", lambda: self._complete(outside)
            yield "write the control group's limits", launch.write_limits
        yield "write down that there is a process", lambda: launch.site.announce(launch)
        if launch.rights.maps is not None:
            yield (
                "write the user namespace's maps, and make what they map",
                lambda: launch.rights.furnish(launch, outside),
            )
        if self.door is None:
            yield "move the process into its control group", lambda: launch.group.attach(launch.pid)
        yield "let the process go on in its control group", lambda: self._admit(outside, late)
        yield "connect its network", lambda: launch.site.connect(launch)
        yield from launch.hand_over()
        if self.launch.pauses():
            yield "wait until its mounts are made", lambda: self._wait_for_mounts(outside)
            if launch.has_runtime_hooks():
                yield "run the hooks prestart and createRuntime", launch.run_runtime_hooks
            if launch.rights.attended:
                yield "give it what needs the host's rights", lambda: launch.rights.grant(launch)
        yield "let it come to its program", lambda: outside.send(b"g")
        yield "load what is needed later", launch.site.meanwhile
        yield "wait until its program is executed", lambda: self._wait_for_program(outside)

    def _complete(self, outside: _socket.socket) -> None:
        """Make what of the group was left until there is a process, and tell that what to show of
        it.

        Limits are written afterwards. The process is not in there yet, so that it meets no device
        rules that are half written.
        """
        group = self.launch.group
        group.complete()
        for mount in self.launch.mounts:
            if isinstance(mount, mount_entries.CgroupMount):
                mount.find(group.shown(), cgroups.mode() == "v2", True, cgroups.unified())
                names, places = (
                    [name for name, _fd in mount.parts],
                    [fd for _name, fd in mount.parts],
                )
                channel.hand(outside, b"p", [bool(group.paths), names], places)
                break

    def _admit(self, outside: _socket.socket, late: bool) -> None:
        """Let the process go on.

        :param late: whether its group was completed meanwhile, so that it has to go into v1's by
            itself.
        """
        tasks = cgroups.tasks(self.launch.group) if late and self.door is not None else []
        try:
            channel.hand(outside, b"c", None, tasks)
        finally:
            for fd in tasks:
                os.close(fd)

    def _wait_for_mounts(self, outside: _socket.socket) -> None:
        if not self._listen(outside):
            raise ContainerFailed(KILLED)

    def _wait_for_program(self, outside: _socket.socket) -> None:
        if self._listen(outside) != (b"R" if self.launch.site.waits else b""):
            raise ContainerFailed(KILLED)

    def _listen(self, outside: _socket.socket) -> bytes:
        """Return the word that the process waits after; b"" when its program is being executed."""
        launch = self.launch
        word, terminal = channel.listen(
            outside,
            launch.warnings,
            launch.rights.own_streams,
            os.fsdecode(launch.program.arguments[0]),
        )
        if terminal is not None:
            launch.terminal = terminal
        return word

    # ----------------------------------------------------------------------------------------- fork

    def _fork_in_time(self) -> tuple[int, int]:
        """Fork into a new time namespace with offsets: it is this process's children's before there
        is one.
        """
        launch = self.launch
        before, pid = None, -1
        try:
            if launch.document.time_offsets:
                before = namespaces.new_time(launch.document.time_offsets)
            if launch.trace is not None:
                launch.trace.tell("make the container's process in its namespaces (clone3)")
            pid, descriptor = launch.rights.fork(self, launch.document.new_namespaces())
            return pid, descriptor
        finally:
            if before is not None and pid != 0:
                namespaces.restore_time(before, launch.site.last)

    def fork_into_pid_namespace(self, flags: int) -> tuple[int, int]:
        """Fork into the process namespace that is joined, if one is.

        :param flags: CLONE_NEW*. Return ``(pid, pidfd)``.
        """
        joined = self.launch.joined
        if "pid" not in joined:
            return self.clone3(flags)
        home, pid = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC), -1
        try:
            namespaces.join(joined["pid"], "pid")
            pid, descriptor = self.clone3(flags)
            return pid, descriptor
        finally:
            if pid != 0:
                namespaces.return_to_pid(home, self.launch.site.last)
            os.close(home)

    def clone3(self, flags: int) -> tuple[int, int]:
        """Make the container's process, as whose child and in which control group it is to be.

        Return ``(pid, pidfd)``.

        Its parent hears of its end and can wait for it from the first: with CLONE_PARENT as of this
        process's, which then is not to be said.

        :raises ContainerFailed: the kernel refuses.
        """
        site = self.launch.site
        flags |= site.clone_flags
        try:
            pid, descriptor, self.door = cgroups.fork(
                flags, self.door, 0 if flags & c.CLONE_PARENT else c.SIGCHLD, site.last
            )
            return pid, descriptor
        except OSError as error:
            raise ContainerFailed(
                f"the container's namespaces can't be made: {reason(error, named=True)}"
            ) from None
