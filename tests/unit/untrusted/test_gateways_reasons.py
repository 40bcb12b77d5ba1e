# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an OSError says is put into a sentence by ``errors.reason``: "[Errno 2] ..." is for nobody. Whoever formats one itself is named here."""

from __future__ import annotations

import ast
import errno
import pathlib
import socket
import ssl

import pytest
from pycontainer import errors

RUNTIME = pathlib.Path(__file__).resolve().parents[3] / "plugins" / "module_utils" / "_runtime"
FILES = sorted(path.relative_to(RUNTIME).as_posix() for path in RUNTIME.rglob("*.py"))
PLAIN = {"str", "repr", "printable", "format"}  # what makes a text of an exception as it is
# Whose words are their own, beside errors.py.
WORDS = {"errors.py"}
FORMATTERS = {"store/database.py": "looks for a word in an error of SQLite's, and shows none"}


def caught(handler):
    """The names of the exceptions that a handler catches."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {ast.unparse(kind) for kind in kinds if kind is not None}


def is_system(name):
    """Whether a class of this name is OSError, one of its bases, or one of those derived from it."""
    kind = getattr(__builtins__, name, None) or {
        "socket.timeout": socket.timeout,
        "socket.gaierror": socket.gaierror,
        "ssl.SSLError": ssl.SSLError,
    }.get(name)
    kind = kind or (__builtins__.get(name) if isinstance(__builtins__, dict) else None)
    return isinstance(kind, type) and (issubclass(kind, OSError) or issubclass(OSError, kind))


def is_bare(node, name):
    return isinstance(node, ast.Name) and node.id == name


def formatted(tree):
    """The lines on which a caught OSError becomes a text as it is."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or not handler.name:
            continue
        if not any(map(is_system, caught(handler))):
            continue
        for node in ast.walk(handler):
            values = []
            if isinstance(node, ast.FormattedValue):
                values = [node.value]
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
                values = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            elif (
                isinstance(node, ast.Call)
                and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in PLAIN
            ):
                values = node.args
            if any(is_bare(value, handler.name) for value in values):
                yield node.lineno


@pytest.mark.parametrize("path", FILES)
def test_no_message_shows_an_oserror_as_it_is(path):
    found = list(formatted(ast.parse((RUNTIME / path).read_text(encoding="utf-8"))))
    if path in FORMATTERS:
        assert found, f"{path} does so no more: take it out of the list"
    else:
        assert not found, f"{path}:{found}: say errors.reason(error)"


def words_of_its_own(tree):
    """Where a file takes the words of an error without :func:`reason`, by line.

    ``error.strerror`` may be None, has a capital letter, or a system call's name before it.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "strerror":
            if not (isinstance(node.value, ast.Name) and node.value.id == "os"):
                yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "os.strerror":
            for inner in ast.walk(node.args[0]):
                if isinstance(inner, ast.Attribute) and inner.attr == "errno":
                    yield node.lineno
        elif isinstance(node, ast.Constant) and node.value == "strerror":
            yield node.lineno


@pytest.mark.parametrize("path", FILES)
def test_no_file_takes_the_words_of_an_error_itself(path):
    found = list(words_of_its_own(ast.parse((RUNTIME / path).read_text(encoding="utf-8"))))
    if path not in WORDS:
        assert not found, f"{path}:{found}: say errors.reason(error)"


@pytest.mark.parametrize(
    "text, seen",
    [
        ("f'it failed: {error.strerror}'", True),
        ("getattr(error, 'strerror', None)", True),
        ("os.strerror(error.errno or 0).lower()", True),
        ("OSError(errno.ELOOP, os.strerror(errno.ELOOP))", False),
        ("os.strerror(number)", False),
    ],
)
def test_words_that_are_taken_are_seen(text, seen):
    assert bool(list(words_of_its_own(ast.parse(text)))) is seen


@pytest.mark.parametrize(
    "text",
    [
        "f'it failed: {error}'",
        "'it failed: %s' % error",
        "'%s failed: %s' % (name, error)",
        "'it failed: {}'.format(error)",
        "raise HostError(str(error))",
        "log(printable(error, 500))",
    ],
)
@pytest.mark.parametrize("kind", ["OSError", "(KeyError, FileNotFoundError)", "BaseException"])
def test_a_new_one_is_seen(text, kind):
    source = "try:\n    pass\nexcept %s as error:\n    %s\n"
    assert list(formatted(ast.parse(source % (kind, text)))) == [4]
    assert not list(formatted(ast.parse(source % ("KeyError", text))))


def tls_error():
    try:
        ssl.create_default_context(cadata="-----BEGIN CERTIFICATE-----\nx")
    except ssl.SSLError as error:
        return error
    raise AssertionError("a wrong certificate was taken")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(errno.ENOENT, None, "/a"), "no such file or directory: /a"),
        (OSError(errno.EXDEV, None, "/a", None, "/b"), "invalid cross-device link: /a and /b"),
        (OSError("no number"), "no number"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name or service not"),
        (socket.timeout("timed out"), "timed out"),
        (tls_error(), ""),
        (errors.HostError("a sentence " + "x" * 1000), "a sentence " + "x" * 1000),
        (KeyError("process"), "'process'"),
        (MemoryError(), ""),
    ],
)
def test_what_is_said(error, said):
    assert errors.reason(error).startswith(said)
    assert "[Errno" not in errors.reason(error) and "_ssl.c" not in errors.reason(error)


@pytest.mark.parametrize(
    "error, said, where_named",
    [
        (
            OSError(errno.ENOENT, "No such file or directory", "/a"),
            "no such file or directory: /a",
            "no such file or directory",
        ),
        (
            OSError(errno.EXDEV, None, "/a", None, "/b"),
            "invalid cross-device link: /a and /b",
            "invalid cross-device link",
        ),
        (
            OSError(errno.EINVAL, "mount: Invalid argument", "/a"),
            "invalid argument: /a",
            "invalid argument",
        ),
        (
            OSError(errno.EINVAL, "mount overlay: Invalid argument (upperdir is not empty)"),
            "mount overlay: invalid argument (upperdir is not empty)",
            None,
        ),
        (
            OSError(errno.ENODEV, "not the null device", "/dev/null"),
            "not the null device: /dev/null",
            "not the null device",
        ),
        (OSError(errno.ENODEV, ""), "no such device", None),
        (OSError("it broke"), "it broke", None),
        (OSError(errno.EINVAL, "line\n\x1b[2J"), r"line\n\x1b[2J", None),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "name or service not known",
            None,
        ),
        (errors.NotFound("there is no image box"), "there is no image box", None),
        (ValueError("what it says"), "what it says", None),
        (KeyError(), "KeyError", None),
    ],
)
def test_what_an_exception_says(error, said, where_named):
    assert errors.reason(error) == said
    assert errors.reason(error, named=True) == (where_named or said)
