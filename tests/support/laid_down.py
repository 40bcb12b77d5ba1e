# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of this checkout laid down as on a host, its bytecode made once for all tests of a run.

Bytecode takes seconds, and a minute in an emulated machine. tests/unit/deploy/test_install.py and the test hosts see to how it is really made.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import glob
import os
import shutil
import tempfile
import time

from pycontainer.deploy import fingerprint, install
from pycontainer.oci.command import module_archive
from pycontainer.store.paths import Paths

REALLY = install.lay_down


PREFIX = "pyc-laid-down-"
OLD = 3600  # seconds after which a directory that nobody holds is one of a process that was killed


def directory_of_own():
    """A new directory that every user may enter; it goes with this process, and those of processes that were killed go now."""
    top = os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
    for left in glob.glob(os.path.join(top, PREFIX + "*")):
        with contextlib.suppress(OSError):
            if os.stat(left).st_mtime < time.time() - OLD:
                fcntl.flock(os.open(left, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
    place = tempfile.mkdtemp(prefix=PREFIX, dir=top)
    fcntl.flock(os.open(place, os.O_RDONLY), fcntl.LOCK_SH)  # as long as this process lives
    atexit.register(_remove, place, os.getpid())
    os.chmod(place, 0o755)
    return place


def _remove(place, maker):
    if os.getpid() == maker:  # none that it has forked
        shutil.rmtree(place, ignore_errors=True)


@functools.lru_cache(maxsize=None)
def kept():
    """Where copies are kept: tests/run.py makes a directory for all its processes."""
    return os.environ.get("PYCONTAINER_TEST_SHARED") or directory_of_own()


def made(paths, copy, python):
    """The directory of a copy that ``install.lay_down`` made for the Python ``python``, now or before; its files are nobody's to change."""
    place = os.path.join(kept(), copy.name + python["interpreter"].replace("/", "-"))
    with open(place + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(place):
            REALLY(paths, copy, python)
            shutil.copytree(copy.path, place + ".partial")
            os.rename(place + ".partial", place)
    return place


def lay_down(paths, copy, python):
    """As ``install.lay_down``, but the package is a link to the one that all copies of this run share."""
    place = made(paths, copy, python)
    if os.path.exists(copy.path):  # this was the first
        return
    partial = os.path.join(paths.tmp, "runtime-" + copy.name)
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(
        place, partial, ignore=lambda top, _names: [fingerprint.PACKAGE] if top == place else []
    )
    os.symlink(os.path.join(place, fingerprint.PACKAGE), os.path.join(partial, fingerprint.PACKAGE))
    with open(os.path.join(partial, install.OCI_COMMAND), "w") as file:
        file.write(  # it alone holds where it lies
            module_archive.start(
                python["interpreter"],
                copy.path,
                list(dict.fromkeys(filter(None, python["libraries"].values()))),
            )
        )
    install.open_way(paths)
    os.rename(partial, copy.path)


@functools.lru_cache(maxsize=None)
def oci_command():
    """The path of ``pycontainer-oci``, which every user may run."""
    place = directory_of_own()
    paths = Paths(os.path.join(place, "data"), os.path.join(place, "run"))
    paths.make()
    lay_down(paths, install.Copy(paths.runtime, fingerprint.name()), install.choose())
    return os.path.join(install.ensure_at(paths).path, install.OCI_COMMAND)
