# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capabilities: names, bit masks, and giving up those that a container's process must not have. capabilities(7)."""

from __future__ import annotations

import os

from ...errors import InvalidInput
from ..calls import constants as c
from ..calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# In the order of their numbers.
NAMES = tuple(
    "CAP_" + name
    for name in (
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP "
        "LINUX_IMMUTABLE NET_BIND_SERVICE "
        "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
        "SYS_PTRACE SYS_PACCT SYS_ADMIN "
        "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE "
        "AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
        "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    ).split()
)
NUMBERS = {name: number for number, name in enumerate(NAMES)}

# What Docker gives a container that asks for nothing.
DOCKER_DEFAULT = tuple(
    "CAP_" + name
    for name in (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP "
        "SETGID SETPCAP SETUID SYS_CHROOT"
    ).split()
)


def parse(names: Iterable[str | None], option: str = "capabilities") -> tuple[str, ...]:
    """Full names (``CAP_NET_ADMIN``), sorted.

    :param names: with or without ``CAP_``, in any case; ``ALL`` stands for all that this host can give.
    :param option: the option's name, for the error. :raises InvalidInput: a name that is none.
    """
    found: set[str] = set()
    for name in names:
        full = "CAP_" + str(name).upper().replace("CAP_", "", 1) if name is not None else ""
        if full == "CAP_ALL":
            found.update(of_mask(available()))
        elif full in NUMBERS:
            found.add(full)
        else:
            raise InvalidInput(
                option,
                name,
                "ALL or names as in capabilities(7), with or without CAP_: " + ", ".join(NAMES),
            )
    return tuple(sorted(found))


def mask(names: Iterable[str]) -> int:
    """The bit mask of full names."""
    return sum(1 << NUMBERS[name] for name in set(names))


def of_mask(bits: int) -> tuple[str, ...]:
    """The full names in a bit mask; bits of capabilities that have no name here are left out."""
    return tuple(name for number, name in enumerate(NAMES) if bits >> number & 1)


_last: list[int] = []


def last_cap() -> int:
    """The number of the kernel's highest capability; asked without /proc, which may be a container's."""
    if not _last:
        number = len(NAMES) - 1
        while not _known(number):
            number -= 1
        while _known(number + 1):
            number += 1
        _last.append(number)
    return _last[0]


def _known(number: int) -> bool:
    try:
        syscalls.prctl(c.PR_CAPBSET_READ, number)
    except OSError:
        return False
    return True


def available(asked: int = -1) -> int:
    """The bit mask of this process's bounding set, which is what it could give. :param asked: a bit mask, to ask for these alone."""
    return sum(
        1 << number
        for number in range(last_cap() + 1)
        if asked >> number & 1 and syscalls.prctl(c.PR_CAPBSET_READ, number)
    )


def drop_bounding(keep: int) -> None:
    """Take all capabilities but those in the bit mask ``keep`` out of the bounding set; needs CAP_SETPCAP in effect."""
    for number in range(last_cap() + 1):
        if not keep >> number & 1:
            syscalls.prctl(c.PR_CAPBSET_DROP, number)


def apply(effective: int, permitted: int, inheritable: int, bounding: int, ambient: int) -> None:
    """Give this process exactly these capability sets, all bit masks.

    Ambient ones hold only where they are permitted and inheritable too: others raise EPERM.
    """
    drop_bounding(bounding)
    _set(effective, permitted, inheritable, ambient)


def _set(effective: int, permitted: int, inheritable: int, ambient: int) -> None:
    syscalls.capset(effective, permitted, inheritable)
    syscalls.prctl(c.PR_CAP_AMBIENT, c.PR_CAP_AMBIENT_CLEAR_ALL)
    for number in range(last_cap() + 1):
        if ambient >> number & 1:
            syscalls.prctl(c.PR_CAP_AMBIENT, c.PR_CAP_AMBIENT_RAISE, number)


def set_groups(groups: Collection[int]) -> None:
    """Have these additional groups.

    A user namespace whose maker may drop none forbids to have none (user_namespaces(7), "setgroups"): that is no error.
    """
    try:
        os.setgroups(list(groups))
    except PermissionError:
        if groups or not syscalls.capget()[0] & mask(
            ("CAP_SETGID",)
        ):  # with that capability it can be nothing else
            raise


def switch_user_and_apply(
    uid: int,
    gid: int,
    groups: Collection[int] | None,
    effective: int,
    permitted: int,
    inheritable: int,
    bounding: int,
    ambient: int,
) -> None:
    """Become the user and give up what it may not have, in the one order that works.

    The bounding set first, while CAP_SETPCAP is still there; then groups and ids, which need CAP_SETGID and CAP_SETUID. The change
    from root to another user would clear all sets, so PR_SET_KEEPCAPS holds the permitted ones until they are set; execve(2) clears
    that flag, and leaves a user other than root the ambient set only.

    Nobody may trace the process afterwards. A change of ids takes the flag from fs.suid_dumpable, which may be 1. It is reset while the
    process still has more capabilities than those who would trace it.

    :param groups: additional ones; None: those that it has.
    """
    drop_bounding(bounding)
    syscalls.prctl(c.PR_SET_KEEPCAPS, 1)
    if groups is not None:
        set_groups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    syscalls.prctl(c.PR_SET_DUMPABLE, 0)
    _set(effective, permitted, inheritable, ambient)
