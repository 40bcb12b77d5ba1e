# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every entry point of the runtime, named in static imports: what Ansible finds here travels with a module.

Nothing runs this file's imports for their effect; they only make the payload whole (AnsiballZ ships what is imported,
inside functions too).
"""

from __future__ import annotations


def everything():
    from . import cli  # noqa: F401
    from .host import task  # noqa: F401
    from .containers import recovery, task  # noqa: F401
    from .images import login, recovery, task  # noqa: F401,F811
    from .networks import recovery, task  # noqa: F401,F811
    from .registry import recovery, server, supervisor, task  # noqa: F401,F811
    from .volumes import recovery, task  # noqa: F401,F811
