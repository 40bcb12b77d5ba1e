# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every entry point of the runtime, named in static imports: what Ansible finds here travels with a module.

Nothing runs these imports for their effect; they only make the payload whole (AnsiballZ ships what is imported, inside
functions too). tests/unit/test_arrows.py says which file is missing.
"""

from __future__ import annotations


def everything():
    from .builds import recovery, task  # noqa: F401
    from .cli import archives, builds, checkpoints, containers, copying, images, layers, observing, pruning, registry  # noqa: F401
    from .cli import runs, storage, system, tables, task  # noqa: F401,F811
    from .containers import commit, copying, recovery, task, zygote, zygote_main  # noqa: F401,F811
    from .host import info, prune, task  # noqa: F401,F811
    from .images import compare, delivery, login, recovery, saving, squash, task  # noqa: F401,F811
    from .networks import ports, recovery, resolv, task  # noqa: F401,F811
    from .registry import recovery, server, supervisor, task  # noqa: F401,F811
    from .oci import bundle, checkpoint, ending, events, features, further, lifecycle, limits, loading, main, seal, showing, template  # noqa: F401
    from .untrusted import files, json_reader, owners, patterns, text, trees  # noqa: F401
    from .volumes import recovery, task  # noqa: F401,F811
