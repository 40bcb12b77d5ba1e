# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How ``pycontainer-oci`` comes by its modules: out of one file (bundle.py), a command's together with all that it imports.

The command's start executes this file's code, which is in the bundle itself, before there is a package; so it imports nothing that
is not part of the interpreter. To look for sixty modules one by one took importlib longer than to execute them.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import ExtensionFileLoader, SourceFileLoader, spec_from_file_location
from marshal import loads
from posix import pread, stat
from sys import _getframe


class Bundle:
    """A finder and loader of modules (importlib.abc.MetaPathFinder, Loader).

    :param file: the bundle, read up to where the codes begin. :param here: the directory that the package lies in.
    :param entries: ``{module: (path below ``here``, offset, size)}`` of the package's.
    :param together: ``{module: (modules that it needs, each after those that it needs itself)}``.
    :param others: ``{module: path}`` of those of the interpreter that are neither built in nor frozen.
    """

    held = None  # the codes of functions that were left out, once there may be no file to read them from

    def __init__(self, file, here, entries, together, others):
        self.file, self.start, self.here = file, file.tell(), here
        self.entries, self.together, self.others = entries, together, others
        self.left = self.start + max(offset + size for _path, offset, size in entries.values())

    def find_spec(self, name, dummy_path=None, dummy_target=None):
        if name in self.entries:
            return self.spec(name)
        path = self.others.get(name)
        try:
            if path is None or not stat(path):
                return None
        except OSError:  # replaced by another version
            return None
        loader = SourceFileLoader if path.endswith(".py") else ExtensionFileLoader
        return spec_from_file_location(name, path, loader=loader(name, path))

    def spec(self, name):
        path = self.here + "/" + self.entries[name][0]
        package = path.endswith("/__init__.py")
        found = ModuleSpec(name, self, origin=path, is_package=package)
        found.has_location = True
        if package:
            found.submodule_search_locations.append(path[:-len("/__init__.py")])
        return found

    def create_module(self, dummy_spec):
        return None  # the usual kind

    def exec_module(self, module):
        names = [name for name in self.together.get(module.__name__, ()) if name not in sys.modules]
        for name in names:
            self.make(name)
        for name in names:
            package, dummy_dot, last = name.rpartition(".")
            setattr(sys.modules[package], last, sys.modules[name])
        for name in names + [module.__name__]:
            dummy_path, offset, size = self.entries[name]
            place = sys.modules[name].__dict__
            place["__fetch__"], place["__take__"] = self.fetch, take
            exec(loads(pread(self.file.fileno(), size, self.start + offset)), place)  # pylint: disable=exec-used

    def make(self, name):
        """A module, empty yet, with what importlib gives it but a specification."""
        module = sys.modules[name] = type(sys)(name)
        path = module.__file__ = self.here + "/" + self.entries[name][0]
        module.__loader__, module.__package__ = self, name.rpartition(".")[0]
        if path.endswith("/__init__.py"):
            module.__package__, module.__path__ = name, [path[:-len("/__init__.py")]]

    def fetch(self, name, offset, size):
        """Give a function of the calling module the code that it was left without (thinning.py). Returns the function."""
        names, found = name.split("."), None
        for word in names:
            found = _getframe(1).f_globals[word] if found is None else found.__dict__[word]
        found.__code__ = loads(pread(self.file.fileno(), size, self.left + offset) if self.held is None else self.held[offset:offset + size])
        return found

    def hold(self):
        """Have ready what ``fetch`` may be asked for: from here on nothing is read from the file."""
        self.held = pread(self.file.fileno(), self.file.seek(0, 2) - self.left, self.left)


def take(name):
    """A module that is there as a rule."""
    try:
        return sys.modules[name]
    except KeyError:
        __import__(name)
        return sys.modules[name]


class _Mapping:
    """What ``os`` takes from collections.abc.MutableMapping for os.environ, without its twenty abstract classes."""

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def __contains__(self, key):
        try:
            self[key]
        except KeyError:
            return False
        return True

    def keys(self):
        return list(self)

    def values(self):
        return [self[key] for key in self]

    def items(self):
        return [(key, self[key]) for key in self]

    def pop(self, key, *default):
        try:
            value = self[key]
        except KeyError:
            if default:
                return default[0]
            raise
        del self[key]
        return value

    def update(self, *others, **named):
        for key, value in dict(*others, **named).items():
            self[key] = value

    def clear(self):
        for key in list(self):
            del self[key]


def _check_methods(kind, *names):
    """As collections.abc has it, for os.PathLike."""
    return all(any(name in base.__dict__ for base in kind.__mro__) for name in names) or NotImplemented


def import_os():
    """Import ``os`` without collections.abc, which is more than half of its import's time; who asks for that later gets the real one."""
    name = "_collections_abc"
    if name in sys.modules or "os" in sys.modules:
        return
    stand_in = sys.modules[name] = type(sys)(name)
    stand_in.MutableMapping, stand_in.Mapping, stand_in._check_methods = _Mapping, dict, _check_methods
    try:
        __import__("os")
    except (ImportError, AttributeError):  # another Python's os takes more from it
        for half in ("os", "os.path"):
            sys.modules.pop(half, None)
    finally:
        del sys.modules[name]


def install(*arguments):
    """Have modules looked for in a Bundle first."""
    sys.meta_path.insert(0, Bundle(*arguments))
    import_os()
