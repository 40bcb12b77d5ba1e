# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a config.json, read and checked before anything of the host is changed: what
oci/launch/executing.py executes.
"""

from __future__ import annotations

import os

from ... import json_text
from ...errors import Unsupported, reason
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import capabilities
from ...kernel.mounts import users
from ...kernel.processes import procfs
from .scheduling import Scheduling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from .config_types import CapabilitySet, ConsoleSize, Linux, Process, Rlimit, Seccomp

    Warn = Callable[[str], object]
    Limits = dict[
        int, tuple[int, int]
    ]  # of rlimits by their numbers: (soft, hard), -1 for unlimited
    Listener = tuple[str, "str | None", bool]  # path, metadata, whether the agent must be there

RLIMITS = (
    "CPU",
    "FSIZE",
    "DATA",
    "STACK",
    "CORE",
    "RSS",
    "NPROC",
    "NOFILE",
    "MEMLOCK",
    "AS",
    "LOCKS",
    "SIGPENDING",
    "MSGQUEUE",
    "NICE",
    "RTPRIO",
    "RTTIME",
)  # in the order of their numbers
NEEDED: dict[CapabilitySet, CapabilitySet] = {
    "inheritable": "bounding",
    "ambient": "inheritable",
}  # besides: what is effective or ambient is permitted
WHY = {
    "inheritable": "it is not in the bounding set",
    "effective": "it is not permitted",
    "ambient": "it is not inheritable and permitted",
}
CAPABILITY_SETS: tuple[CapabilitySet, ...] = (
    "bounding",
    "permitted",
    "inheritable",
    "effective",
    "ambient",
)


class Program:
    """The program of config.json's ``process``, ready to be executed: all texts are bytes, all
    numbers numbers.

    :param process, linux: config.json's sections.
    :param user: ``user[:group]``, to be looked up inside the root in place of ``process.user``.
    :param groups: further groups, the same.
    :param init: whether a small process 1 executes it.
    :param original_limits: rlimits of this process before the engine raised them, for the program
        to have.
    :ivar limits: ``[(number, soft, hard)]``.
    :ivar final_limits: what oci/features/rlimits.py sets.
    :ivar additional: further groups; None: those of this process.
    :ivar size: of its terminal, config.json's consoleSize.
    :ivar filter: the compiled seccomp filter, or None.
    :ivar listener: who is told of it, or None.
    :ivar hand_listener: called with its descriptor.
    :ivar label: ``(file below /proc/self/attr, text)`` of the security module's label, or None.
    :ivar kept: descriptors that stay open besides the standard ones.
    :ivar init_fd: of the small process 1's file.
    :ivar steps: whether it is executed by kernel/programs/trampoline.py.
    :ivar step_fd, step_channel: descriptors of that.
    :ivar plain: whether its terminal leaves the ends of lines alone.
    :ivar owns_streams: whether it can give its standard streams to its user itself.
    :raises Unsupported: naming what of it can't be done.
    """

    def __init__(
        self,
        process: Process,
        linux: Linux,
        user: str | None = None,
        groups: Sequence[str] = (),
        init: bool | None = False,
        original_limits: Limits | None = None,
    ):
        _check(process)
        self.warnings: list[str] = []
        self.arguments = [_bytes(word, "an argument") for word in process["args"]]
        self.environment = dict(_variable(entry) for entry in process.get("env") or ())
        self.cwd = _bytes(process.get("cwd") or "/", "cwd")
        self.user, self.groups = user, groups
        ids = process.get("user") or {}
        self.uid: int = ids.get("uid", 0)
        self.gid: int = ids.get("gid", 0)
        self.additional: list[int] | None = sorted(set(ids.get("additionalGids") or ()))
        self.umask: int = ids.get("umask", 0o022)
        self.terminal = bool(process.get("terminal"))
        self.size: ConsoleSize | None = process.get("consoleSize")
        sets = process.get("capabilities") or {}
        self.capabilities = {kind: self._mask(sets.get(kind) or ()) for kind in CAPABILITY_SETS}
        self.no_new_privileges = bool(process.get("noNewPrivileges"))
        self.limits = _limits(process.get("rlimits") or ())
        self.original_limits: Limits = original_limits or {}
        self.final_limits: Limits = {}
        self.oom_score_adj: int | None = process.get("oomScoreAdj")
        self.scheduling = Scheduling(process, linux)
        self.label = _label(process)
        self.labels_keys = self.label is not None and self.label[1] == process.get("selinuxLabel")
        self._read_filter(linux.get("seccomp"))
        self.hand_listener: Callable[[int], None] | None = None
        self.init = bool(init)
        self.init_fd: int | None = None
        self.kept: set[int] = set()
        self.steps, self.plain, self.owns_streams = False, False, True
        self.step_fd: int | None = None
        self.step_channel: int | None = None

    def _read_filter(self, profile: Seccomp | None) -> None:
        self.filter = _filter(profile) if profile else None
        self.filter_flags = _filter_flags(profile) if profile else 0
        self.listener = _listener(profile) if profile else None
        if self.listener:
            self.filter_flags |= c.SECCOMP_FILTER_FLAG_NEW_LISTENER
            if self.filter_flags & c.SECCOMP_FILTER_FLAG_TSYNC:
                # Else both would want the call's result (Linux 5.7).
                self.filter_flags |= c.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
        else:
            # Of a wait for a listener: without one the kernel refuses it.
            self.filter_flags &= ~c.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV

    def resolve_user(self, root_fd: int) -> None:
        """Find who ``user`` is by the files inside the root, and where home is.

        :raises InvalidInput: when nobody is.
        """
        if self.user is not None or self.groups:
            self.uid, self.gid, self.additional, home = users.resolve(
                root_fd, self.user or "", self.groups
            )
        elif not self.environment.get(b"HOME"):
            home = users.resolve(root_fd, str(self.uid))[3]
        if not self.environment.get(b"HOME"):
            self.environment[b"HOME"] = _bytes(home, "HOME")

    def _mask(self, names: Iterable[str]) -> int:
        """Return the bits of capabilities by name; unknown ones are a warning (runtime-spec
        config.md, "Linux Process").
        """
        unknown = sorted(set(names) - set(capabilities.NUMBERS))
        # Runc's words, which are looked for.
        sentence = f"ignoring unknown or unavailable capabilities: [{' '.join(unknown)}]"
        if unknown and sentence not in self.warnings:
            self.warnings.append(sentence)
        bits: int = capabilities.mask(name for name in names if name in capabilities.NUMBERS)
        return bits

    def may_trace(self) -> bool:
        """Whether a process of it may come to look into others that are not dumpable, in its own
        user namespace.
        """
        return bool(self.capabilities["bounding"] & capabilities.mask(("CAP_SYS_PTRACE",)))

    def set_oom_score(self, warn: Warn, pid: int | str = "self") -> None:
        """Set the process's oom_score_adj; what is refused is told.

        :param pid: of another process, by its maker.
        """
        if self.oom_score_adj is not None:
            try:
                procfs.set_oom_score_adj(self.oom_score_adj, pid)
            except OSError as error:
                warn(
                    f"oom_score_adj {self.oom_score_adj} can't be set: {reason(error, named=True)}"
                )

    def fit_capabilities(self, warn: Warn) -> None:
        """Leave out the capabilities that this process can't give, and say so; asked in the
        container's user namespace.

        What is effective must be permitted, what is inheritable in the bounding set, what is
        ambient permitted and inheritable too (capabilities(7)).
        """
        sets, asked = self.capabilities, 0
        for bits in sets.values():
            asked |= bits
        most = syscalls.capget()[1] & capabilities.available(asked)
        for kind in CAPABILITY_SETS:
            allowed = most
            if kind in ("effective", "ambient"):
                allowed &= sets["permitted"]
            if kind in NEEDED:
                allowed &= sets[NEEDED[kind]]
            lacking = sets[kind] & ~allowed
            if lacking:
                sets[kind] &= allowed
                why = "this host's root does not have it" if lacking & ~most else WHY[kind]
                names = ", ".join(capabilities.of_mask(lacking))
                if kind != "ambient":
                    warn(f"capabilities.{kind}: {names} can't be given: {why}")
                elif (
                    self.uid or sets["inheritable"] or sets["permitted"] & ~lacking
                ):  # else root is to keep all that it has, and does: buildah's way
                    warn(f"can't raise ambient capability {names}: {why}")


# (profile, filter): compiled by the zygote, inherited by its forks.
_filters: list[tuple[Mapping[str, Any], bytes]] = []


def compile_default() -> None:
    """Have the filter ready that nearly every container asks for: compiling it takes as long as
    making its file system.
    """
    from ...kernel.seccomp import compiler, default_profile

    profile = default_profile.default_profile(
        capabilities.DOCKER_DEFAULT, procfs.kernel_version(), c.MACHINE
    )
    _filters.append((profile, compiler.compile(profile, c.MACHINE)))


def _filter(profile: Seccomp) -> bytes:
    for known, compiled in _filters:
        if known == profile:
            return compiled
    from ...kernel.seccomp import compiler  # here: a document without a profile does without it

    program: bytes = compiler.compile(profile, c.MACHINE)
    return program


def _filter_flags(profile: Seccomp) -> int:
    from ...kernel.seccomp import compiler  # as above

    bits: int = compiler.flags(profile)
    return bits


# Calls that the container's process needs itself while it hands the listener over
# (oci/features/seccomp_listener.py).
NOT_ASKED = ("write", "sendmsg")


def _listener(profile: Seccomp) -> Listener | None:
    """Read ``(path, metadata, whether the agent must be there)`` of a linux.seccomp, None when
    nobody is asked or told.

    An agent is given the listener of a filter that asks it nothing as well, as with crun; its
    absence is no error then, as with runc.

    :raises Unsupported: naming what can't be.
    """
    path: str | None = profile.get("listenerPath")
    metadata: str | None = profile.get("listenerMetadata")
    if metadata and not path:
        raise Unsupported(
            "config.json: linux.seccomp.listenerMetadata is of no use without listenerPath"
        )
    from ...kernel.seccomp import compiler  # as above

    if not compiler.notifies(profile):
        return (path, metadata, False) if path else None
    if not path:
        # Its calls fail with ENOSYS, as the kernel has it when nobody listens.
        return "", metadata, False
    for entry in profile["syscalls"]:
        asked = entry["names"] if entry["action"] == "SCMP_ACT_NOTIFY" else ()
        for name in set(asked) & set(NOT_ASKED):
            raise Unsupported(
                f"config.json: linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the {name} "
                "syscall: the runtime needs it itself"
            )
    return path, metadata, True


def _bytes(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise Unsupported(
            f"config.json: {what}: {json_text.dump(text)} is not valid; accepted: a text"
        )
    data = os.fsencode(text)
    if b"\0" in data:
        raise Unsupported(f"config.json: {what} holds a NUL byte")
    return data


def _variable(entry: object) -> tuple[bytes, bytes]:
    key, _equals, value = _bytes(entry, "an environment variable").partition(b"=")
    if not key:
        raise Unsupported(f"config.json: process.env: {entry!r} is not valid; accepted: NAME=VALUE")
    return key, value


def _check(process: Process) -> None:
    """Check what every process needs. :raises Unsupported: naming the field."""
    if process.get("args") and not isinstance(process["args"], list):
        raise Unsupported(
            f"config.json: process.args: {json_text.dump(process['args'])} is not valid; accepted: a list"
        )
    if not process.get("args"):
        raise Unsupported("config.json: process.args is empty; needed: at least the program")
    if not os.path.isabs(process.get("cwd", "/")):
        raise Unsupported(
            f"config.json: process.cwd: Cwd must be an absolute path, not {process.get('cwd')!r}"
        )
    ids = process.get("user") or {}
    for name, value, most in [
        ("uid", ids.get("uid", 0), 2**32 - 2),
        ("gid", ids.get("gid", 0), 2**32 - 2),
        ("umask", ids.get("umask", 0), 0o7777),
    ] + [("additionalGids", group, 2**32 - 2) for group in ids.get("additionalGids") or ()]:
        if not isinstance(value, int) or not 0 <= value <= most:
            raise Unsupported(
                f"config.json: process.user.{name}: {value!r} is not valid; accepted: 0 to {most}"
            )
    score = process.get("oomScoreAdj") or 0
    if not isinstance(score, int) or not -1000 <= score <= 1000:
        raise Unsupported(
            f"config.json: process.oomScoreAdj: {score!r} is not valid; accepted: -1000 to 1000"
        )


def _limits(entries: Iterable[Rlimit]) -> list[tuple[int, int, int]]:
    """Read ``[(number, soft, hard)]``."""
    found: list[tuple[int, int, int]] = []
    for entry in entries:
        name = entry["type"]
        if name[:7] != "RLIMIT_" or name[7:] not in RLIMITS:
            raise Unsupported(
                f"config.json: process.rlimits: {name} is not known; known: RLIMIT_ and one of "
                f"{', '.join(RLIMITS)}"
            )
        number, soft, hard = RLIMITS.index(name[7:]), entry["soft"], entry["hard"]
        if number in [one[0] for one in found]:
            raise Unsupported(f"config.json: process.rlimits: {name} is there twice")
        if (soft + 1 if soft >= 0 else 2**64) > (
            hard + 1 if hard >= 0 else 2**64
        ):  # -1 is unlimited as well
            raise Unsupported(
                f"config.json: process.rlimits: {name}: soft {soft} is above hard {hard}"
            )
        found.append((number, soft, hard))
    return found


def _label(process: Process) -> tuple[str, str] | None:
    """Read ``(file below /proc/self/attr, text)`` of the security module's label, or None.

    :raises Unsupported: when there is no such module.
    """
    profile, label = process.get("apparmorProfile"), process.get("selinuxLabel")
    if profile and profile != "unconfined":
        from ...kernel.isolation import apparmor  # few hosts have it

        if not apparmor.enabled():
            raise Unsupported(f"AppArmor profile {profile}: AppArmor is not enabled on this host")
        return (
            "apparmor/exec" if os.path.exists("/proc/self/attr/apparmor/exec") else "exec"
        ), "exec " + profile
    if label:
        from ...kernel.isolation import selinux  # few hosts have it

        if not selinux.enabled():
            raise Unsupported(f"SELinux label {label}: SELinux is not enabled on this host")
        return "exec", label
    return None
