# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI command's modules as its bundle has them (bundle.py): the same, in less code. It is made by the interpreter that runs it, on its host.

    docstrings, and what makes strings of annotations, are left out
    numbers of the kernel's (errno.ENOENT, os.O_PATH, constants.CLONE_NEWNS) are written in, and what is imported for them alone is not imported
    modules of the bundle are taken from where they are, past the import statement's ways
    functions that no usual call needs (usual.py), a third of all, are fetched when they are called
"""

from __future__ import annotations

import __future__

import ast
import marshal
from importlib.util import resolve_name
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_OPTIMIZED
from types import CodeType, FunctionType, ModuleType

FETCH, TAKE = "__fetch__", "__take__"  # a module's names for loading.Bundle.fetch and loading.take
LEAST = 400  # bytes of code that are worth leaving out: what stands for them has 250
_OTHER = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
NUMBERS = ("errno", "os", "_signal", "_socket", "select", "constants")  # modules whose numbers never change


def compiled(module, modules):
    """The code of a module. :param modules: ``{name: module}`` of those that are in the bundle."""
    with open(module.__file__, encoding="utf-8") as file:
        tree = ast.parse(file.read().replace("from __future__ import annotations\n", "\n", 1))
    numbers = _Numbers(vars(module), tree)
    body = [new for node in numbers.visit(tree).body for new in numbers.without_unused(node)]
    tree.body = [new for node in body for new in (_taken(node, module, modules) if isinstance(node, ast.ImportFrom) and node.level else [node])]
    return compile(ast.fix_missing_locations(tree), module.__file__, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True, optimize=2)


def _taken(node, module, modules):
    """Assignments of what a relative import statement names, by TAKE."""
    base = resolve_name("." * node.level + (node.module or ""), module.__package__)
    found = []
    for alias in node.names:
        name = base + "." + alias.name
        value = "%s(%r)" % (TAKE, name) if name in modules else "%s(%r).%s" % (TAKE, base, alias.name)
        if name not in modules and base not in modules:
            return [node]
        found += ast.parse("%s = %s" % (alias.asname or alias.name, value)).body
    return [ast.copy_location(new, node) for new in found]


class _Numbers(ast.NodeTransformer):
    """Writes in the numbers that a module has from others. :param place: what the module has made, by name."""

    def __init__(self, place, tree):
        names = {name for name, found in place.items() if isinstance(found, ModuleType) and found.__name__.rpartition(".")[2] in NUMBERS}
        names -= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}  # another thing by that name in a function
        names -= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        self.modules = {name: place[name] for name in names}
        self.used = {name: 0 for name in names}  # how often besides

    def visit_Attribute(self, node):  # pylint: disable=invalid-name
        found = getattr(self.modules.get(node.value.id), node.attr, None) if isinstance(node.value, ast.Name) else None
        if type(found) is int and node.attr.isupper():  # pylint: disable=unidiomatic-typecheck
            return ast.copy_location(ast.Constant(found), node)
        return self.generic_visit(node)

    def visit_Name(self, node):  # pylint: disable=invalid-name
        if node.id in self.used:
            self.used[node.id] += 1
        return node

    def without_unused(self, node):
        """A statement of the module's without the imports that are not needed any more."""
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names = [alias for alias in node.names if self.used.get(alias.asname or alias.name) != 0]
            return [node] if node.names else []
        return [node]


class Left:
    """What is left out: ``codes``, one after the other."""

    def __init__(self):
        self.codes, self.size = [], 0

    def take(self, code, place, usual, prefix=""):
        """A module's code, or a class's body's, with calls of FETCH in the place of functions that are not ``usual``.

        :param place: what it has made, by name. Left as they are: functions that are not there by their own name, for a decorator has
            taken it, say; that have variables of a function around them, as ``super()`` has; generators, for a function stays what it is;
            and small ones.
        """
        constants = []
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                name, found = prefix + constant.co_name, place.get(constant.co_name)
                if isinstance(found, type) and not constant.co_flags & CO_OPTIMIZED:
                    constant = self.take(constant, vars(found), usual, name + ".")
                elif name not in usual and isinstance(found, FunctionType) and found.__code__.co_firstlineno == constant.co_firstlineno:
                    constant = self._leave(constant, name)
            constants.append(constant)
        return code.replace(co_consts=tuple(constants))

    def _leave(self, code, name):
        data = marshal.dumps(code)
        if code.co_freevars or code.co_flags & _OTHER or len(data) < LEAST:
            return code
        source = "def %s(*all, **named): return %s(%r, %d, %d)(*all, **named)" % (code.co_name, FETCH, name, self.size, len(data))
        self.codes.append(data)
        self.size += len(data)
        return next(constant for constant in compile(source, code.co_filename, "exec").co_consts if isinstance(constant, CodeType))
