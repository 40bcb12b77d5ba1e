# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON without the json package: the same values and texts as with it."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import sysconfig

import pycontainer
import pytest
from pycontainer import json_text

RUNTIME = pathlib.Path(pycontainer.__file__).parent

VALUES = [
    None,
    True,
    1,
    -1.5,
    2**70,
    "",
    'ä\n"\\\u2028\U0001f600',
    [],
    {},
    [1, [2, {}], {"a": []}],
    {"a": {"b": [1, 2]}, "c": "d", "": None},
]


@pytest.mark.parametrize("value", VALUES)
def test_the_same_as_json(value):
    assert json_text.load(json.dumps(value)) == value
    assert json_text.load(f"\n\t {json.dumps(value, indent=3, ensure_ascii=False)} \r\n") == value
    assert json_text.dump(value) == json.dumps(value, separators=(",", ":"))
    assert json_text.dump(value, 4) == json.dumps(value, indent=4)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1,]", '{"a" 1}', "{} {}", "nul", '"\n"', "{'a': 1}", "\ufeff{}", "[" * 100000],
)
def test_what_is_no_json(text):
    with pytest.raises((ValueError, RecursionError)):
        json_text.load(text)


def test_it_does_without_the_package_and_re():
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('j', %r); m = "
        "u.module_from_spec(s); s.loader.exec_module(m);"
        "m.dump(m.load('{\"a\": [1]}'), 2); print(sorted({'json', 're', 'enum'} & "
        "set(sys.modules)));"
        "\ntry:\n m.load('{')\nexcept ValueError as error:\n print(error)"
        % str(RUNTIME / "json_text.py")
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert out.startswith("[]\nExpecting property name")


def test_a_start_imports_little():
    """Each of these would make a start longer by a millisecond or more."""
    code = (
        "import sys; sys.path.insert(0, %r)\nimport importlib.util as u\n"
        "s = u.spec_from_file_location('pycontainer', %r, submodule_search_locations=[%r]); m = "
        "u.module_from_spec(s); sys.modules['pycontainer'] = m\n"
        "for name in ('contextlib', 'collections', 'functools', 're', 'enum', 'json', 'types', "
        "'operator'): sys.modules.pop(name, None)\n"
        "from pycontainer.oci.command import foreground, main; from "
        "pycontainer.oci.command.commands import run\n"
        "print(sorted({'json', 're', 'enum', 'contextlib', 'collections', 'argparse', 'signal', 'socket', 'subprocess', 'pathlib', 'shutil', 'tempfile',"
        " 'pycontainer.kernel.seccomp.compiler', 'pycontainer.oci.launch.join', "
        "'pycontainer.kernel.systemd.dbus'} & set(sys.modules)))"
        % (sysconfig.get_paths()["platlib"], str(RUNTIME / "__init__.py"), str(RUNTIME))
    )
    assert (
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        == "[]\n"
    )
