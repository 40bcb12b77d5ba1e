# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load the modules of ``pycontainer-oci`` out of one file (module_archive.py), a command's together
with all that it imports.

The command's start executes this file's code, which is in the archive itself, before there is a
package; so it imports nothing that is not part of the interpreter. To look for sixty modules one by
one took importlib longer than to execute them.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (
    ExtensionFileLoader,
    SourceFileLoader,
    spec_from_file_location,
)
from marshal import loads
from posix import pread, stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, BinaryIO


class Archive:
    """A finder and loader of modules (importlib.abc.MetaPathFinder, Loader).

    :param file: the archive, read up to where the codes begin.
    :param here: the directory that the package lies in.
    :param entries: ``{module: (path below ``here``, offset, size)}`` of the package's.
    :param together: ``{module: (modules that it needs, each after those that it needs itself)}``.
    :param others: ``{module: path}`` of those of the interpreter that are neither built in nor
        frozen.
    """

    def __init__(
        self,
        file: BinaryIO,
        here: str,
        entries: dict[str, tuple[str, int, int]],
        together: dict[str, tuple[str, ...]],
        others: dict[str, str],
    ) -> None:
        self.file = file
        self.start = file.tell()
        self.here = here
        self.entries = entries
        self.together = together
        self.others = others

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        if name in self.entries:
            return self.spec(name)
        path = self.others.get(name)
        try:
            if path is None or not stat(path):
                return None
        except OSError:  # replaced by another version
            return None
        loader = SourceFileLoader if path.endswith(".py") else ExtensionFileLoader
        found: ModuleSpec | None = spec_from_file_location(name, path, loader=loader(name, path))
        return found

    def spec(self, name: str) -> ModuleSpec:
        path = self.here + "/" + self.entries[name][0]
        package = path.endswith("/__init__.py")
        own: Any = self  # it is a Loader, without importlib's class
        found = ModuleSpec(name, own, origin=path, is_package=package)
        found.has_location = True
        if package:
            found.submodule_search_locations = [path[: -len("/__init__.py")]]
        return found

    def create_module(self, _spec: ModuleSpec) -> None:
        return None  # the usual kind

    def exec_module(self, module: ModuleType) -> None:
        names = [name for name in self.together.get(module.__name__, ()) if name not in sys.modules]
        for name in names:
            self.make(name)
        for name in names:
            package, _dot, last = name.rpartition(".")
            setattr(sys.modules[package], last, sys.modules[name])
        for name in names + [module.__name__]:
            _path, offset, size = self.entries[name]
            exec(
                loads(pread(self.file.fileno(), size, self.start + offset)),
                sys.modules[name].__dict__,
            )  # pylint: disable=exec-used

    def make(self, name: str) -> None:
        """Make a module, empty yet, with what importlib gives it but a specification."""
        module: Any = type(sys)(name)
        sys.modules[name] = module
        path = module.__file__ = self.here + "/" + self.entries[name][0]
        module.__loader__, module.__package__ = self, name.rpartition(".")[0]
        if path.endswith("/__init__.py"):
            module.__package__, module.__path__ = name, [path[: -len("/__init__.py")]]


def install(*arguments: Any) -> None:
    """Look for modules in an Archive first."""
    sys.meta_path.insert(0, Archive(*arguments))
