# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote's program: ``python3 -I -S zygote_main.py PACKAGE BACKEND DATA RUN NAME``.

``... PACKAGE BACKEND wake WORDS`` is that of a monitor that wakes, and ``... revive WORDS`` that of
the guard of a zygote that was killed. It is a file of its own because
what it imports has relative imports: it makes the runtime at PACKAGE importable under the name
``pycontainer``. BACKEND is the directory of ``_cffi_backend``, which -S hides; no other file is
taken from there.
"""

from __future__ import annotations

import sys


def bare(name: str, path: str) -> None:
    """Make a package that is only a name: its own __init__ might load what a monitor does not need."""
    module = type(sys)(name)
    module.__path__ = [path]
    sys.modules[name] = module


def main(package: str, backend: str, *arguments: str) -> None:
    bare("pycontainer", package)
    for name in ("containers", "networks", "oci", "rootless", "store"):
        bare("pycontainer." + name, f"{package}/{name}")
    sys.path.insert(0, backend)
    import _cffi_backend  # noqa: F401 # pylint: disable=unused-import

    del sys.path[0]
    from pycontainer.oci.launch import sealed_interpreter  # pylint: disable=import-error

    sealed_interpreter.seal([sys.executable, "-I", "-S"] + sys.argv)
    command = [sys.executable, "-I", "-S"] + sys.argv[:3]
    if arguments[0] == "wake":  # by sleep.py
        from pycontainer.containers.monitor import monitor  # pylint: disable=import-error

        monitor.wake(arguments[1], command)
    else:
        from pycontainer.containers.monitor import zygote  # pylint: disable=import-error

        if arguments[0] == "revive":
            zygote.revive(arguments[1], command)
        else:
            zygote.main(*arguments, command)


if __name__ == "__main__":
    main(*sys.argv[1:])
