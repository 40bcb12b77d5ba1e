# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trees of others are walked by ``untrusted/trees.py`` and removed by ``store/tree_removal.py``.

Whatever walks by recursion or by paths is named here, and why.

os.walk and shutil recurse on older Pythons, and build paths that no system call takes; a function that calls itself ends at 1,000 levels.
"""

from __future__ import annotations

import ast
import pathlib

import pytest

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"
RUNTIME = "module_utils/_runtime/"
WALKERS = {
    "walk": ("os",),
    "fwalk": ("os",),
    "rmtree": ("shutil",),
    "copytree": ("shutil",),
    "move": ("shutil",),
    "rglob": None,
}
LISTERS = {"listdir", "scandir"}

OWN = {  # (file, function or walker): whose tree it is
    (RUNTIME + "deploy/install.py", "rmtree"): "a copy of the engine",
    (RUNTIME + "deploy/install.py", "walk"): "a copy of the engine",
    (
        RUNTIME + "registry/content/content_store.py",
        "rmtree",
    ): "a registry's own directories, as deep as a repository's name has parts",
    (
        RUNTIME + "registry/content/content_store.py",
        "walk",
    ): "a registry's own directories, as deep as a repository's name has parts",
    (RUNTIME + "registry/service/service.py", "rmtree"): "a service's run directory, one level",
}
BOUNDED = {  # (file, function) that calls itself for each directory: what bounds its depth
    (RUNTIME + "layers/difference.py", "clean"): "MAX_DEPTH",
    (RUNTIME + "layers/difference.py", "_contents"): "MAX_DEPTH",
    (RUNTIME + "containers/access/packing.py", "_contents"): "DEEPEST",
    (RUNTIME + "containers/access/tree_manifest.py", "_below"): "DEEPEST",
    (RUNTIME + "volumes/populate.py", "_copy"): "200, of an image's tree",
    (RUNTIME + "builds/trees/source_tree.py", "_walk"): "MAX_DEPTH",
    (RUNTIME + "deploy/fingerprint.py", "_sources_of_directory"): "the engine's own sources",
    (RUNTIME + "layers/confined_tree.py", "remove"): "MAX_DEPTH: of what was unpacked there",
    (RUNTIME + "containers/devices/device_nodes.py", "_walk"): "the host's /dev",
}


def files():
    return sorted(PLUGINS.rglob("*.py"))


def walkers(tree):
    """Names of what walks a whole tree by itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in WALKERS:
            modules = WALKERS[node.attr]
            if modules is None or isinstance(node.value, ast.Name) and node.value.id in modules:
                yield node.attr
        elif (
            isinstance(node, ast.Call)
            and called_name(node) in ("glob", "iglob")
            and (
                any(keyword.arg == "recursive" for keyword in node.keywords)
                or any(
                    isinstance(word, ast.Constant) and "**" in str(word.value) for word in node.args
                )
            )
        ):
            yield "glob"
        elif (
            isinstance(node, ast.ImportFrom) and not node.level and node.module in ("os", "shutil")
        ):
            yield from [alias.name for alias in node.names if alias.name in WALKERS]


def called(node):
    """Names of the functions and methods that are called in a node."""
    return {called_name(call) for call in ast.walk(node) if isinstance(call, ast.Call)}


def called_name(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def recursive(tree):
    """Names of functions that list a directory and, by themselves or by others of the file, call themselves."""
    functions = {
        node.name: called(node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }
    for name, calls in functions.items():
        if calls & LISTERS:
            reached, waiting = set(), [other for other in calls if other in functions]
            while waiting:
                other = waiting.pop()
                if other not in reached:
                    reached.add(other)
                    waiting += [more for more in functions[other] if more in functions]
            if name in reached:
                yield name


def relative(path):
    return path.relative_to(PLUGINS).as_posix()


def test_who_walks_otherwise_is_known():
    """A new one fails here: use untrusted/trees.walk or store/tree_removal.remove, or enter whose tree it is."""
    found = {
        (relative(path), name)
        for path in files()
        for name in walkers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(OWN)


def test_what_calls_itself_is_bounded():
    """A new one fails here: make it iterative, or enter what bounds it."""
    found = {
        (relative(path), name)
        for path in files()
        for name in recursive(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(BOUNDED)


@pytest.mark.parametrize(
    "source, seen",
    [
        ("import os\nfor a in os.walk(top): pass", ["walk"]),
        ("from shutil import rmtree", ["rmtree"]),
        ("path.rglob('*')", ["rglob"]),
        ("glob.glob(a, recursive=True)", ["glob"]),
        ("path.glob('**/x')", ["glob"]),
        ("glob.glob('/etc/*')", []),
        ("from ..untrusted import trees\ntrees.walk(top)", []),
        ("ast.walk(tree)", []),
    ],
)
def test_walkers_are_seen(source, seen):
    assert list(walkers(ast.parse(source))) == seen


def test_recursion_is_seen():
    source = "def a(fd):\n for name in os.listdir(fd): b(name)\ndef b(name):\n return a(name)\ndef c(fd):\n return os.listdir(fd)\n"
    assert list(recursive(ast.parse(source))) == ["a"]
