# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regenerate ``kernel/calls/call_numbers.py``: the numbers of the system calls that ``kernel/calls/syscalls.py`` makes.

    python devel/make_call_numbers.py            write the file
    python devel/make_call_numbers.py --check    exit 1 when the file is not what this script makes

The names are those that syscalls.py hands to ``_call``; the numbers are taken from ``kernel/seccomp/syscall_numbers.py``,
which devel/make_syscall_tables.py makes from the kernel's headers. So a new function in syscalls.py needs a run of this
script alone. A call that is newer than the headers gets its number in make_syscall_tables.py (SINCE).
"""

from __future__ import annotations

import ast
import pathlib
import runpy
import sys

KERNEL = (
    pathlib.Path(__file__).resolve().parents[1] / "plugins" / "module_utils" / "_runtime" / "kernel"
)
TARGET = KERNEL / "calls" / "call_numbers.py"
MACHINES = ("x86_64", "aarch64")
CALLERS = {"_call", "_set_owner"}  # functions whose first argument is a call's name
ONLY_PROBED = {"pidfd_getfd"}  # by features.py

HEADER = '''# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the system calls that syscalls.py makes. Made by devel/make_call_numbers.py."""

from __future__ import annotations

import sys

from .constants import MACHINE

# The numbers on x86-64 and on arm64. From 424 on all architectures count alike.
_TABLE = {
'''

FOOTER = """}
_COLUMNS = {"x86_64": 0, "aarch64": 1}
# Empty on an architecture that the engine doesn't know; a 32-bit Python below a 64-bit kernel is one.
NUMBERS: dict[str, int] = (
    {name: pair[_COLUMNS[MACHINE]] for name, pair in _TABLE.items()}
    if MACHINE in _COLUMNS and sys.maxsize > 2**32
    else {}
)
"""


def names():
    """The names of the calls that syscalls.py makes."""
    tree = ast.parse((KERNEL / "calls" / "syscalls.py").read_text())
    return sorted(
        ONLY_PROBED
        | {
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in CALLERS
            and isinstance(node.args[0], ast.Constant)
        }
    )


def generate():
    """The text of ``call_numbers.py``. :raises SystemExit: a call has no number on one of the architectures."""
    numbers = runpy.run_path(str(KERNEL / "seccomp" / "syscall_numbers.py"))["numbers"]
    lines = []
    for name in names():
        pair = tuple(numbers(machine).get(name) for machine in MACHINES)
        if None in pair:
            sys.exit(
                f"{name} has no number in seccomp/syscall_numbers.py: see SINCE in devel/make_syscall_tables.py"
            )
        lines.append('    "%s": (%d, %d),\n' % (name, *pair))
    return HEADER + "".join(lines) + FOOTER


if __name__ == "__main__":
    text = generate()
    if "--check" in sys.argv[1:]:
        sys.exit(TARGET.read_text() != text)
    TARGET.write_text(text)
