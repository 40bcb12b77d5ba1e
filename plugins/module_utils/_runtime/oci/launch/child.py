# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's process does between clone3 and execve: it builds its root, enters it and
gives up its rights.

It has the rights of the host's root until the end, and the image's files as its root before that.
So from ``freeze`` on nothing is imported, looked up by name or decoded by a codec that is not
loaded (CVE-2019-14271 in Python's form), no traceback is printed (that would open source files),
and every failure leaves as one sentence over the channel to who makes it.

Everything that is written to /proc is written before the root is entered, to the host's own /proc,
where no file of the image can stand in for it (CVE-2025-52881).

The order is that of ``FirstProcess.steps``; how a program is executed in the end (executing.py) is
the same for a further process (join.py).
"""

from __future__ import annotations

import errno
import os

from ...errors import reason, required
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts, rootfs
from ...kernel.programs import trampoline
from ..features import rlimits
from ..spec import devices
from ..spec import mount_entries as mounting
from ..spec.scheduling import reset_affinity
from . import bind_sources, channel, executing, terminal
from .channel import FAILED, Failure
from .executing import Execution
from .steps import perform

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import NoReturn

    from ...kernel.cgroups.entry import Door
    from .launch import Launch
    from .steps import Steps


def main(launch: Launch, inside: _socket.socket, door: Door | None) -> NoReturn:
    """Become the container's first process.

    :param inside: its end of the channel.
    :param door: by which it goes into its control group, None where it is moved there.
    """

    def become() -> int:
        process = FirstProcess(launch, inside, door)
        perform(process.steps(), process.trace)
        return FAILED  # its last step executes the program

    channel.end(inside, become)


class FirstProcess:
    """The container's process 1, and what its steps share.

    :ivar streams: descriptors of its standard input, output and error.
    :ivar null_fd: of the container's /dev/null, as a place.
    :ivar start_hooks: runs the hooks startContainer, None where there are none.
    """

    null_fd: int

    def __init__(self, launch: Launch, inside: _socket.socket, door: Door | None):
        self.launch, self.inside, self.door = launch, inside, door
        self.trace = channel.trace(launch.trace, inside)
        self.program, self.document = launch.program, launch.document
        self.site, self.rights, self.hooks = launch.site, launch.rights, launch.optional.hooks
        self.given: tuple[int | None, int | None, int | None] = (None, None, None)
        self.streams: list[int] = []
        self.start_hooks: Callable[[], None] | None = None
        self.groups_shown = False

    def warn(self, text: str) -> None:
        """Have a sentence told to the user."""
        channel.warn(self.inside, text)

    def steps(self) -> Steps:
        """All that it does, in this order."""
        yield from self._arrive()
        yield from self._build()
        yield from self._come_to_its_user()
        yield from self._be_admitted()
        yield from self._restrict()
        yield from self._enter()
        yield from Execution(self.program, self.start_hooks, self.trace).steps()

    def _arrive(self) -> Steps:
        """Be a process of its own, in its namespaces, with the root attached and empty."""
        document, launch = self.document, self.launch
        if self.door is not None:
            yield "go into its control group", self.door.enter
        yield "take every signal as a new program expects it", executing.default_signals
        if not launch.site.open_to_maker:
            yield "let nobody look into its memory", lambda: syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        yield "have files made with the modes that are asked for", lambda: os.umask(0)
        yield "begin a session", os.setsid
        if document.private("mount"):
            yield "part its mounts from the host's", mounts.leave_host
        elif "mount" in launch.joined:
            fd = launch.joined["mount"]
            yield "join the mount namespace", lambda: namespaces.join(fd, "mount")
        yield from self.rights.receive(self)
        yield "attach its root where the host has it", self._attach_root
        if self.program.label and not self._label_is_late():
            yield "set the security label that its program gets", self._set_label
        yield from self.rights.join(self)
        if self.site.set_up_loopback is not None and document.private("network"):
            yield "set up its loopback link", self.site.set_up_loopback

    def _build(self) -> Steps:
        """Have the streams of the host's file system, and make the root's mounts and devices."""
        if not self.program.terminal:
            yield "open its streams", self._open_streams
        if self.program.init:
            yield "make the file of the small process 1", self._make_init
        yield from self.rights.become_root(self)
        yield "make its mounts and devices", self._fill
        if self.program.terminal:
            yield "make its terminal", self._make_terminal
        else:
            yield "take its own /dev/null for streams that are not given", self._complete_streams

    def _come_to_its_user(self) -> Steps:
        """Know who the program's user is by the root's own files."""
        yield "find its user and groups", lambda: self.program.resolve_user(self.launch.root_fd)
        yield from self.rights.hand_streams(self)
        yield "make its working directory", self._make_directory

    def _be_admitted(self) -> Steps:
        """Wait for what is made outside: control group and network."""
        yield "go into its control group when that has its limits", self._enter_groups
        yield "run on every processor of its control group", reset_affinity
        if self.document.private("cgroup"):
            yield "make its cgroup namespace", lambda: syscalls.unshare(c.CLONE_NEWCGROUP)
        if self.launch.pauses():
            yield "say that its mounts are made", lambda: self.inside.send(b"M")
        yield "wait until its network is there, and its pid is written down", self._wait_for_word

    def _restrict(self) -> Steps:
        """Set what is left of the document, all of it with the rights that it still has."""
        document, linux, launch = self.document, self.document.linux, self.launch
        root_fd = launch.root_fd
        if self.hooks.get("createContainer"):
            yield "run the hooks createContainer", self._run_create_hooks
        if self.program.label and self._label_is_late():
            yield "set the security label that its program gets", self._set_label
        if launch.optional.sysctls:
            yield "set linux.sysctl", self._set_sysctls
        yield "make read-only what may be written until here", self._finish_mounts
        masked, read_only = linux.get("maskedPaths"), linux.get("readonlyPaths")
        if masked:
            yield "hide linux.maskedPaths", lambda: mounts.mask(root_fd, masked, self.null_fd)
        if read_only:
            yield (
                "make linux.readonlyPaths read-only",
                lambda: mounts.make_read_only(root_fd, read_only),
            )
        if document.config.get("root", {}).get("readonly"):
            yield (
                "make the root read-only",
                lambda: mounts.set_attributes(root_fd, c.MOUNT_ATTR_RDONLY),
            )
        config = document.config
        if config.get("hostname"):
            yield "set its hostname", lambda: syscalls.sethostname(config["hostname"])
        if config.get("domainname"):
            yield "set its domainname", lambda: syscalls.setdomainname(config["domainname"])
        if self.site.new_keyring:
            yield "join a new session keyring", _join_keyring
        yield "raise the hard limits that are below those asked for", self._allow_limits
        yield from self.rights.schedule(self)
        yield "set its personality and memory policy", self.program.scheduling.apply_own
        yield "leave out capabilities that it can't give", self._fit_capabilities

    def _enter(self) -> Steps:
        """Have at hand what the last steps need, and enter the root: nothing of the host can be
        opened afterwards.
        """
        program, site, root_fd = self.program, self.site, self.launch.root_fd
        yield "make its streams the standard ones", self._take_over_streams
        if self.hooks.get("startContainer"):
            yield "prepare the hooks startContainer", self._prepare_start_hooks
        if program.listener:
            yield "write down what the seccomp agent is told", self._prepare_listener
        if program.steps:
            yield (
                "make the small program that executes the container's",
                lambda: trampoline.prepare(program, self.inside.fileno()),
            )
        yield "open what is needed when it is started", lambda: site.leave(self.launch)
        yield "let no file become code of this process", executing.freeze
        if not self.document.private("mount"):
            yield (
                "enter the root, in mounts that others have too",
                lambda: mounts.change_root(root_fd),
            )
        else:
            yield "enter the root", self._enter_root
        yield (
            "close all other descriptors",
            lambda: executing.close_others(self.inside.fileno(), program),
        )
        yield "enter the working directory", lambda: executing.enter_directory(program.cwd)
        yield "be ready to start", lambda: site.wait_for_start(self.launch, self.inside)

    # --------------------------------------------------------------------------------- single steps

    def _label_is_late(self) -> bool:
        """Whether the label waits for the hooks createContainer: they are the host's, and what they
        execute would have it.
        """
        return bool(self.hooks.get("createContainer"))

    def _set_label(self) -> None:
        executing.set_label(self.program)

    def _attach_root(self) -> None:
        self.rights.attach_root(self.launch.root_fd, self.site.root_place)
        mounting.separate_root(self.launch.root_fd, self.document.linux.get("rootfsPropagation"))

    def _open_streams(self) -> None:
        self.given = self.site.open_streams(self.launch)

    def _make_init(self) -> None:
        from ...kernel.programs import init  # it is here: the engine has it before it forks

        self.program.init_fd = init.descriptor()

    def _complete_streams(self) -> None:
        null = devices.open_null(self.launch.root_fd, os.O_RDWR) if None in self.given else -1
        self.streams = [null if fd is None else fd for fd in self.given]

    def _make_terminal(self) -> None:
        """Make a new terminal: the master to the maker, the slave to /dev/console."""
        root_fd = self.launch.root_fd
        slave = terminal.make(self.program, self.inside, root_fd)
        fd = mounts.bind(slave, recursive=False)
        mounts.attach(fd, root_fd, "/dev/console")
        os.close(fd)
        self.streams = [slave] * 3

    def _make_directory(self) -> None:
        """Make the working directory where the image does not have it: as root, as Docker does."""
        try:
            os.close(rootfs.make_in_root(self.launch.root_fd, self.program.cwd, True))
        except OSError as error:
            # A link that is no path, procfs, and what chdir will say.
            if error.errno not in (errno.ELOOP, errno.EROFS, errno.ENOTDIR, errno.ENOENT):
                raise

    def _enter_groups(self) -> None:
        cgroups.enter(channel.take(self.inside, b"c")[1])

    def _wait_for_word(self) -> None:
        channel.expect(self.inside, b"g")

    def _run_create_hooks(self) -> None:
        """Run hooks in the container's namespaces, by paths of the host; the pid is that of the
        container's namespace.
        """
        from ..features import hooks  # it is here since the document was read

        # The root as the working directory is runc's way, which its hooks' users rely on; crun's is
        # the bundle.
        kind = "createContainer"
        about = hooks.text(self.launch.state("created", os.getpid()))
        hooks.run_all(self.hooks[kind], kind, about, [self.site.root_place])

    def _prepare_start_hooks(self) -> None:
        """Have ready what runs the hooks inside, while anything can still be looked up."""
        from ..features import hooks  # it is here since the document was read

        kind, program = "startContainer", self.program
        about, wanted = hooks.text(self.launch.state("created", os.getpid())), self.hooks[kind]
        for hook in wanted:
            hook.opened = hook.open_outputs()
            program.kept.update(fd for fd in hook.opened if fd is not None)
        self.start_hooks = lambda: hooks.run_all(
            wanted, kind, about, environment=program.environment
        )

    def _set_sysctls(self) -> None:
        from ..features import sysctls  # it is here since the document was read

        sysctls.apply(self.launch.optional.sysctls)

    def _finish_mounts(self) -> None:
        for mount in self.launch.mounts:
            mount.finish()

    def _allow_limits(self) -> None:
        rlimits.allow(self.program, self.warn)

    def _fit_capabilities(self) -> None:
        self.program.fit_capabilities(self.warn)

    def _take_over_streams(self) -> None:
        terminal.take_over(self.streams, self.program.terminal)

    def _prepare_listener(self) -> None:
        listener = required(self.program.listener, "the listener of a seccomp filter")
        agent_words = required(self.launch.agent_words, "its words")
        words = agent_words(listener, self.launch.state("creating"))
        executing.prepare_listener(self.program, words, self.inside)

    def _enter_root(self) -> None:
        enter = mounts.pivot if self.site.use_pivot else mounts.move_root
        enter(self.launch.root_fd)
        mounting.propagate_root(self.document.linux.get("rootfsPropagation"))

    # --------------------------------------------------------------------------- mounts and devices

    def _fill(self) -> None:
        """Make all mounts, and below /dev the nodes and links; open the container's /dev/null."""
        launch, made = self.launch, False
        order = bind_sources.Order(launch)
        for number, mount in enumerate(launch.mounts):
            if (
                isinstance(mount, mounting.CgroupMount)
                and launch.group.later
                and not self.groups_shown
            ):
                self._take_groups()
            try:
                mount.make(launch.root_fd, order.come(number))
            except OSError as error:
                raise Failure(f"mount {mount.destination}: {reason(error, named=True)}") from None
            if mount.destination.rstrip("/") == "/dev":
                made = True
                if (
                    not mount.bind
                ):  # a /dev of the host's has what it needs, and nothing is made in it
                    self._fill_dev()
        if not made:
            self._fill_dev()
        self.null_fd = devices.open_null(launch.root_fd, os.O_PATH)

    def _take_groups(self) -> None:
        """Wait until the groups of cgroup v1 are there, to be shown."""
        (own, names), places = channel.take(self.inside, b"p")
        for mount in self.launch.mounts:
            if isinstance(mount, mounting.CgroupMount):
                mount.take(own, names, places)
        self.groups_shown = True

    def _fill_dev(self) -> None:
        root_fd = self.launch.root_fd
        self.rights.make_nodes(self.launch, root_fd)
        for path, fd in self.launch.nodes:
            mounts.attach(fd, root_fd, path, attributes=c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NOEXEC)
        devices.make_links(root_fd)


def _join_keyring() -> None:
    """Join a session keyring of its own: else the container would see the keys of whoever started
    the engine.
    """
    try:
        syscalls.keyctl_join_session()
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EDQUOT):
            raise
