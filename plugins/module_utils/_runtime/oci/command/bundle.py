# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that ``pycontainer-oci`` starts from on a host, and the one that it has its modules in.

Half of a cold start would go by looking for sixty files. So their code lies in one, ``oci.bundle``, made by the interpreter that
runs it; what is not in there, or was made by another version of it, is imported from its own file. deploy/install.py lays both down.

The bundle: the interpreter's magic number for bytecode (4 bytes), the size of what comes next (4, little endian), the marshalled
``(code of loader.py, entries, together, others)``, see loading.Bundle, and the code of each module, without docstrings.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib import import_module
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
from importlib.util import MAGIC_NUMBER

from ...store.files import write_whole
from . import loader

FILE = "oci.bundle"
PACKAGE = __name__.split(".", maxsplit=1)[0]

# What is imported by its name, once it is known what is to be done: each comes with all that it needs.
FIRST = "oci.command.main"
LATER = (
    "oci.command.commands.lifecycle",
    "oci.command.foreground",
    "oci.command.commands.exec",
    "oci.command.commands.showing",
    "oci.command.commands.ending",
    "oci.command.commands.limits",
    "oci.command.console",
    "oci.launch.userns_outside",
    "oci.features.hooks",
    "oci.command.start_socket",
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
    bundle = open(HERE + "/%(bundle)s", "rb", 0)
    if bundle.read(4) == MAGIC_NUMBER:
        code, *tables = loads(bundle.read(int.from_bytes(bundle.read(4), "little")))
        loading = {"__name__": "loading"}
        exec(code, loading)
        loading["install"](bundle, HERE, *tables)
except (OSError, ValueError, EOFError, TypeError, MemoryError):  # damaged: marshal says any of these
    pass
from pycontainer.oci.command.main import main

main(sys.argv[1:])
"""


def start(interpreter, here, paths):
    """The text of the command's file. :param here: the directory that it lies in; :param paths: directories of libraries."""
    return START % {"interpreter": interpreter, "here": here, "paths": paths, "bundle": FILE}


def write(directory):
    """Write the bundle of the copy of the engine in ``directory``, which this interpreter has imported this from."""
    together, modules = _imports()
    entries, codes, offset = {}, [], 0
    for name, module in modules.items():
        codes.append(marshal.dumps(_compiled(module)))
        entries[name] = os.path.relpath(module.__file__, directory), offset, len(codes[-1])
        offset += len(codes[-1])
    others = {
        name: module.__spec__.origin
        for name, module in sys.modules.items()
        if name not in modules and _is_of_a_file(module)
    }
    head = marshal.dumps((_compiled(loader), entries, together, others))
    data = MAGIC_NUMBER + len(head).to_bytes(4, "little") + head + b"".join(codes)
    write_whole(
        os.path.join(directory, FILE), data, mode=0o644
    )  # commands may be reading the one that is there


def _compiled(module):
    """The code of a module."""
    with open(module.__file__, "rb") as file:
        return compile(file.read(), module.__file__, "exec", dont_inherit=True, optimize=2)


def _imports():
    """``({name: those that its import brings along}, {name: module})``. importlib leaves sys.modules in the order in which they are done."""
    together, modules = {}, {}
    for late in LATER:
        for name in _loaded():
            del sys.modules[
                name
            ]  # all of the package, for a package that is there has its modules as attributes
        before = {}
        for name in (PACKAGE + "." + FIRST, PACKAGE + "." + late):
            import_module(name)
            now = _loaded()
            together[name] = tuple(other for other in now if other not in before and other != name)
            before = now
        modules.update(before)
    return together, modules


def _loaded():
    """``{name: module}`` of what is imported of the package."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name.split(".", maxsplit=1)[0] == PACKAGE
    }


def _is_of_a_file(module):
    spec = getattr(module, "__spec__", None)  # typing.io of Python 3.9 is a module by name only
    return isinstance(getattr(spec, "loader", None), (SourceFileLoader, ExtensionFileLoader))
