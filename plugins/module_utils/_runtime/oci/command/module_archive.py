# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the file that ``pycontainer-oci`` starts from on a host, and the archive that it has its
modules in.

Half of a cold start would go by looking for sixty files. So their code lies in one,
``oci.archive``, made by the interpreter that runs it. What is not in there, or was made by another
version of it, is imported from its own file. deploy/install.py lays both down.

The archive: the interpreter's magic number for bytecode (4 bytes), the size of what comes next (4,
little endian), the marshalled ``(code of loader.py, entries, together, others)``, see
loader.Archive, and the code of each module, without docstrings.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib import import_module
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from importlib.util import MAGIC_NUMBER

from ...store.atomic_files import write_whole
from . import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

    Modules = dict[str, ModuleType]

FILE = "oci.archive"
PACKAGE = __name__.split(".", maxsplit=1)[0]

# What is imported by its name, once it is known what is to be done: each comes with all that it
# needs.
FIRST = "oci.command.main"
LATER = (
    "oci.command.commands.create",
    "oci.command.commands.start",
    "oci.command.commands.run",
    "oci.command.commands.kill",
    "oci.command.commands.delete",
    "oci.command.commands.exec",
    "oci.command.commands.pause",
    "oci.command.commands.resume",
    "oci.command.commands.update",
    "oci.command.queries.state",
    "oci.command.queries.list",
    "oci.command.queries.ps",
    "oci.command.foreground",
    "oci.command.teardown",
    "oci.command.console",
    "oci.command.start_socket",
    "oci.launch.userns_outside",
    "oci.features.hooks",
    "oci.features.sysctls",
    "kernel.seccomp.compiler",
    "kernel.cgroups.limits.apply",
    "kernel.cgroups.limits.resource_types",
    "kernel.cgroups.limits.v1",
    "kernel.cgroups.limits.v2",
    "kernel.cgroups.limits.device_program",
)

START = """\
#!%(interpreter)s -IS
# The OCI runtime command of the engine that lies beside this file.
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from fcntl import LOCK_SH, flock
from gc import disable
from marshal import loads

disable()  # it lives for milliseconds: nothing that is collected meanwhile is worth the search
HERE = %(here)r
sys.path += [HERE] + %(paths)r
try:
    lock = open(HERE + "/lock", "rb", 0)
    flock(lock, LOCK_SH)  # while this or a process forked from it lives, the copy is not swept away
except PermissionError:  # for root alone
    pass
try:
    archive = open(HERE + "/%(archive)s", "rb", 0)
    if archive.read(4) == MAGIC_NUMBER:
        code, *tables = loads(archive.read(int.from_bytes(archive.read(4), "little")))
        loading = {"__name__": "loading"}
        exec(code, loading)
        loading["install"](archive, HERE, *tables)
except (OSError, ValueError, EOFError, TypeError, MemoryError):  # damaged: marshal says any of these
    pass
from pycontainer.oci.command.main import main

main(sys.argv[1:])
"""


def start(interpreter: str, here: str, paths: Sequence[str]) -> str:
    """Return the text of the command's file.

    :param here: the directory that it lies in. :param paths: directories of libraries.
    """
    return START % {"interpreter": interpreter, "here": here, "paths": paths, "archive": FILE}


def write(directory: str) -> None:
    """Write the archive of the copy of the engine in ``directory``, from which this interpreter has
    imported this file.
    """
    together, modules = _imports()
    entries: dict[str, tuple[str, int, int]] = {}
    codes: list[bytes] = []
    offset = 0
    for name, module in modules.items():
        codes.append(marshal.dumps(_compiled(module)))
        entries[name] = os.path.relpath(str(module.__file__), directory), offset, len(codes[-1])
        offset += len(codes[-1])
    others = {}
    for name, module in sys.modules.items():
        spec = getattr(module, "__spec__", None)  # Python 3.9's typing.io is a class, without one
        if name not in modules and spec is not None and _is_of_a_file(module):
            others[name] = spec.origin
    head = marshal.dumps((_compiled(loader), entries, together, others))
    data = MAGIC_NUMBER + len(head).to_bytes(4, "little") + head + b"".join(codes)
    # Whole, since commands may be reading the one that is there.
    write_whole(os.path.join(directory, FILE), data, mode=0o644)


def _compiled(module: ModuleType) -> CodeType:
    """Return the code of a module."""
    path = str(module.__file__)
    with open(path, "rb") as file:
        code: CodeType = compile(file.read(), path, "exec", dont_inherit=True, optimize=2)
    return code


def _imports() -> tuple[dict[str, tuple[str, ...]], Modules]:
    """Return ``({name: those that its import brings along}, {name: module})``.

    importlib leaves sys.modules in the order in which they are done.
    """
    together: dict[str, tuple[str, ...]] = {}
    modules: Modules = {}
    _forget(_loaded())
    for later in (FIRST, *LATER):
        name = f"{PACKAGE}.{later}"
        before = _loaded()
        import_module(name)
        brought = {each: module for each, module in _loaded().items() if each not in before}
        together[name] = tuple(each for each in brought if each != name)
        modules.update(brought)
        if later != FIRST:
            _forget(brought)
    return together, modules


def _loaded() -> Modules:
    """Return ``{name: module}`` of what is imported of the package."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name.split(".", maxsplit=1)[0] == PACKAGE
    }


def _forget(modules: Modules) -> None:
    """Have modules imported anew. A package has its modules as attributes, too."""
    for name in modules:
        del sys.modules[name]
    for name in modules:
        package, _dot, last = name.rpartition(".")
        if package in sys.modules and last in vars(sys.modules[package]):
            delattr(sys.modules[package], last)


def _is_of_a_file(module: ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)  # typing.io of Python 3.9 is a module by name only
    return isinstance(getattr(spec, "loader", None), (SourceFileLoader, ExtensionFileLoader))
