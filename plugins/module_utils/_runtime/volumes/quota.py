# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver option ``size``: how much a volume that is a directory of the store may hold.

It is a project quota of that directory. A content that takes the place of another gets a project of
its own first, so that the two are not counted together.
"""

from __future__ import annotations

import os

from ..errors import HostError, Unsupported
from ..kernel.files import project_quota

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engine import Engine


def size_of(options: Mapping[str, str]) -> int:
    """Return the bytes that a volume with these driver options may hold; 0 where nothing says so."""
    return int(options.get("size", 0))


def check(engine: Engine, options: Mapping[str, str]) -> None:
    """Check that a new volume can have what its driver options say.

    :raises Unsupported: the file system of the store counts no projects.
    """
    if not size_of(options):
        return
    obstacle = project_quota.obstacle(engine.paths.volumes)
    if obstacle:
        raise Unsupported(f"driver_options.size: {obstacle}")


def begin(directory: str, options: Mapping[str, str]) -> None:
    """Limit a new, empty directory that a volume's content is made in.

    :raises Unsupported: the file system counts no projects.
    """
    if size_of(options):
        project_quota.bound([directory], size_of(options))


def check_filled(directory: str, options: Mapping[str, str]) -> None:
    """Check that a new content, which is on the disk by now, is no more than what its volume may
    hold: ext4 does not stop root.

    :raises HostError: it is more.
    """
    used, size = project_quota.usage(directory)[1], size_of(options)
    if size and used > size:
        raise HostError(
            f"a content of {used} bytes does not go into a volume with a quota of {size} bytes "
            "(driver_options.size)"
        )


def change(directory: str, options: Mapping[str, str]) -> None:
    """Set another limit, or none, for a directory that has had one (:func:`has_had`)."""
    project_quota.limit(directory, project_quota.project_of(directory), size_of(options))


def has_had(directory: str) -> bool:
    """Tell whether all files of a directory are counted as one project of the engine's."""
    return os.path.isdir(directory) and project_quota.is_own(project_quota.project_of(directory))
