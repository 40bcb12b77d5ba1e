# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a config.json that only some documents have, read and checked before anything is
made.

Each is read by a file of its own, which a document without the field does without: a cold start
loads none of them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.document import Document
    from .hooks import Hooks
    from .sysctls import Sysctl


class OptionalFields:
    """What a document has of them.

    :ivar hooks: ``{kind: [hooks.Hook]}``.
    :ivar sysctls: of linux.sysctl, see sysctls.read.
    :ivar net_devices: ``{name on the host: name in the container}``, of linux.netDevices.
    :raises Unsupported: naming what can't be done.
    """

    __slots__ = ("hooks", "net_devices", "sysctls")

    def __init__(self, document: Document):
        self.hooks: Hooks = {}
        self.sysctls: list[Sysctl] = []
        self.net_devices: dict[str, str] = {}
        linux = document.linux
        if document.config.get("hooks"):
            from . import hooks

            self.hooks = hooks.read(document.config)
        if linux.get("sysctl"):
            from . import sysctls

            self.sysctls = sysctls.read(document)
        if linux.get("netDevices"):
            from . import net_devices

            self.net_devices = net_devices.read(document)
        if linux.get("intelRdt"):
            from . import resctrl

            resctrl.check(linux["intelRdt"])
