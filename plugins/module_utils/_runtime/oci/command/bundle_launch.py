# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of a bundle: what of its making belongs to the command, around oci/launch/launch.py. ``create`` has it wait inside its root."""

from __future__ import annotations

import fcntl
import os
import time

from ... import json_text
from ...errors import InvalidInput, Unsupported
from ...kernel import cgroups
from ...kernel.mounts import mounts
from ...kernel.net import loopback
from ...kernel.processes import procfs
from ...kernel.programs import trampoline
from ...untrusted import files, json_bounds  # noqa: F401 # pylint: disable=unused-import # what jsontext.read takes, for the bundle
from ...untrusted.files import Unacceptable
from ..features import rlimits
from ..launch import bind_sources, child
from ..launch.launch import Launch
from ..spec import bind_flags, schema
from ..spec import mounts as mounting
from ..spec.document import Document
from ..spec.process import Program
from .states import Container

KEEP_GROUPS = "run.oci.keep_original_groups"  # podman's --group-add keep-groups
FAIL_UNKNOWN = "run.oci.seccomp_fail_unknown_syscall"


class Create(Launch):
    """The making of one container from its document.

    :param container: its states.Container, made. :param bundle: path of the bundle. :param wait: whether its process waits for ``start``.
    """

    in_order = last = True
    abreast = True  # whether its groups of cgroup v1 are made while it makes its mounts, where it can be told of them then

    def __init__(self, container, bundle, config, options, wait, systemd=False):
        document = Document(config)
        super().__init__(document, Program(document.process, document.linux))
        self.container, self.options, self.wait, self.systemd = container, options, wait, systemd
        self.rootfs = os.path.join(bundle, config["root"]["path"])
        self.listener, self.last_word = None, b"R" if wait else b""
        self.rootless, self.spaces, self.waiting = False, {}, None  # the last: the module
        self.new_keyring, self.use_pivot = not options["no-new-keyring"], not options["no-pivot"]
        self.program.kept.update(preserve(self.program, options["preserve-fds"]))
        if document.annotations.get(KEEP_GROUPS) == "1":
            self.program.additional = (
                None  # they stay what they are, also in a user namespace, which need not have them
            )
        if document.annotations.get(FAIL_UNKNOWN) == "1":
            from ...kernel.seccomp import compiler

            compiler.refuse_unknown(document.linux.get("seccomp") or {})

    def hide_interpreter(self):
        """See that no program of the container's is executed from this interpreter's file, before anything is made."""
        seen = not self.document.private(
            "pid"
        )  # by what is in that namespace: the host's, or one given by its path
        if self.wait and self.program.may_trace() and "user" not in self.document.namespaces:
            seen = True  # by what is executed in it before its start (exec)
        self.program.steps = trampoline.possible(self.program, seen)
        if not self.program.steps:
            from ..launch import sealed_interpreter

            sealed_interpreter.seal_command()

    def _read_maps(self):
        super()._read_maps()
        locks = None  # whether the kernel lets no attribute of a bind mount be taken away
        for mount, entry in zip(self.mounts, self.document.config.get("mounts") or ()):
            if not isinstance(mount, mounting.CgroupMount):
                if mount.bind and locks is None:
                    locks = self.maps is not None or procfs.in_user_namespace()
                bind_flags.complete(mount, entry.get("options"), locks)
            mount.destination = (
                bind_flags.below(mount.destination, self.rootfs) or mount.destination
            )

    def _open_files(self):
        if os.geteuid():
            self._become_root()
        super()._open_files()

    def _become_root(self):
        """Go into the container's user namespace, where this process has the rights to make the rest; the container is one of that namespace then."""
        from ..launch import userns_outside
        from . import rootless

        if "user" in self.joined:
            rootless.enter_joined(self.joined["user"])
            os.close(self.joined.pop("user"))
        else:
            if self.maps is None:
                self.maps = rootless.usual_maps()
                self.maps.check_user(self.program.uid, self.program.gid, self.program.additional)
            rootless.enter(self.maps)
        self.maps, self.rootless = None, True
        linux = self.document.linux
        linux["namespaces"] = [
            entry for entry in linux.get("namespaces") or () if entry["type"] != "user"
        ]
        userns_outside.open_substitutes(self)

    def within(self, source):
        return bind_flags.below(source, self.rootfs)

    def make_group(self):
        later = (
            self.abreast
            and self.maps is None
            and not os.geteuid()
            and bind_sources.can_be_copied_later()
        )
        return cgroups.create_at(
            self.document.linux.get("cgroupsPath"),
            self.container.ident,
            self.systemd,
            self.document.annotations,
            later,
            self.container.plan_group,
        )

    def _limit(self):
        if not self.group.paths and not self.document.private("pid"):
            self.warnings.append(
                "the container has no process namespace and no cgroup of its own: its end does "
                "not end what it has started. "
                "Such configuration is strongly discouraged"
            )
        super()._limit()

    def resources(self):
        return cgroups.with_default_devices(self.document.linux.get("resources"))

    def open_root(self):
        if not os.path.isdir(self.rootfs):
            raise InvalidInput("root.path", self.rootfs, "an existing directory")
        return mounts.bind(self.rootfs)

    def root_place(self):
        return self.rootfs

    def run(self):
        if self.wait:
            from . import start_socket

            self.waiting, self.listener = (
                start_socket,
                start_socket.listen(self.container.directory),
            )
            self.program.kept.add(self.listener.fileno())
        super().run()
        if self.listener is not None:
            self.listener.close()

    def state(self, status):
        return self.document.state(
            self.container.ident, self.container.data["bundle"], self.pid, status
        )

    def announce(self):
        self.container.data.update(
            pid=self.pid, pid_start=procfs.stat(self.pid)["start"], cgroup=self.group.record()
        )
        self.container.write()

    def meanwhile(self):
        if not self.wait:
            from . import teardown  # noqa: F401 # pylint: disable=unused-import

    # -------------------------------------------------------------------------------------------------- in the process

    def inside(self, root_fd):
        if self.document.private("network"):
            loopback.up()

    def leave(self):
        if self.listener is not None and self.rootless:
            self.spaces = self.waiting.own_namespaces()
            self.program.kept.update(self.spaces.values())

    def wait_for_start(self, inside):
        """Say that it is ready and wait for ``start``."""
        child.find(self.program)
        if self.listener is None:
            return
        child.let_end()
        inside.send(b"R")
        self.waiting.wait(self.listener, inside, self.spaces)


def preserve(program, count):
    """The descriptors after the standard ones that the program is to have: ``LISTEN_FDS`` (sd_listen_fds(3)) and ``--preserve-fds``.

    Those that are not open are passed over.
    """
    passed = os.environ.get("LISTEN_FDS", "")
    if passed.isdigit() and os.environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid()):
        count += int(passed)
        program.environment.update({b"LISTEN_FDS": passed.encode(), b"LISTEN_PID": b"1"})
        if "LISTEN_FDNAMES" in os.environ:
            program.environment[b"LISTEN_FDNAMES"] = os.fsencode(os.environ["LISTEN_FDNAMES"])
    return [fd for fd in range(3, 3 + count) if _given(fd)]


def _given(fd):
    """Whether the caller handed a descriptor on; ours are closed by an exec."""
    try:
        return not fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    except OSError:
        return False


def read_bundle(options):
    """``(bundle, text of its document, document)``."""
    bundle = os.path.abspath(options["bundle"] or ".")
    path = os.path.join(bundle, options["config"] or "config.json")
    try:
        text, config = json_text.read(path, Unsupported)
    except Unacceptable as error:
        raise InvalidInput("bundle", bundle, f"a directory with a config.json ({error})") from None
    schema.check(config)
    return bundle, text, config


def make(call, ident, wait, before=None):
    """Make a container up to its process, which waits for ``start`` or executes its program. Returns the Create that ran.

    :param before: called with the Container before there is a process. :raises EngineError: nothing is left then.
    """
    options = call.given
    bundle, text, config = read_bundle(options)
    check_terminal(config["process"], options, detached=wait or options.get("detach"))
    container = Container(call.options["root"], ident)
    if os.environ.get("NOTIFY_SOCKET"):
        from ..features import sd_notify

        sd_notify.add(config, container)
    create = Create(container, bundle, config, options, wait, call.options["systemd-cgroup"])
    if create.program.terminal and not wait and not options.get("detach"):
        from ..launch import terminal

        create.program.size, create.program.plain = (
            create.program.size or terminal.size_of_own(),
            True,
        )
    create.hide_interpreter()
    create.program.original_limits = rlimits.raise_own()
    enter(container, create.rootfs, bundle, config)
    if os.environ.get("NOTIFY_SOCKET"):
        os.mkdir(os.path.join(container.path, sd_notify.DIRECTORY), 0o755)
    try:
        container.keep_config(text)
        if before is not None:
            before(container)
        create.run()
        try:
            if (
                container.data["cgroup"] != create.group.record()
            ):  # systemd's has its directories since its first process
                container.data["cgroup"] = create.group.record()
                container.write()
            finish(create, options)
        except BaseException:
            create.undo()
            raise
    except BaseException:
        container.remove()
        raise
    return create


def enter(container, rootfs, bundle, config):
    """Make the container's directory, with what is known before there is a process. :raises Conflict: there is one of its id."""
    container.make(
        {
            "id": container.ident,
            "bundle": bundle,
            "rootfs": rootfs,
            "pid": 0,
            "pid_start": None,
            "owner": "root" if os.getuid() == 0 else "",
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "annotations": config.get("annotations") or {},
            "cgroup": {},
            "external_descriptors": json_text.dump([_leads(fd) for fd in (0, 1, 2)]),
        }
    )


def finish(create, options):
    """What the caller is given of the new process: its terminal, a descriptor of it (pidfd_open(2)) and its id."""
    if options["console-socket"]:
        from . import console

        console.hand_over(options["console-socket"], create.terminal)
        create.terminal = None
    if options.get("pidfd-socket"):
        from . import console

        console.send(
            "--pidfd-socket",
            options["pidfd-socket"],
            b"pidfd",
            create.pidfd,
            "a descriptor of the process",
        )
    if options["pid-file"]:
        write_pid(options["pid-file"], create.pid)


def write_pid(path, pid):
    """The file appears whole."""
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.new")
    try:
        json_text.write_whole(path, b"%d" % pid, 0o644, temporary)
    except OSError as error:
        raise InvalidInput(
            "--pid-file",
            path,
            f"a path that can be written to ({os.strerror(error.errno).lower()})",
        ) from None


def check_terminal(process, options, detached):
    """A terminal's master needs somebody to take it: the caller by a socket, or this process while it waits."""
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


def _leads(fd):
    try:
        return os.readlink("/proc/self/fd/%d" % fd)
    except OSError:
        return "/dev/null"
