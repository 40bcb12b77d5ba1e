# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bind mounts as callers of runc expect them, where that is more than adding and taking away
options of the host's mount.

An option that names an attribute (``ro``, ``nodev``, ``exec`` …) is the whole truth about them
then, as for mount(2) with MS_REMOUNT and MS_BIND: those that are not named are off. How times of
access are kept changes by an option that sets it only. In a user namespace the attributes that the
kernel locks there stay. Containers of this engine's own keep what the host has.
"""

from __future__ import annotations

import os

from ...kernel.calls import constants as c
from ...kernel.mounts import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mount_entries import Mount

LOCKED = (
    c.MOUNT_ATTR_RDONLY | c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC
)  # in a user namespace: mount_namespaces(7)
ATIME = c.MOUNT_ATTR__ATIME | c.MOUNT_ATTR_NODIRATIME
SETTING_ATIME = {"noatime", "relatime", "strictatime", "nodiratime"}


def complete(mount: Mount, options: Sequence[str] | None, userns: bool) -> None:
    """Clear what the options of a mount do not name.

    :param options: config.json's.
    :param userns: whether it is made in a user namespace.
    """
    named = [option for option in options or () if option in mounts.ATTRIBUTES]
    if not mount.bind or not named:
        return
    mount.clear |= (c.MOUNT_ATTR_NOSYMFOLLOW | (0 if userns else LOCKED)) & ~mount.attributes
    if SETTING_ATIME.intersection(named):
        mount.clear |= ATIME & ~(mount.attributes & c.MOUNT_ATTR_NODIRATIME)
    else:
        mount.attributes, mount.clear = mount.attributes & ~ATIME, mount.clear & ~ATIME


def below(path: str, rootfs: str) -> str | None:
    """Return ``path`` as the container has it, where it lies below its root file system's place on
    the host; else None.
    """
    path, rootfs = os.path.normpath(path), os.path.normpath(rootfs)
    return (
        path[len(rootfs) :] or "/"
        if rootfs != "/" and (path + "/").startswith(rootfs + "/")
        else None
    )
