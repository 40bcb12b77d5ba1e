# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that ``pycontainer-oci`` starts from on a host, and the one that it has its modules in.

Half of a cold start would go by looking for sixty files. So their code lies in one, ``oci.bundle``, made by the interpreter that
runs it; what is not in there, or was made by another version of it, is imported from its own file. install.py lays both down.
"""

from __future__ import annotations

import marshal
import os
import sys

FILE = "oci.bundle"
INDEX = 8192  # bytes of its first part: ``(magic number, {module: (path, offset, size)})``; the code of each follows
PACKAGE = __name__.split(".", maxsplit=1)[0]

START = '''\
#!%(interpreter)s -IS
# The OCI runtime command of the engine that lies beside this file.
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from fcntl import LOCK_SH, flock
from gc import disable
from marshal import loads
from posix import pread

disable()  # it lives for milliseconds: nothing that is collected meanwhile is worth the search
HERE = %(here)r
sys.path.insert(0, HERE)
sys.path.extend(%(paths)r)
# While this or a process forked from it lives, the copy is not swept away.
lock = open(HERE + "/lock", "rb")
flock(lock, LOCK_SH)


class Bundle:
    """Finds the modules whose code lies in the bundle."""

    entries = {}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        entry = cls.entries.get(name)
        if entry is None:
            return None
        spec = ModuleSpec(name, cls, origin=HERE + "/" + entry[0], is_package=entry[0].endswith("/__init__.py"))
        spec.has_location = True
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(spec.origin[:-len("/__init__.py")])
        return spec

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        dummy_path, offset, size = cls.entries[module.__name__]
        exec(loads(pread(bundle.fileno(), size, offset)), module.__dict__)


try:
    bundle = open(HERE + "/%(bundle)s", "rb", 0)
    version, entries = loads(bundle.read(%(index)d))
    if version == MAGIC_NUMBER:
        Bundle.entries = entries
        sys.meta_path.insert(0, Bundle)
except (OSError, ValueError, EOFError, TypeError, MemoryError):  # damaged: marshal says any of these
    pass
from pycontainer.oci.main import main

main(sys.argv[1:])
'''


def start(interpreter, here, paths):
    """The text of the command's file. :param here: the directory that it lies in; :param paths: directories of libraries."""
    return START % {"interpreter": interpreter, "here": here, "paths": paths, "bundle": FILE, "index": INDEX}


def write(directory):
    """Write the bundle of the copy of the engine in ``directory``, which this interpreter has imported this from."""
    from importlib.util import MAGIC_NUMBER

    from . import console, foreground, further, lifecycle, limits, main, showing  # noqa: F401 # for them to be among sys.modules

    codes = {}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != PACKAGE or name == __name__:
            continue
        with open(module.__file__, encoding="utf-8") as file:
            code = compile(file.read(), module.__file__, "exec", dont_inherit=True, optimize=2)
        codes[os.path.relpath(module.__file__, directory)] = name, marshal.dumps(code)
    entries, offset = {}, INDEX
    for path, (name, data) in codes.items():
        entries[name] = path, offset, len(data)
        offset += len(data)
    index = marshal.dumps((MAGIC_NUMBER, entries))
    if len(index) > INDEX:
        return
    with open(os.path.join(directory, FILE), "wb") as file:
        file.write(index.ljust(INDEX, b"\0") + b"".join(data for dummy_name, data in codes.values()))
