# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of this checkout laid down as on a host, once for all tests of a run: they run the command that users run, with its bundle."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile


@functools.lru_cache(maxsize=None)
def oci_command():
    """The path of ``pycontainer-oci``, which every user may run."""
    from pycontainer.deploy import install
    from pycontainer.store.paths import Paths

    place = tempfile.mkdtemp(
        prefix="pyc-laid-down-", dir=os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
    )
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    os.chmod(place, 0o755)
    paths = Paths(os.path.join(place, "data"), os.path.join(place, "run"))
    paths.make()
    return os.path.join(install.ensure_at(paths).path, install.OCI_COMMAND)
