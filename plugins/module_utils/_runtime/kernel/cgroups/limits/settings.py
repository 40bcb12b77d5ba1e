# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text for a cgroup file, and the writing of several that depend on each other."""

from __future__ import annotations

import errno

from ....errors import HostError
from ..hierarchy import files

# Errors after which a write may succeed once its companions are written: memory and memory+swap, quota and burst, weight and idle.
ORDER = (errno.EINVAL, errno.EBUSY)


class Setting:
    """One text for one file.

    ``key``: the option in OCI spelling ("memory.limit"); ``file``: name in the cgroup's directory, or None where this version of
    cgroups has none; ``value``: the text; ``soft``: a container runs without it, with a warning, as with Docker;
    ``why``: what to say when the file is missing.
    """

    __slots__ = ("key", "file", "value", "soft", "why")

    def __init__(self, key, file, value, soft=False, why=""):
        self.key, self.file, self.value, self.soft, self.why = key, file, str(value), soft, why

    def __repr__(self):
        return f"{self.key} -> {self.file} {self.value!r}"


def write(here, settings):
    """Write ``settings`` to ``here`` (Directory), in the order given as far as the kernel takes it.

    Some pairs have no order that is always right: raising a memory limit needs memory+swap raised first, lowering it the other
    way round. What is refused is tried again after the rest, as long as that gets anywhere.

    :raises HostError: the kernel refuses a value.
    """
    while settings:
        refused = []
        for setting in settings:
            try:
                files.write(here.path + "/" + setting.file, setting.value)
            except OSError as error:
                if error.errno not in ORDER:
                    raise refusal(setting, here, error) from error
                refused.append((setting, error))
        if len(refused) == len(settings):
            raise refusal(refused[0][0], here, refused[0][1])
        settings = [setting for setting, _error in refused]


HINTS = {
    ("memory.limit", errno.EBUSY): "more than that is in use and can't be reclaimed",
    (
        "memory.limit",
        errno.EINVAL,
    ): "it has to be at most the limit of memory and swap, which can be raised in the same call",
    (
        "memory.swap",
        errno.EINVAL,
    ): "it has to be at least the memory limit, which can be lowered in the same call",
    (
        "cpu.realtimeRuntime",
        errno.EINVAL,
    ): "the cgroups above have no such real-time budget (their cpu.rt_runtime_us)",
    ("cpu.burst", errno.EINVAL): "it has to be at most the quota",
    ("cpu.quota", errno.EINVAL): (
        "it has to be at least 1000 µs, no less than the burst, and within what the cgroups above "
        "have"
    ),
    ("cpu.period", errno.EINVAL): (
        "it has to be from 1000 to 1000000 µs, and the quota in it within what the cgroups above "
        "have"
    ),
    (
        "cpu.shares",
        errno.EINVAL,
    ): "a group with cpu.idle has none; cpu.idle can be set to 0 in the same call",
    ("cpu.idle", errno.EINVAL): "it has to be 0 or 1",
    ("memory.swappiness", errno.EINVAL): "it has to be from 0 to 100",
    ("memory.swappiness", errno.ERANGE): "it has to be from 0 to 100",
}


def refusal(setting, here, error):
    """What a failed write means, as a HostError."""
    hint = HINTS.get((setting.key, error.errno), "")
    if (
        not hint
        and setting.key.startswith("blockIO")
        and error.errno in (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)
    ):
        hint = "the numbers have to be those of a whole disk of this host"
    return HostError(
        "%s: the kernel refused %r for %s/%s: %s%s"
        % (
            setting.key,
            setting.value,
            here.path,
            setting.file,
            error.strerror,
            " (%s)" % hint if hint else "",
        )
    )
