# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the OCI command comes by its code: ``os`` without collections.abc, and functions that are fetched when they are called."""

from __future__ import annotations

import ast
import errno
import importlib.util
import marshal
import os
import pathlib
import select
import subprocess
import sys
import types

import pytest
from pycontainer.kernel import constants
from pycontainer.oci import loading, thinning, usual

RUNTIME = pathlib.Path(loading.__file__).parent.parent

ENVIRONMENT = """
import sys
assert "os" not in sys.modules, "this Python has it anyway"
exec(compile(open(%r).read(), "loading", "exec"))
import_os()
assert "_collections_abc" not in sys.modules
import os
os.environ["A"] = "1"
assert os.environ["A"] == os.environ.get("A") == os.environ.setdefault("A", "2") == os.getenv("A") == "1" and "A" in os.environ
assert os.environ.get("B") is None and "B" not in os.environ and os.environ.get("B", 3) == 3 and os.environ.pop("B", 4) == 4
os.environ.update({"B": "2"}, C="3")
assert os.environ.pop("B") == "2" and os.environ.pop("C") == "3" and dict(os.environ) == os.environ.copy() == dict(os.environ.items()) == dict(
    zip(os.environ.keys(), os.environ.values()))
try:
    os.environ.pop("B")
except KeyError:
    pass
assert os.environb[b"A"] == b"1" and set(os.environ) == set(os.environ.keys()) and len(os.environ) == len(os.environ.values())
assert sys.version_info < (3, 9) or (os.environ | {"D": "4"})["D"] == "4"
before = dict(os.environ)
os.environ.clear()
assert not os.environ.keys() and not len(os.environ)
os.environ.update(before)
assert not isinstance("", os.PathLike) and isinstance(type("Path", (), {"__fspath__": None})(), os.PathLike)
import collections.abc
import pathlib
import subprocess
assert isinstance({}, collections.abc.MutableMapping) and isinstance(pathlib.Path("x"), os.PathLike)
assert subprocess.run(["/usr/bin/env"], env=dict(os.environ, E="5"), stdout=subprocess.PIPE).stdout.count(b"E=5")
print("done")
"""


def test_os_without_abstract_classes():
    done = subprocess.run([sys.executable, "-I", "-S", "-c", ENVIRONMENT % loading.__file__], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "done\n"


SOURCE = '''
import contextlib
LONG = "%s"
def plain(first, second=2, *more, third=3, **named):
    """Said."""
    return (first, second, more, third, named, LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6})
def usual(first):
    return first, LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "so that it is long enough by far"
def generator(count):
    for number in range(count):
        yield number, LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "so that it is long enough"
@contextlib.contextmanager
def decorated(value):
    yield value, LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "so that it is long enough by far"
def small():
    return 1
class Base:
    def method(self, add=1):
        return self.number + add, LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "long enough by far"
    alias = method
    @property
    def number(self):
        return 40 + 1
class Derived(Base):
    def method(self, add=2):
        return super().method(add)[0], LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "long enough"
    def fails(self):
        raise ValueError(LONG, [first for first in "abc"], sorted("zyx", key=lambda letter: letter), {1: 2, 3: 4, 5: 6}, "so that it is long enough by far")
''' % ("x" * 300)


@pytest.fixture
def thinned(tmp_path):
    """``(module, names that were left out, its finder)``."""
    place = {}
    code = compile(SOURCE, "source", "exec")
    exec(code, place)  # pylint: disable=exec-used
    left = thinning.Left()
    main = marshal.dumps(left.take(code, place, frozenset(("usual",))))
    path = tmp_path / "bundle"
    path.write_bytes(main + b"".join(left.codes))
    with open(path, "rb", 0) as file:
        finder = loading.Bundle(file, str(tmp_path), {"thinned": ("thinned.py", 0, len(main))}, {}, {})
        module = sys.modules["thinned"] = types.ModuleType("thinned")
        try:
            finder.exec_module(module)
            yield module, [marshal.loads(data).co_name for data in left.codes], finder
        finally:
            del sys.modules["thinned"]


@pytest.mark.parametrize("hold", [False, True])
def test_what_is_left_out_is_the_same_when_it_is_called(thinned, hold):
    module, left, finder = thinned
    assert left == ["plain", "method", "fails"], "all but usual, small, generators, decorated, and what uses super()"
    if hold:
        finder.hold()
        finder.file.close()
    whole = types.ModuleType("whole")
    exec(compile(SOURCE, "source", "exec"), vars(whole))  # pylint: disable=exec-used
    for _again in range(2):
        for made in (module, whole):
            assert made.plain(1)[:5] == (1, 2, (), 3, {}) and made.plain(1, 5, 6, third=7, x=8)[:5] == (1, 5, (6,), 7, {"x": 8})
            assert [number for number, *_more in made.generator(3)] == [0, 1, 2]
            with made.decorated(9) as value:
                assert value[0] == 9
            assert made.Base().method()[0] == 42 and made.Base().alias(2)[0] == 43 and made.Derived().method()[0] == 43 and made.small() == 1
            with pytest.raises(ValueError, match="long enough"):
                made.Derived().fails()
            with pytest.raises(TypeError, match="missing 1 required"):
                made.plain()
    assert module.plain.__code__ == whole.plain.__code__ and module.plain.__defaults__ == (2,)


def functions(path):
    """Qualified names of a file's functions and its classes' methods."""
    def of(body, prefix):
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from of(node.body, prefix + node.name + ".")
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield prefix + node.name
            elif isinstance(node, (ast.If, ast.Try)):
                yield from of([*node.body, *node.orelse, *(inner for handler in getattr(node, "handlers", ()) for inner in handler.body)], prefix)
    return set(of(ast.parse(path.read_text()).body, ""))


def test_every_function_that_is_called_usual_is_there():
    wrong = {}
    for name, names in usual.USUAL.items():
        origin = importlib.util.find_spec("pycontainer." + name).origin
        missing = set(names.split()) - functions(pathlib.Path(origin))
        if missing:
            wrong[name] = missing
    assert not wrong, "tests/tools/make_usual.py makes the list again"


NUMBERED = """
import errno
import os
import select
from . import constants as c
from .files import read
from .absent import other
def numbers():
    return errno.ENOENT, os.O_PATH, c.CLONE_NEWNS, c.NUMBERS, os.getpid()
def shadowed(select):
    return select.POLLIN
"""


def test_numbers_are_written_in_and_modules_taken_from_where_they_are(tmp_path):
    path = tmp_path / "numbered.py"
    path.write_text(NUMBERED)
    package = {"pycontainer.kernel.constants": types.SimpleNamespace(), "pycontainer.kernel.files": types.SimpleNamespace()}
    module = types.ModuleType("pycontainer.kernel.numbered")
    module.__file__, module.__package__ = str(path), "pycontainer.kernel"
    vars(module).update(errno=errno, os=os, select=select, c=constants)
    code = thinning.compiled(module, package)
    assert not {"errno", "files"} & set(code.co_names) and {"os", "select", "c", thinning.TAKE, "absent"} <= set(code.co_names), "absent is not in the bundle"
    inner = {constant.co_name: constant for constant in code.co_consts if isinstance(constant, types.CodeType)}
    assert {"CLONE_NEWNS", "ENOENT", "O_PATH"}.isdisjoint(inner["numbers"].co_names) and {"NUMBERS", "getpid"} <= set(inner["numbers"].co_names)
    assert {errno.ENOENT, os.O_PATH, constants.CLONE_NEWNS} <= set(inner["numbers"].co_consts) and "POLLIN" in inner["shadowed"].co_names
