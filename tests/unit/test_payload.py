# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible ships with a module: every file of the runtime, for the copy that is laid down is made from it."""

import ast
import pathlib

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "runtime"


def imported(path):
    """The files of the runtime that ``path`` names in import statements, at any depth, as AnsiballZ looks for them."""
    package = path.parent
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package
            for _step in range(node.level - 1):
                base = base.parent
            base = base.joinpath(*(node.module or "").split(".")) if node.module else base
            candidates = [base] + [base / alias.name for alias in node.names]
            for candidate in candidates:
                for file in (candidate.with_suffix(".py"), candidate / "__init__.py"):
                    if file.is_file() and RUNTIME in file.parents:
                        yield file


def reachable(start):
    seen, todo = set(), [start]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += [RUNTIME / "__init__.py" if parent == RUNTIME else parent / "__init__.py" for parent in path.parents if RUNTIME in [parent, *parent.parents]]
        todo += imported(path)
    return seen


def test_every_file_of_the_runtime_travels_with_a_module():
    missing = sorted(str(path.relative_to(RUNTIME)) for path in set(RUNTIME.rglob("*.py")) - reachable(RUNTIME / "parts.py"))
    assert not missing, "not reached by parts.py: " + ", ".join(missing)
