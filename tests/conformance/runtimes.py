# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtimes that are compared: a kind, and the path of an executable."""

from __future__ import annotations

import importlib.util
import os
import sys
import typing

import sources


class Runtime(typing.NamedTuple):
    kind: str  # runc, crun or ours
    path: str


def ours():
    """The path of pycontainer-oci, laid down out of this checkout as on a host."""
    runtime = sources.CHECKOUT / "plugins" / "module_utils" / "_runtime"
    spec = importlib.util.spec_from_file_location(
        "pycontainer", runtime / "__init__.py", submodule_search_locations=[str(runtime)]
    )
    sys.modules["pycontainer"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["pycontainer"])
    from pycontainer.deploy import install
    from pycontainer.store.paths import Paths

    paths = Paths(str(sources.CACHE / "ours" / "data"), str(sources.CACHE / "ours" / "run"))
    paths.make()
    return os.path.join(install.ensure_at(paths).path, install.OCI_COMMAND)
