# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a container from a bundle (oci/launch).

``create`` has its process wait inside its root, ``run`` has it execute its program.
"""

from __future__ import annotations

import fcntl
import os
import time

from ... import json_text
from ...errors import InvalidInput, Unsupported, reason, required
from ...kernel import cgroups
from ...kernel.mounts import mounts
from ...kernel.net import loopback
from ...kernel.processes import procfs
from ...kernel.programs import trampoline

# What json_text.read loads, for the archive of modules.
from ...untrusted import files, json_bounds  # noqa: F401 # pylint: disable=unused-import
from ...untrusted.files import Unacceptable
from ..features import rlimits
from ..launch import executing, steps
from ..launch.launch import Launch
from ..launch.rights import Direct
from ..launch.site import Site
from ..spec import bind_flags, schema
from ..spec import mount_entries as mounting
from ..spec.document import Document
from ..spec.program import Program
from .states import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..launch.join import Process
    from ..launch.launch import Origin
    from ..spec import config_types
    from ..spec.config_types import Config
    from .arguments import Call

KEEP_GROUPS = "run.oci.keep_original_groups"  # podman's --group-add keep-groups
FAIL_UNKNOWN = "run.oci.seccomp_fail_unknown_syscall"


class BundleSite(Site):
    """Where a bundle's container is launched.

    :param container: its states.Container, made.
    :param bundle: path of the bundle.
    :param options: of the command.
    :param waits: whether its process waits for ``start``.
    :param systemd: as of cgroups.create_at.
    """

    in_order = last = True
    set_up_loopback = staticmethod(loopback.up)

    def __init__(
        self,
        container: Container,
        bundle: str,
        config: Config,
        options: Mapping[str, Any],
        waits: bool,
        systemd: bool | None = False,
    ):
        rootfs = os.path.join(bundle, config["root"]["path"])
        super().__init__(container.ident, bundle, rootfs)
        self.container, self.waits, self.systemd = container, waits, systemd
        self.new_keyring, self.use_pivot = not options["no-new-keyring"], not options["no-pivot"]
        self.listener: _socket.socket | None = None
        self.rootless = False
        self.spaces: dict[str, int] = {}
        self.waiting: Any = None  # the module start_socket

    # -------------------------------------------------------------------------------------- outside

    def make_group(self, launch: Launch) -> cgroups.Group:
        # Groups of cgroup v1 are made while the process makes its mounts, where it can be told of
        # them then.
        later = launch.origin.groups_later and not os.geteuid() and launch.rights.copies_later()
        return cgroups.create_at(
            launch.document.linux.get("cgroupsPath"),
            self.ident,
            self.systemd,
            launch.document.annotations,
            later,
            self.container.announce_group,
        )

    def resources(self, launch: Launch) -> Mapping[str, Any]:
        if not launch.group.paths and not launch.document.private("pid"):
            launch.warnings.append(
                "the container has no process namespace and no cgroup of its own: its end does "
                "not end what it has started. "
                "Such configuration is strongly discouraged"
            )
        return cgroups.with_default_devices(launch.document.linux.get("resources"))

    def prepare(self, launch: Launch) -> None:
        """Read bind mounts as callers of runc expect them, and without root become the root of a
        user namespace.
        """
        locks = None  # whether the kernel lets no attribute of a bind mount be taken away
        for mount, entry in zip(launch.mounts, launch.document.config.get("mounts") or ()):
            if isinstance(mount, mounting.Mount):
                if mount.bind and locks is None:
                    locks = launch.rights.maps is not None or procfs.in_user_namespace()
                bind_flags.complete(mount, entry.get("options"), bool(locks))
            mount.destination = (
                bind_flags.below(mount.destination, self.root_place) or mount.destination
            )
        if os.geteuid():
            self._become_root(launch)

    def _become_root(self, launch: Launch) -> None:
        """Go into the container's user namespace, where this process has the rights to make the
        rest; the container is one of that namespace then.
        """
        from ..launch import userns_outside
        from . import rootless

        if "user" in launch.joined:
            rootless.enter_joined(launch.joined["user"])
            os.close(launch.joined.pop("user"))
        else:
            maps = launch.rights.maps
            if maps is None:
                maps, program = rootless.usual_maps(), launch.program
                maps.check_user(program.uid, program.gid, program.additional)
            rootless.enter(maps)
        launch.rights, self.rootless = Direct(), True
        linux = launch.document.linux
        linux["namespaces"] = [
            entry for entry in linux.get("namespaces") or () if entry["type"] != "user"
        ]
        userns_outside.open_substitutes(launch)

    def open_root(self, _launch: Launch) -> int:
        if not os.path.isdir(self.root_place):
            raise InvalidInput("root.path", self.root_place, "an existing directory")
        fd: int = mounts.bind(self.root_place)
        return fd

    def within(self, source: str) -> str | None:
        return bind_flags.below(source, self.root_place)

    def announce(self, launch: Launch) -> None:
        data = self.container.data
        data["pid"], data["pid_start"] = launch.pid, procfs.start_time(launch.pid)
        data["cgroup"] = launch.group.record()
        self.container.write()

    def meanwhile(self) -> None:
        if not self.waits:
            from . import teardown  # noqa: F401 # pylint: disable=unused-import # loaded while nobody waits

    def listen(self, program: Program) -> None:
        """Make the socket at which the process waits for its start."""
        if self.waits:
            from . import start_socket  # ``run`` has none

            self.waiting = start_socket  # inside a root nothing is imported any more
            directory = required(self.container.directory, "the lock of a container")
            self.listener = start_socket.listen(directory)
            program.kept.add(self.listener.fileno())

    # --------------------------------------------------------------------------------------- inside

    def leave(self, launch: Launch) -> None:
        if self.listener is not None and self.rootless:
            self.spaces = self.waiting.own_namespaces()
            launch.program.kept.update(self.spaces.values())

    def wait_for_start(self, launch: Launch, channel: _socket.socket) -> None:
        """Say that it is ready and wait for ``start``."""
        executing.find(launch.program)
        if self.listener is None:
            return
        executing.let_end()
        channel.send(b"R")
        self.waiting.wait(self.listener, channel, self.spaces)


def prepare(
    site: BundleSite, config: Config, options: Mapping[str, Any], origin: Origin | None = None
) -> Launch:
    """Put the launch of a bundle's container together.

    :raises Unsupported: naming what of the document can't be done.
    """
    document = Document(config)
    program = Program(document.process, document.linux)
    launch = Launch(document, program, site, origin, steps.trace())
    program.kept.update(preserve(program, options["preserve-fds"]))
    if document.annotations.get(KEEP_GROUPS) == "1":
        # They stay what they are, also in a user namespace, which need not have them.
        program.additional = None
    if document.annotations.get(FAIL_UNKNOWN) == "1":
        from ...kernel.seccomp import compiler  # few documents ask for it

        compiler.refuse_unknown(document.linux.get("seccomp") or {})
    return launch


def hide_interpreter(launch: Launch) -> None:
    """See that no program of the container's is executed from this interpreter's file, before
    anything is made.
    """
    document, program = launch.document, launch.program
    # By what is in its process namespace: the host's, or one given by its path.
    seen = not document.private("pid")
    if launch.site.waits and program.may_trace() and "user" not in document.namespaces:
        seen = True  # by what is executed in it before its start (exec)
    program.steps = trampoline.possible(program, seen)
    if not program.steps:
        from ..launch import sealed_interpreter  # few containers need it

        sealed_interpreter.seal_command()


def preserve(program: Program, count: int) -> list[int]:
    """Return the descriptors after the standard ones that the program is to have: ``LISTEN_FDS``
    (sd_listen_fds(3)) and ``--preserve-fds``.

    Those that are not open are passed over.
    """
    passed = os.environ.get("LISTEN_FDS", "")
    if passed.isdigit() and os.environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid()):
        count += int(passed)
        program.environment.update({b"LISTEN_FDS": passed.encode(), b"LISTEN_PID": b"1"})
        if "LISTEN_FDNAMES" in os.environ:
            program.environment[b"LISTEN_FDNAMES"] = os.fsencode(os.environ["LISTEN_FDNAMES"])
    return [fd for fd in range(3, 3 + count) if _given(fd)]


def _given(fd: int) -> bool:
    """Whether the caller handed a descriptor on; ours are closed by an exec."""
    try:
        return not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    except OSError:
        return False


def read_bundle(options: Mapping[str, Any]) -> tuple[str, str, Config]:
    """Read ``(bundle, text of its document, document)``."""
    bundle = os.path.abspath(options["bundle"] or ".")
    path = os.path.join(bundle, options["config"] or "config.json")
    try:
        text, config = json_text.read(path, Unsupported)
    except Unacceptable as error:
        raise InvalidInput("bundle", bundle, f"a directory with a config.json ({error})") from None
    schema.check(config)
    return bundle, text, config


def make(
    call: Call, ident: str, wait: bool, before: Callable[[Container], None] | None = None
) -> tuple[Launch, BundleSite]:
    """Make a container up to its process, which waits for ``start`` or executes its program.

    Returns the Launch that ran, and its site.

    :param before: called with the Container before there is a process.
    :raises EngineError: nothing is left then.
    """
    options = call.given
    bundle, text, config = read_bundle(options)
    check_terminal(config["process"], options, detached=bool(wait or options.get("detach")))
    container = Container(call.options["root"], ident)
    if os.environ.get("NOTIFY_SOCKET"):
        from ..features import sd_notify

        sd_notify.add(config, container)
    site = BundleSite(container, bundle, config, options, wait, call.options["systemd-cgroup"])
    launch = prepare(site, config, options)
    program = launch.program
    if program.terminal and not wait and not options.get("detach"):
        from ..launch import terminal

        program.size, program.plain = program.size or terminal.size_of_own(), True
    hide_interpreter(launch)
    program.original_limits = rlimits.raise_own()
    enter(site, config)
    if os.environ.get("NOTIFY_SOCKET"):
        os.mkdir(os.path.join(container.path, sd_notify.DIRECTORY), 0o755)
    try:
        container.keep_config(text)
        if before is not None:
            before(container)
        site.listen(program)
        launch.run()
        if site.listener is not None:
            site.listener.close()
        try:
            if container.data["cgroup"] != launch.group.record():
                # Systemd's has its directories since its first process.
                container.data["cgroup"] = launch.group.record()
                container.write()
            finish(launch, options)
        except BaseException:
            launch.undo()
            raise
    except BaseException:
        container.remove()
        raise
    return launch, site


def enter(site: BundleSite, config: Config) -> None:
    """Make the container's directory, with what is known before there is a process.

    :raises Conflict: there is one of its id.
    """
    site.container.make(
        {
            "id": site.ident,
            "bundle": site.bundle,
            "rootfs": site.root_place,
            "pid": 0,
            "pid_start": None,
            "owner": "root" if os.getuid() == 0 else "",
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "annotations": config.get("annotations") or {},
            "cgroup": {},
            "external_descriptors": json_text.dump([_leads(fd) for fd in (0, 1, 2)]),
        }
    )


def finish(made: Launch | Process, options: Mapping[str, Any]) -> None:
    """Give the caller what is asked for of the new process: its terminal, a descriptor of it
    (pidfd_open(2)) and its id.
    """
    if options["console-socket"]:
        from . import console  # few callers have one

        console.hand_over(options["console-socket"], required(made.terminal, "the terminal"))
        made.terminal = None
    if options.get("pidfd-socket"):
        from . import console  # as above

        console.send(
            "--pidfd-socket",
            options["pidfd-socket"],
            b"pidfd",
            required(made.pidfd, "the process"),
            "a descriptor of the process",
        )
    if options["pid-file"]:
        write_pid(options["pid-file"], made.pid)


def write_pid(path: str, pid: int) -> None:
    """Write a process's id; the file appears whole."""
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")
    try:
        json_text.write_whole(path, b"%d" % pid, 0o644, temporary)
    except OSError as error:
        raise InvalidInput(
            "--pid-file", path, f"a path that can be written to ({reason(error, named=True)})"
        ) from None


def check_terminal(
    process: config_types.Process, options: Mapping[str, Any], detached: bool
) -> None:
    """See that a terminal can be given on.

    A terminal's master needs somebody to take it: the caller by a socket, or this process while it
    waits.
    """
    socket = options["console-socket"]
    if process.get("terminal") and detached and not socket:
        raise InvalidInput(
            "--console-socket",
            None,
            "the path of a socket that takes the terminal: use --console-socket with "
            "process.terminal",
        )
    if socket and not (process.get("terminal") and detached):
        raise InvalidInput(
            "--console-socket",
            socket,
            "no socket: there is no terminal, or this command itself attends to it",
        )


def _leads(fd: int) -> str:
    """Return where a standard stream of this process leads."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return "/dev/null"
