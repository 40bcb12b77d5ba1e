# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's process does between clone3 and execve: it builds its root, enters it and gives up its rights.

It has the rights of the host's root until the end, and the image's files as its root before that. So from ``freeze`` on
nothing is imported, looked up by name or decoded by a codec that is not loaded (CVE-2019-14271 in Python's form), no
traceback is printed (that would open source files), and every failure leaves as one sentence over the channel to who makes it.

Everything that is written to /proc is written before the root is entered, to the host's own /proc, where no file of the
image can stand in for it (CVE-2025-52881).
"""

from __future__ import annotations

import _signal
import errno
import os
import sys

from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import fds, syscalls
from ...kernel.isolation import capabilities, namespaces
from ...kernel.mounts import mounts, rootfs
from ...kernel.processes import procfs
from ...kernel.programs import trampoline
from ..features import rlimits
from ..features.scheduling import reset_affinity
from ..spec import devices
from ..spec import mounts as mounting
from . import bind_sources, channel, terminal
from .channel import FAILED, NOT_EXECUTABLE, NOT_FOUND, Failure

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


_frozen = []  # finders that are not asked any more: to free them would copy the pages that they share with the maker

# --------------------------------------------------------------------------------------------------------- shared with exec


def freeze():
    """From here on no file can become code of this process."""
    sys.path[:] = []
    _frozen.extend(sys.meta_path)
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def default_signals():
    """Every signal as a new program expects it, whatever this process and those before it ignored or blocked."""
    for number in range(1, 65):
        if (
            number not in (9, 19, 32, 33) and _signal.getsignal(number) != _signal.SIG_DFL
        ):  # KILL, STOP; 32 and 33 are the C library's own
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def let_end():
    """Have the signals that ask a program to end do so, which the kernel spares a first process without handlers (pid_namespaces(7)).

    Executing the program takes the handlers away.
    """
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM):
        _signal.signal(number, lambda asked, dummy_frame: os._exit(128 + asked))


def set_oom_score(program, warn, pid="self"):
    if program.oom_score_adj is not None:
        try:
            procfs.set_oom_score_adj(program.oom_score_adj, pid)
        except OSError as error:
            warn(
                "oom_score_adj %d can't be set: %s"
                % (program.oom_score_adj, os.strerror(error.errno))
            )


def set_label(program):
    """The label that the program gets when it is executed, and with SELinux the one of the keyring that is made until then."""
    if program.label:
        name, text = program.label
        try:
            procfs.write("/proc/self/attr/" + name, text)
            if program.labels_keys:
                procfs.write("/proc/self/attr/keycreate", text)
        except OSError as error:
            raise Failure(
                f"security label {text!r} can't be set: {os.strerror(error.errno)}"
            ) from None


def enter_directory(cwd):
    """Change to the working directory, as root and else as the user, and see that it is inside (CVE-2024-21626)."""
    try:
        os.chdir(cwd)
        inside = os.getcwdb().startswith(b"/")
    except OSError as error:
        raise Failure(
            f"working directory {channel.short(os.fsdecode(cwd))}: {os.strerror(error.errno)}",
            NOT_EXECUTABLE,
        ) from None
    if not inside:
        raise Failure(
            f"working directory {channel.short(os.fsdecode(cwd))} is outside of the container",
            NOT_EXECUTABLE,
        )


def execute(program, before=None):
    """Become the user, give up what it may not have and execute the program. Never returns; raises Failure.

    :param before: called just before that, with the program's rights.
    """
    if program.owns_streams:
        terminal.own(program.uid, program.gid)
    capabilities.last_cap()
    rlimits.set_all(program)
    if program.filter and not program.no_new_privileges:
        _install(program)  # needs CAP_SYS_ADMIN, which is gone below
    sets = program.capabilities
    capabilities.switch_user_and_apply(
        program.uid,
        program.gid,
        program.additional,
        sets["effective"],
        sets["permitted"],
        sets["inheritable"],
        sets["bounding"],
        sets["ambient"],
    )
    os.umask(program.umask)
    path, arguments = find(program), program.arguments
    if program.init_fd is not None:
        arguments = [b"init", path] + program.arguments
        path = program.init_fd
    if program.no_new_privileges:
        syscalls.prctl(c.PR_SET_NO_NEW_PRIVS, 1)
        if program.filter:
            _install(program)
    if before is not None:
        before()
    try:
        if program.step_fd is not None:
            trampoline.go(program, path)
        os.execve(path, arguments, program.environment)
    except OSError as error:
        raise channel.not_executed(os.fsdecode(program.arguments[0]), error.errno) from None


def _install(program):
    try:
        fd = syscalls.seccomp(c.SECCOMP_SET_MODE_FILTER, program.filter_flags, program.filter)
    except OSError as error:
        raise Failure(
            f"the seccomp filter can't be installed: {os.strerror(error.errno)}"
        ) from None
    if program.hand_listener is not None:
        program.hand_listener(fd)


def prepare_listener(program, state, speak_to):
    """Write down what the agent of a seccomp listener is told. :param speak_to: returns the channel over which it is handed on."""
    from ..features import (
        seccomp_listener,  # it is here since the document was read, as what is imported below
    )

    words = seccomp_listener.words(program.listener, dict(state, pid=seccomp_listener.own_pid()))
    program.kept.add(words)
    program.hand_listener = lambda fd: channel.send_listener(speak_to(), fd, words)


def find(program):
    """The program's file: as named when there is a slash in it, else by the container's own PATH."""
    name = program.arguments[0]
    if b"/" in name:
        if not _may_execute(name) or not _is_file(name):
            raise channel.not_executed(
                os.fsdecode(name), errno.EACCES if os.access(name, os.F_OK) else errno.ENOENT
            )
        return name
    for directory in program.environment.get(b"PATH", DEFAULT_PATH.encode()).split(b":"):
        path = (directory or b".") + b"/" + name
        if _may_execute(path) and _is_file(path):
            return path
    raise Failure(
        f"exec {channel.short(os.fsdecode(name))}: executable file not found in $PATH of the "
        f"container ({channel.short(os.fsdecode(program.environment.get(b'PATH', b'')))})",
        NOT_FOUND,
    )


def _may_execute(path):
    """As execve(2) judges it: with the capabilities that the process has, which access(2) leaves out for a user other than root.

    faccessat2 by hand, for C libraries before glibc 2.33 only compare owners. Where the call is unknown, to the kernel (before Linux 5.8)
    or to a seccomp profile, execve itself has to say.
    """
    return os.access(path, os.X_OK) or syscalls.faccessat2(
        c.AT_FDCWD, path, os.X_OK, c.AT_EACCESS
    ) in (0, errno.ENOSYS, errno.EPERM)


def _is_file(path):
    try:
        return os.stat(path).st_mode & 0o170000 == 0o100000
    except OSError:
        return False


# --------------------------------------------------------------------------------------------------------- process 1


def main(launch, inside):
    """The container's first process. ``launch``: a launch.Launch; ``inside``: its end of the channel. Never returns."""
    try:
        _run(launch, inside)
    except BaseException as error:  # pylint: disable=broad-except # it must not return into the maker's code
        try:
            channel.report(inside, error)
        except OSError:
            pass
    finally:
        os._exit(FAILED)


def _wait(inside, word):
    """Wait for the maker's word; its death before the last one is the end of this process as well."""
    if inside.recv(1) != word:
        os._exit(FAILED)


def _run(launch, inside):
    program, document, maps = launch.program, launch.document, launch.maps

    def warn(text):
        channel.warn(inside, text)

    if launch.door is not None:
        launch.door.enter()
    default_signals()
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)
    os.umask(0)
    os.setsid()
    if document.private("mount"):
        mounts.leave_host()
    elif "mount" in launch.joined:
        namespaces.join(launch.joined["mount"], "mount")
    if maps is not None:
        launch.settle.receive(launch, inside)
    root_fd = launch.root_fd
    _attach_root(launch, root_fd)
    mounting.separate_root(root_fd, document.linux.get("rootfsPropagation"))
    late = bool(
        document.hooks.get("createContainer")
    )  # they are the host's, and what they execute would have the label
    if not late:
        set_label(program)
    if maps is None:
        set_oom_score(program, warn)
        for kind, fd in launch.joined.items():
            if kind not in ("pid", "mount"):  # the first is joined by the maker before clone3
                namespaces.join(fd, kind)
    launch.inside(root_fd)
    streams = () if program.terminal else launch.open_streams()
    if program.init:
        from ...kernel.programs import init

        program.init_fd = init.descriptor()
    if maps is not None:
        launch.settle.become_root(maps, program.additional is None)
    null_fd = _fill(launch, root_fd, inside)
    if program.terminal:
        streams = [_make_terminal(program, inside, root_fd)] * 3
    elif None in streams:
        null = devices.open_null(root_fd, os.O_RDWR)
        streams = [null if fd is None else fd for fd in streams]
    program.resolve_user(root_fd)
    if maps is not None:
        maps.check_user(program.uid, program.gid, program.additional)
        launch.settle.hand_streams(inside, program, streams)
    _make_directory(root_fd, program)
    cgroups.enter(channel.take(inside, b"c")[1])
    reset_affinity()
    if document.private("cgroup"):
        syscalls.unshare(c.CLONE_NEWCGROUP)
    if launch.pauses():
        inside.send(b"M")
    _wait(inside, b"g")  # its network is there, and its pid is written down
    _run_hooks(launch, "createContainer")
    if late:
        set_label(program)
    if document.sysctls:
        from ..features import sysctls

        sysctls.apply(document.sysctls)
    for mount in launch.mounts:
        mount.finish()
    mounts.mask(root_fd, document.linux.get("maskedPaths") or (), null_fd)
    mounts.make_read_only(root_fd, document.linux.get("readonlyPaths") or ())
    if document.config.get("root", {}).get("readonly"):
        mounts.set_attributes(root_fd, c.MOUNT_ATTR_RDONLY)
    if document.config.get("hostname"):
        syscalls.sethostname(document.config["hostname"])
    if document.config.get("domainname"):
        syscalls.setdomainname(document.config["domainname"])
    if launch.new_keyring:
        _join_keyring()
    rlimits.allow(program, warn)
    if maps is None:
        program.scheduling.apply()
    program.scheduling.apply_own()
    program.fit_capabilities(warn)
    terminal.take_over(*streams, terminal=program.terminal)
    before = _start_hooks(launch)
    if program.listener:
        prepare_listener(program, launch.state("creating"), lambda: inside)
    if program.steps:
        trampoline.prepare(program, inside.fileno())
    launch.leave()
    freeze()
    if not document.private("mount"):
        mounts.change_root(root_fd)
    else:
        (mounts.pivot if launch.use_pivot else mounts.move_root)(root_fd)
        mounting.propagate_root(document.linux.get("rootfsPropagation"))
    close_others(inside.fileno(), program)
    enter_directory(program.cwd)
    launch.wait_for_start(inside)
    execute(program, before)


def _run_hooks(launch, kind):
    """Hooks in the container's namespaces, by paths of the host; the pid is that of the container's namespace."""
    wanted = launch.document.hooks.get(kind)
    if wanted:
        from ..features import hooks

        # The root as the working directory is runc's way, which its hooks' users rely on; crun's is the bundle.
        hooks.run_all(
            wanted,
            kind,
            hooks.text(dict(launch.state("created"), pid=os.getpid())),
            [launch.root_place()],
        )


def _start_hooks(launch):
    """What runs the hooks inside, made while anything can still be looked up; None when there are none."""
    wanted = launch.document.hooks.get("startContainer")
    if not wanted:
        return None
    from ..features import hooks

    about, program = hooks.text(dict(launch.state("created"), pid=os.getpid())), launch.program
    for hook in wanted:
        hook.opened = hook.open_outputs()
        program.kept.update(fd for fd in hook.opened if fd is not None)
    return lambda: hooks.run_all(wanted, "startContainer", about, environment=program.environment)


def _join_keyring():
    """A session keyring of its own: else the container would see the keys of whoever started the engine."""
    try:
        syscalls.keyctl_join_session()
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EDQUOT):
            raise


def _attach_root(launch, root_fd):
    """Attach the root where the host has it, so that hooks find it there.

    A process in a user namespace may not come that far; on top of the host's root directory is as good for itself.
    """
    try:
        mounts.attach_root(root_fd, launch.root_place())
    except PermissionError:
        if launch.maps is None:
            raise
        mounts.attach_root(root_fd, "/")


def close_others(kept_fd, program):
    """Close all but standard streams, the channel's and what is executed, so that no path leads to the host through one of them."""
    fds.close_all_but(program.kept.union((kept_fd, program.init_fd)) - {None})


def _take_groups(launch, inside):
    """Wait until the groups of cgroup v1 are there, to be shown."""
    (own, names), places = channel.take(inside, b"p")
    for mount in launch.mounts:
        if isinstance(mount, mounting.CgroupMount):
            mount.take(own, names, places)
    launch.shown = True


def _fill(launch, root_fd, inside):
    """All mounts, and below /dev the nodes and links. Returns the container's /dev/null."""
    made, order = False, bind_sources.Order(launch)
    for number, mount in enumerate(launch.mounts):
        if isinstance(mount, mounting.CgroupMount) and launch.group.later and not launch.shown:
            _take_groups(launch, inside)
        try:
            mount.make(root_fd, order.come(number))
        except OSError as error:
            raise Failure(f"mount {mount.destination}: {error.strerror}") from None
        if mount.destination.rstrip("/") == "/dev":
            made = True
            if not mount.bind:  # a /dev of the host's has what it needs, and nothing is made in it
                _fill_dev(launch, root_fd)
    if not made:
        _fill_dev(launch, root_fd)
    return devices.open_null(root_fd, os.O_PATH)


def _fill_dev(launch, root_fd):
    if launch.maps is None:
        launch.nodes = [
            (node[0], devices.of_host(node)) for node in devices.make(root_fd, launch.devices)
        ]
    for path, fd in launch.nodes:
        mounts.attach(fd, root_fd, path, attributes=c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NOEXEC)
    devices.make_links(root_fd)


def _make_terminal(program, inside, root_fd):
    """A new terminal: the master to the maker, the slave to /dev/console. Returns the slave."""
    master, slave = terminal.open_inside(root_fd, program.plain)
    if program.size:
        terminal.set_size(slave, program.size.get("height", 0), program.size.get("width", 0))
    channel.send_terminal(inside, master)
    os.close(master)
    fd = mounts.bind(slave, recursive=False)
    mounts.attach(fd, root_fd, "/dev/console")
    os.close(fd)
    return slave


def _make_directory(root_fd, program):
    """The working directory, where the image does not have it: made as root, as Docker does."""
    try:
        os.close(rootfs.make_in_root(root_fd, program.cwd, True))
    except OSError as error:
        if error.errno not in (
            errno.ELOOP,
            errno.EROFS,
            errno.ENOTDIR,
            errno.ENOENT,
        ):  # a link that is no path, procfs, and what chdir will say
            raise
