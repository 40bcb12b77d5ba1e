# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The annotations of a config.json that this engine itself reads: what only the moment of a start
can tell.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...oci.spec.config_types import Config

USER = "org.pycontainer.user"  # "user[:group]", looked up in the container's root
GROUPS = "org.pycontainer.groups"  # further groups, "a,b"
# Variables whose values are secrets, "A,B": they are in the container's memory (memory_files.py).
SECRET_VARIABLES = "org.pycontainer.secret-variables"
JOIN = "org.pycontainer.join."  # + network, pid, ipc, user: id of the container that is joined


def joins(config: Config) -> dict[str, str]:
    """Return whose namespaces a container enters: ``{kind: id}``.

    :param config: its config.json, which may be empty.
    """
    return {
        key[len(JOIN) :]: ident
        for key, ident in config.get("annotations", {}).items()
        if key.startswith(JOIN) and ident
    }
