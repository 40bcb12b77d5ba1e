# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write settings to the files of a cgroup, in an order that the kernel takes."""

from __future__ import annotations

import errno

from ....errors import HostError, reason
from ..hierarchy import cgroup_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# Errors after which a write may succeed once its companions are written: memory and memory+swap,
# quota and burst, weight and idle.
ORDER = (errno.EINVAL, errno.EBUSY)


class Setting:
    """One text for one file.

    ``key``: the option in OCI spelling ("memory.limit"). ``file``: name in the cgroup's directory,
    or None where this version of cgroups has none. ``value``: the text. ``soft``: a container runs
    without it, with a warning, as with Docker. ``why``: what to say when the file is missing.
    """

    __slots__ = ("key", "file", "value", "soft", "why")

    def __init__(
        self, key: str, file: str | None, value: object, soft: bool = False, why: str = ""
    ) -> None:
        self.key = key
        self.file = file
        self.value = str(value)
        self.soft = soft
        self.why = why

    def __repr__(self) -> str:
        return f"{self.key} -> {self.file} {self.value!r}"


def write(here: cgroup_files.Directory, settings: Sequence[Setting]) -> None:
    """Write ``settings`` to the directory ``here``, in their order as far as the kernel takes it.

    Some pairs have no order that is always right: raising a memory limit needs memory+swap raised
    first, lowering it the other way round. What is refused is tried again after the rest, as long
    as that gets anywhere.

    :raises HostError: the kernel refuses a value.
    """
    while settings:
        refused: list[tuple[Setting, OSError]] = []
        for setting in settings:
            try:
                cgroup_files.write(f"{here.path}/{setting.file}", setting.value)
            except OSError as error:
                if error.errno not in ORDER:
                    raise refusal(setting, here, error) from error
                refused.append((setting, error))
        if len(refused) == len(settings):
            raise refusal(refused[0][0], here, refused[0][1])
        settings = [setting for setting, _error in refused]


HINTS = {
    ("memory.limit", errno.EBUSY): "more than that is in use and can't be reclaimed",
    ("memory.limit", errno.EINVAL): (
        "it has to be at most the limit of memory and swap, which can be raised in the same call"
    ),
    ("memory.swap", errno.EINVAL): (
        "it has to be at least the memory limit, which can be lowered in the same call"
    ),
    ("cpu.realtimeRuntime", errno.EINVAL): (
        "the cgroups above have no such real-time budget (their cpu.rt_runtime_us)"
    ),
    ("cpu.burst", errno.EINVAL): "it has to be at most the quota",
    ("cpu.quota", errno.EINVAL): (
        "it has to be at least 1000 µs, no less than the burst, and within what the cgroups above "
        "have"
    ),
    ("cpu.period", errno.EINVAL): (
        "it has to be from 1000 to 1000000 µs, and the quota in it within what the cgroups above "
        "have"
    ),
    ("cpu.shares", errno.EINVAL): (
        "a group with cpu.idle has none; cpu.idle can be set to 0 in the same call"
    ),
    ("cpu.idle", errno.EINVAL): "it has to be 0 or 1",
    ("memory.swappiness", errno.EINVAL): "it has to be from 0 to 100",
    ("memory.swappiness", errno.ERANGE): "it has to be from 0 to 100",
}


def refusal(setting: Setting, here: cgroup_files.Directory, error: OSError) -> HostError:
    """Return the HostError of a write that failed."""
    hint = HINTS.get((setting.key, error.errno or 0), "")
    if (
        not hint
        and setting.key.startswith("blockIO")
        and error.errno in (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)
    ):
        hint = "the numbers have to be those of a whole disk of this host"
    return HostError(
        f"{setting.key}: the kernel refused {setting.value!r} for {here.path}/{setting.file}: "
        f"{reason(error, named=True)}{f' ({hint})' if hint else ''}"
    )
