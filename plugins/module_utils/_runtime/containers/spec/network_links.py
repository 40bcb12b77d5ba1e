# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container holds of the kernel's network beside its namespace: links to bridges, published
ports.

The monitors import this file: it needs nothing but networks/container_links.py and networks/publish.py.
"""

from __future__ import annotations

import contextlib

from ...errors import EngineError
from ...networks import container_links, publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .run_file import Network


def disconnect(ident: str, network: Network | None) -> None:
    """Take back a container's published ports and links; what is gone already is no error.

    :param network: state.json's: what was set up; None for nothing.
    """
    if not network:
        return
    attachments = network.get("attachments") or ()
    if network.get("ports") and attachments:
        with contextlib.suppress(EngineError, OSError):
            publish.unpublish(ident, container_links.targets(attachments), network["ports"])
    for attachment in attachments:
        with contextlib.suppress(EngineError):
            container_links.disconnect(attachment)
