# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""System calls that Python's ``os`` lacks, each a thin function under its own name.

Every function raises ``OSError`` with the errno, its text and what the call was about. A call that the kernel lacks is
``ENOSYS``: what to do then is for the caller to say. Paths are str or bytes, file descriptors ints; descriptors that are made
are close-on-exec. Nothing here is policy, and nothing is imported later than at the top, because most of it runs in
processes that have a container's root file system as theirs.

A new call needs a function here and a run of devel/make_call_numbers.py.
"""

from __future__ import annotations

import errno
import os
from _struct import pack

from ...errors import Unsupported
from . import constants as c
from .call_numbers import NUMBERS as _NUMBERS
from .ffi import ffi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Union

    Path = Union[str, bytes]
    Buffer = Union[bytes, bytearray]

_lib: Any = ffi.dlopen(None) if ffi is not None else None
_syscall: Any = _lib.syscall if ffi is not None else None
_INTPTR: Any = ffi.typeof("intptr_t") if ffi is not None else None
_ZEROES = (0, 0, 0, 0, 0, 0)


def _call(name: str, what: Path | None, *arguments: Any) -> int:
    """Make the system call ``name`` and return its result. Arguments: ints, bytes (a pointer to them) or cffi pointers, at most six.

    :param what: the object of the call, for the error; None leaves it out.
    """
    _need_cffi()
    try:
        number = _NUMBERS[name]
    except KeyError:
        raise Unsupported(_without_number(name)) from None
    numbers = [
        argument if isinstance(argument, int) else _address(argument) for argument in arguments
    ]
    result: int = _syscall(number, *numbers, *_ZEROES[len(numbers) :])
    if result < 0:
        raise _error(ffi.errno, name, what)
    return result


def _without_number(name: str) -> str:
    if _NUMBERS:
        return (
            f"system call {name} has no number in kernel/calls/call_numbers.py; "
            "devel/make_call_numbers.py writes it there"
        )
    return f"system call {name}: {c.MACHINE} is not supported; supported: x86_64, aarch64 (64-bit Python)"


def _need_cffi() -> None:
    if ffi is None:
        raise Unsupported(
            "containers need Python's cffi on this host (Debian, Ubuntu, Fedora: python3-cffi)"
        )


def _new(*arguments: Any) -> Any:
    _need_cffi()
    return ffi.new(*arguments)


def _address(pointer: Any) -> int:
    """The number of a pointer; the caller keeps what it points to alive."""
    if isinstance(pointer, (bytes, bytearray)):
        pointer = ffi.from_buffer(pointer)
    return int(ffi.cast(_INTPTR, pointer))


def _error(code: int, name: str, what: Path | None) -> OSError:
    return OSError(
        code, f"{name}: {os.strerror(code)}", *([os.fsdecode(what)] if what is not None else [])
    )


def probe(name: str, *arguments: Any) -> int:
    """Make a system call only to see what it says: its errno, 0 when it went through."""
    try:
        _call(name, None, *arguments)
    except OSError as error:
        return error.errno or 0
    return 0


def _path(path: Path) -> bytes:
    """A C string. Python's bytes end with a NUL, but may hold others, which would cut the path short."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError(f"embedded null byte in {path!r}")
    return encoded


# ---------------------------------------------------------------------------------------------------------- processes


def clone3(
    flags: int, exit_signal: int = c.SIGCHLD, cgroup_fd: int | None = None, alone: bool = False
) -> tuple[int, int]:
    """Fork into new namespaces: clone3(2), Linux 5.3. Returns ``(pid, pidfd)``, in the child ``(0, -1)``.

    A legal fork for the interpreter (its at-fork functions run), for a process with a single thread. ``CLONE_PIDFD`` is
    added. ``cgroup_fd``: a directory of cgroup v2 that the child starts in (Linux 5.7). ``alone``: this process never had another
    thread and has nothing to run at a fork, so that the interpreter need not hear of it: nobody takes its lock meanwhile.
    """
    pidfd = _new("int *", -1)
    arguments = _new("struct clone_args *")
    arguments.flags, arguments.exit_signal = flags | c.CLONE_PIDFD, exit_signal
    arguments.pidfd = _address(pidfd)
    size = 64  # the first form of the struct, which every kernel with clone3 knows
    if cgroup_fd is not None:
        arguments.flags |= c.CLONE_INTO_CGROUP
        arguments.cgroup, size = cgroup_fd, 88
    if alone:
        pid = _call("clone3", "flags %#x" % flags, arguments, size)
    else:
        from . import fork_hooks  # here: it imports _ctypes, and a command does without

        pid, code = fork_hooks.clone3(_address(arguments), size)
        if pid < 0:
            raise _error(code, "clone3", "flags %#x" % flags)
    return pid, pidfd[0] if pid else -1


def unshare(flags: int) -> None:
    """Leave the namespaces in ``flags`` (CLONE_NEW*) for new ones."""
    _call("unshare", "flags %#x" % flags, flags)


def setns(fd: int, flags: int = 0) -> None:
    """Join the namespace that ``fd`` is open on, or those in ``flags`` of the process whose pidfd it is (Linux 5.8)."""
    _call("setns", None, fd, flags)


def pidfd_open(pid: int, flags: int = 0) -> int:
    """A descriptor of the process ``pid``. Linux 5.3."""
    return _call("pidfd_open", str(pid), pid, flags)


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Send the signal number to the process of ``pidfd``; 0 asks whether it lives. Linux 5.1."""
    _call("pidfd_send_signal", None, pidfd, signal, 0, 0)


def prctl(
    option: int, arg2: int | Buffer = 0, arg3: int | Buffer = 0, arg4: int = 0, arg5: int = 0
) -> int:
    """prctl(2); arguments are ints or bytes. Returns its result."""
    return _call("prctl", f"option {option}", option, arg2, arg3, arg4, arg5)


def personality(persona: int) -> int:
    """Set the execution domain; returns the one before. 0xffffffff only asks."""
    return _call("personality", None, persona)


def prlimit(
    pid: int, resource: int, soft: int | None = None, hard: int | None = None
) -> tuple[int, int]:
    """Set a resource limit (number as in <sys/resource.h>) of a process, 0 for this one; -1 is unlimited, None leaves both as they are.

    Returns the limit before, ``(soft, hard)``.
    """
    limit, before = _new("struct rlimit64 *"), _new("struct rlimit64 *")
    if soft is not None:
        limit.soft, limit.hard = (2**64 - 1 if value == -1 else value for value in (soft, hard))
    _call("prlimit64", f"resource {resource}", pid, resource, 0 if soft is None else limit, before)
    soft, hard = (-1 if value == 2**64 - 1 else value for value in (before.soft, before.hard))
    return soft, hard


def reset_affinity(pid: int = 0) -> None:
    """Let a process run on every CPU that its cpuset allows now or later (sched_setaffinity(2)); the kernel cuts the mask to its own size."""
    _call("sched_setaffinity", None, pid, len(_EVERY_CPU), _EVERY_CPU)


_EVERY_CPU = b"\xff" * 1024  # Linux has 8192 at most (NR_CPUS)


def sched_setattr(
    pid: int,
    policy: int,
    *,
    nice: int = 0,
    priority: int = 0,
    flags: int = 0,
    runtime: int = 0,
    deadline: int = 0,
    period: int = 0,
) -> None:
    """Set the scheduling policy and its attributes (runtime, deadline, period in nanoseconds)."""
    attributes = _new("struct sched_attr *")
    size = (
        56 if flags & (c.SCHED_FLAG_UTIL_CLAMP_MIN | c.SCHED_FLAG_UTIL_CLAMP_MAX) else 48
    )  # the struct grew with them (Linux 5.3)
    attributes.size, attributes.sched_policy, attributes.sched_flags = size, policy, flags
    attributes.sched_nice, attributes.sched_priority = nice, priority
    attributes.sched_runtime, attributes.sched_deadline, attributes.sched_period = (
        runtime,
        deadline,
        period,
    )
    _call("sched_setattr", f"policy {policy}", pid, attributes, 0)


def ioprio_set(pid: int, io_class: int, priority: int) -> None:
    """Set the I/O priority of a process: class 1 (real-time) to 3 (idle), priority 0 (highest) to 7."""
    _call(
        "ioprio_set", None, c.IOPRIO_WHO_PROCESS, pid, io_class << c.IOPRIO_CLASS_SHIFT | priority
    )


def set_mempolicy(mode: int, nodes: Iterable[int]) -> None:
    """Set the NUMA memory policy of this thread: mode with its flags, node numbers."""
    mask = sum(1 << node for node in set(nodes))
    size = (mask.bit_length() // 64 + 1) * 8
    _call("set_mempolicy", f"mode {mode}", mode, mask.to_bytes(size, "little"), size * 8 + 1)


def keyctl_join_session(name: str | None = None) -> int:
    """Give this process a new session keyring (anonymous without a name)."""
    return _call("keyctl", name, c.KEYCTL_JOIN_SESSION_KEYRING, _path(name) if name else 0)


def close_range(first: int, last: int, flags: int = 0) -> None:
    """Close all descriptors from ``first`` to ``last``, or mark them with CLOSE_RANGE_CLOEXEC. Linux 5.9 (the flag 5.11)."""
    _call("close_range", None, first, last, flags)


def signalfd(
    signals: Iterable[int], fd: int = -1, flags: int = c.SFD_CLOEXEC | c.SFD_NONBLOCK
) -> int:
    """A descriptor that the signals (numbers) are read from, 128 bytes each; they must be blocked."""
    mask = sum(1 << number - 1 for number in set(signals))
    return _call("signalfd4", None, fd, mask.to_bytes(8, "little"), 8, flags)


def eventfd(value: int = 0, flags: int = c.EFD_CLOEXEC | c.EFD_NONBLOCK) -> int:
    """A counter as a descriptor (Python's own os.eventfd is of 3.10)."""
    return _call("eventfd2", None, value, flags)


def inotify_init(flags: int = os.O_CLOEXEC | os.O_NONBLOCK) -> int:
    """A descriptor for inotify(7)."""
    return _call("inotify_init1", None, flags)


def inotify_add_watch(fd: int, path: Path, mask: int) -> int:
    """Watch a file; returns the watch's number."""
    return _call("inotify_add_watch", path, fd, _path(path), mask)


def sethostname(name: Path) -> None:
    """Set the host name of this UTS namespace; at most 64 bytes."""
    encoded = os.fsencode(name)
    _call("sethostname", name, encoded, len(encoded))


def setdomainname(name: Path) -> None:
    """Set the NIS domain name of this UTS namespace; at most 64 bytes."""
    encoded = os.fsencode(name)
    _call("setdomainname", name, encoded, len(encoded))


# --------------------------------------------------------------------------------------------- capabilities, seccomp, BPF


def capget(pid: int = 0) -> tuple[int, int, int]:
    """``(effective, permitted, inheritable)`` of a process as bit masks."""
    header, data = _cap_structs(pid)
    _call("capget", None, header, data)
    low, high = data
    return (
        low.effective | high.effective << 32,
        low.permitted | high.permitted << 32,
        low.inheritable | high.inheritable << 32,
    )


def setfsuid(uid: int) -> None:
    """Make files, and be checked for those of others, as ``uid``; of the calling thread alone. The call never says that it failed."""
    _set_owner("setfsuid", uid)


def setfsgid(gid: int) -> None:
    """As setfsuid(), for the group."""
    _set_owner("setfsgid", gid)


def _set_owner(name: str, ident: int) -> None:
    _call(name, str(ident), ident)
    if (
        _call(name, str(ident), 2**32 - 1) != ident
    ):  # an id that can't be set: the answer is the one in force
        raise PermissionError(errno.EPERM, f"{name}: {os.strerror(errno.EPERM)}", str(ident))


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set this thread's capability sets, bit masks."""
    header, data = _cap_structs(0)
    for half in (0, 1):
        for name, mask in (
            ("effective", effective),
            ("permitted", permitted),
            ("inheritable", inheritable),
        ):
            setattr(data[half], name, mask >> 32 * half & 0xFFFFFFFF)
    _call("capset", None, header, data)


def _cap_structs(pid: int) -> tuple[Any, Any]:
    header = _new("struct cap_header *")
    header.version, header.pid = c.CAPABILITY_VERSION_3, pid
    return header, _new("struct cap_data[2]")


def seccomp(operation: int, flags: int, program: Buffer) -> int:
    """seccomp(2). ``program``: BPF instructions for SET_MODE_FILTER, 4 bytes of action for GET_ACTION_AVAIL. Returns its result."""
    if operation != c.SECCOMP_SET_MODE_FILTER:
        return _call("seccomp", None, operation, flags, program)
    filter_program = _new("struct sock_fprog *")
    instructions = ffi.from_buffer(program)
    filter_program.len, filter_program.filter = len(program) // 8, ffi.cast("void *", instructions)
    return _call("seccomp", None, operation, flags, filter_program)


def bpf(command: int, attributes: Buffer) -> int:
    """bpf(2) with ``union bpf_attr`` packed by the caller (bytes, or a bytearray that the kernel writes to). Returns its result."""
    return _call("bpf", f"command {command}", command, attributes, len(attributes))


def address_of(data: Buffer) -> int:
    """Where bytes or a bytearray lie in memory, for attributes that hold pointers. The caller keeps ``data`` alive."""
    _need_cffi()
    return _address(data)


# ---------------------------------------------------------------------------------------------------- mounts and files


def mount(
    source: Path | None, target: Path, fstype: Path | None, flags: int = 0, data: Path | None = None
) -> None:
    """mount(2); source, fstype and data may be None. At most one page of data."""
    arguments = [_path(value) if value is not None else 0 for value in (source, target, fstype)]
    _call("mount", target, *arguments, flags, _path(data) if data is not None else 0)


def umount2(target: Path, flags: int = 0) -> None:
    """Unmount what is mounted at ``target``."""
    _call("umount2", target, _path(target), flags)


def pivot_root(new_root: Path, put_old: Path) -> None:
    """Make ``new_root`` the root of the mount namespace."""
    _call("pivot_root", new_root, _path(new_root), _path(put_old))


def open_tree(dirfd: int, path: Path, flags: int) -> int:
    """A descriptor on a mount, or with OPEN_TREE_CLONE on a detached copy of it. Linux 5.2."""
    return _call("open_tree", path, dirfd, _path(path), flags | c.OPEN_TREE_CLOEXEC)


def move_mount(from_dirfd: int, from_path: Path, to_dirfd: int, to_path: Path, flags: int) -> None:
    """Attach a detached mount, or move one. Linux 5.2."""
    _call("move_mount", to_path, from_dirfd, _path(from_path), to_dirfd, _path(to_path), flags)


def fsopen(fstype: Path) -> int:
    """A context to configure a new file system in; errors can be read from it as text. Linux 5.2."""
    return _call("fsopen", fstype, _path(fstype), c.FSOPEN_CLOEXEC)


def fspick(dirfd: int, path: Path, flags: int = c.FSPICK_EMPTY_PATH) -> int:
    """A context to reconfigure the file system at a path. Linux 5.2."""
    return _call("fspick", path, dirfd, _path(path), flags | c.FSPICK_CLOEXEC)


def fsconfig_flag(fd: int, key: Path) -> None:
    """Set a parameter without a value."""
    _call("fsconfig", key, fd, c.FSCONFIG_SET_FLAG, _path(key), 0, 0)


def fsconfig_string(fd: int, key: Path, value: Path) -> None:
    """Set a parameter; the value has at most 255 bytes."""
    _call(
        "fsconfig",
        f"{os.fsdecode(key)}={os.fsdecode(value)}",
        fd,
        c.FSCONFIG_SET_STRING,
        _path(key),
        _path(value),
        0,
    )


def fsconfig_create(fd: int) -> None:
    """Make the superblock."""
    _call("fsconfig", None, fd, c.FSCONFIG_CMD_CREATE, 0, 0, 0)


def fsconfig_reconfigure(fd: int) -> None:
    """Apply the parameters to the superblock that fspick picked."""
    _call("fsconfig", None, fd, c.FSCONFIG_CMD_RECONFIGURE, 0, 0, 0)


def fsmount(fd: int, attributes: int = 0) -> int:
    """A detached mount of the file system made in a context, with MOUNT_ATTR_* attributes. Linux 5.2."""
    return _call("fsmount", None, fd, c.FSMOUNT_CLOEXEC, attributes)


def mount_setattr(
    dirfd: int,
    path: Path,
    flags: int,
    attr_set: int = 0,
    attr_clr: int = 0,
    propagation: int = 0,
    userns_fd: int = 0,
) -> None:
    """Change a mount's attributes, with AT_RECURSIVE also those of all below it. Linux 5.12."""
    attributes = _new("struct mount_attr *")
    attributes.attr_set, attributes.attr_clr, attributes.propagation, attributes.userns_fd = (
        attr_set,
        attr_clr,
        propagation,
        userns_fd,
    )
    _call("mount_setattr", path, dirfd, _path(path), flags, attributes, 32)


def faccessat2(dirfd: int, path: Path, mode: int, flags: int = 0) -> int:
    """Ask whether a file may be used as ``mode`` (os.X_OK and the like) says: its errno, 0 when it may. Linux 5.8."""
    try:
        _call("faccessat2", path, dirfd, _path(path), mode, flags)
    except OSError as error:
        return error.errno or 0
    return 0


def openat2(dirfd: int, path: Path, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Open a file with RESOLVE_* limits on how its path is walked. Linux 5.6. O_CLOEXEC is added."""
    return _call(
        "openat2", path, dirfd, _path(path), pack("3Q", flags | os.O_CLOEXEC, mode, resolve), 24
    )  # struct open_how


def renameat2(old_dirfd: int, old: Path, new_dirfd: int, new: Path, flags: int) -> None:
    """Rename with RENAME_NOREPLACE or RENAME_EXCHANGE."""
    _call("renameat2", new, old_dirfd, _path(old), new_dirfd, _path(new), flags)


def sync_file_range(fd: int, offset: int, count: int) -> None:
    """Begin to write out ``count`` bytes of a file without waiting for it (SYNC_FILE_RANGE_WRITE). No promise about its metadata."""
    _call("sync_file_range", None, fd, offset, count, c.SYNC_FILE_RANGE_WRITE)


def syncfs(fd: int) -> None:
    """Write out the file system that ``fd`` is on."""
    _call("syncfs", None, fd)


def quotactl(fd: int, command: int, identity: int, data: Buffer) -> None:
    """Read or set what the file system that ``fd`` is on has of quotas; ``data`` is the command's structure.

    :param command: ``QCMD(...)``. Before Linux 5.14 (quotactl_fd(2)) the file system's block device is named by its number.
    """
    try:
        _call("quotactl_fd", None, fd, command, identity, data)
        return
    except OSError as error:
        if error.errno != errno.ENOSYS or "quotactl_fd" not in _NUMBERS:
            raise
    device = os.fstat(fd).st_dev
    path = "/dev/block/%d:%d" % (os.major(device), os.minor(device))
    _call("quotactl", path, command, _path(path), identity, data)
