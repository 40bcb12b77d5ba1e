# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last steps of every process in a container, its first (child.py) and further ones (join.py):
to give up rights and execute the program.
"""

from __future__ import annotations

import _signal
import errno
import os
import sys

from ...errors import reason, required
from ...kernel.calls import constants as c
from ...kernel.calls import fds, syscalls
from ...kernel.isolation import capabilities
from ...kernel.processes import procfs
from ...kernel.programs import trampoline
from ..features import rlimits
from . import channel, terminal
from .channel import NOT_EXECUTABLE, NOT_FOUND, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import NoReturn

    from ..spec.program import Program
    from .steps import Steps, Trace

DEFAULT_PATH = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What Python or the kernel does not let be set: KILL, STOP; 32 and 33 are the C library's own.
_FIXED_SIGNALS = (9, 19, 32, 33)

# Finders that are not asked any more: to free them would copy the pages that they share with the
# maker.
_frozen: list[object] = []


def freeze() -> None:
    """See that from here on no file can become code of this process."""
    sys.path[:] = []
    _frozen.extend(sys.meta_path)
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def default_signals() -> None:
    """Take every signal as a new program expects it, whatever this process and those before it
    ignored or blocked.
    """
    for number in range(1, 65):
        if number not in _FIXED_SIGNALS and _signal.getsignal(number) != _signal.SIG_DFL:
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def let_end() -> None:
    """Have the signals that ask a program to end do so, which the kernel spares a first process
    without handlers (pid_namespaces(7)).

    Executing the program takes the handlers away.
    """
    for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM):
        _signal.signal(number, lambda asked, _frame: os._exit(128 + asked))


def set_label(program: Program) -> None:
    """Set the label that the program gets when it is executed, and with SELinux the one of the
    keyring that is made until then.
    """
    if program.label:
        name, text = program.label
        try:
            procfs.write("/proc/self/attr/" + name, text)
            if program.labels_keys:
                procfs.write("/proc/self/attr/keycreate", text)
        except OSError as error:
            raise Failure(
                f"security label {text!r} can't be set: {reason(error, named=True)}"
            ) from None


def close_others(kept_fd: int, program: Program) -> None:
    """Close all but standard streams, the channel's and what is executed, so that no path leads to
    the host through one of them.
    """
    kept = program.kept | {kept_fd}
    if program.init_fd is not None:
        kept.add(program.init_fd)
    fds.close_all_but(kept)


def enter_directory(cwd: bytes) -> None:
    """Change to the working directory, as root and else as the user, and see that it is inside
    (CVE-2024-21626).
    """
    name = channel.short(os.fsdecode(cwd))
    try:
        os.chdir(cwd)
        inside = os.getcwdb().startswith(b"/")
    except OSError as error:
        raise Failure(
            f"working directory {name}: {reason(error, named=True)}", NOT_EXECUTABLE
        ) from None
    if not inside:
        raise Failure(f"working directory {name} is outside of the container", NOT_EXECUTABLE)


def prepare_listener(program: Program, words: int, inside: _socket.socket) -> None:
    """Have the seccomp listener handed on when there is one.

    :param words: a descriptor of what its agent is told (seccomp_listener.words).
    :param inside: the channel over which it goes.
    """
    program.kept.add(words)
    program.hand_listener = lambda fd: channel.send_listener(inside, fd, words)


# ----------------------------------------------------------------------------------- the last steps


class Execution:
    """Become the user, give up what it may not have and execute the program.

    :param before: called just before that, with the program's rights.
    :param trace: told of the steps until the seccomp filter is there.
    :param instead: what this process does itself in place of a program; it never returns.
    """

    path: bytes

    def __init__(
        self,
        program: Program,
        before: Callable[[], None] | None,
        trace: Trace | None,
        instead: Callable[[], NoReturn] | None = None,
    ):
        self.program, self.before, self.trace, self.instead = program, before, trace, instead

    def steps(self) -> Steps:
        """The steps. The last one never returns; it raises Failure."""
        program = self.program
        if program.owns_streams:
            yield "give its streams to its user", lambda: terminal.own(program.uid, program.gid)
        yield "set its rlimits", self._set_limits
        if program.filter and not program.no_new_privileges:
            # It needs CAP_SYS_ADMIN, which is gone below.
            yield "install the seccomp filter (nothing more is traced)", self._install_filter
        yield "become its user, with its groups and capabilities", self._become_user
        if self.instead is None:
            yield "find the program", self._find
        if program.no_new_privileges:
            yield "allow no new privileges", lambda: syscalls.prctl(c.PR_SET_NO_NEW_PRIVS, 1)
            if program.filter:
                yield "install the seccomp filter (nothing more is traced)", self._install_filter
        if self.before is not None:
            yield "run the hooks startContainer", self.before
        yield "execute the program", self.instead or self._execute

    def _set_limits(self) -> None:
        capabilities.last_cap()
        rlimits.set_all(self.program)

    def _install_filter(self) -> None:
        """Install it.

        From here on the calls by which a step is told may be ones that it forbids.
        """
        program = self.program
        code = required(program.filter, "the seccomp filter")
        if self.trace is not None:
            self.trace.muted = True
        try:
            fd = syscalls.seccomp(c.SECCOMP_SET_MODE_FILTER, program.filter_flags, code)
        except OSError as error:
            raise Failure(
                f"the seccomp filter can't be installed: {reason(error, named=True)}"
            ) from None
        if program.hand_listener is not None:
            program.hand_listener(fd)

    def _become_user(self) -> None:
        program, sets = self.program, self.program.capabilities
        if self.instead is not None and program.uid != 0:
            # What execve(2) would take from a user other than root (capabilities(7)).
            sets = {**sets, "effective": sets["ambient"], "permitted": sets["ambient"]}
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

    def _find(self) -> None:
        self.path = find(self.program)

    def _execute(self) -> NoReturn:
        program = self.program
        path: bytes | int = self.path
        arguments = program.arguments
        if program.init_fd is not None:
            path, arguments = program.init_fd, [b"init", self.path, *arguments]
        try:
            if program.step_fd is not None:
                trampoline.go(program, self.path)
            os.execve(path, arguments, program.environment)
        except OSError as error:
            raise channel.not_executed(os.fsdecode(program.arguments[0]), error.errno) from None


def find(program: Program) -> bytes:
    """Return the program's file: as named when there is a slash in it, else by the container's own
    PATH.

    :raises Failure: there is none, or it can't be executed.
    """
    name = program.arguments[0]
    if b"/" in name:
        if not _may_execute(name) or not _is_file(name):
            raise channel.not_executed(
                os.fsdecode(name), errno.EACCES if os.access(name, os.F_OK) else errno.ENOENT
            )
        return name
    places = program.environment.get(b"PATH", DEFAULT_PATH)
    for directory in places.split(b":"):
        path = (directory or b".") + b"/" + name
        if _may_execute(path) and _is_file(path):
            return path
    raise Failure(
        f"exec {channel.short(os.fsdecode(name))}: executable file not found in $PATH of the "
        f"container ({channel.short(os.fsdecode(program.environment.get(b'PATH', b'')))})",
        NOT_FOUND,
    )


def _may_execute(path: bytes) -> bool:
    """Judge as execve(2) does: with the capabilities that the process has, which access(2) leaves
    out for a user other than root.

    faccessat2 by hand, for C libraries before glibc 2.33 only compare owners. Where the call is
    unknown, to the kernel (before Linux 5.8) or to a seccomp profile, execve itself has to say.
    """
    return os.access(path, os.X_OK) or syscalls.faccessat2(
        c.AT_FDCWD, path, os.X_OK, c.AT_EACCESS
    ) in (0, errno.ENOSYS, errno.EPERM)


def _is_file(path: bytes) -> bool:
    try:
        return os.stat(path).st_mode & 0o170000 == 0o100000
    except OSError:
        return False
