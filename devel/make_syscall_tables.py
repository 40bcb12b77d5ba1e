# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regenerate ``kernel/seccomp/syscall_numbers.py``, the numbers of all system calls, from the kernel's headers.

    python devel/make_syscall_tables.py

Needs cpp and Debian's packages linux-libc-dev, linux-libc-dev-arm64-cross and linux-libc-dev-armhf-cross.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import textwrap

TARGET = (
    pathlib.Path(__file__).resolve().parents[1]
    / "plugins"
    / "module_utils"
    / "_runtime"
    / "kernel"
    / "seccomp"
    / "syscall_numbers.py"
)

X86 = ["-I/usr/include/x86_64-linux-gnu"]
HEADERS = {
    "x86_64": ("asm/unistd_64.h", X86),
    "x32": ("asm/unistd_x32.h", [*X86, "-D__X32_SYSCALL_BIT=0"]),
    "x86": ("asm/unistd_32.h", X86),
    "aarch64": ("asm/unistd.h", ["-I/usr/aarch64-linux-gnu/include"]),
    "arm": ("asm/unistd.h", ["-I/usr/arm-linux-gnueabihf/include", "-D__ARM_EABI__"]),
}

# What came after the headers' release (6.1), on all architectures alike unless said otherwise.
SINCE = (
    "=451 cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount "
    "listmount lsm_get_self_attr "
    "lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat "
    "open_tree_attr file_getattr file_setattr"
)
X86_64_ONLY = {"uretprobe": 335, "uprobe": 336}
NOT_CALLS = {
    "syscalls",
    "SYSCALL_BASE",
    "BASE",
    "SYSCALL_MASK",
    "OABI_SYSCALL_BASE",
    "arch_specific_syscall",
}

HEADER = '''# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""System call names by number, for the architectures that seccomp filters know. Made by devel/make_syscall_tables.py.

Names stand in the order of their numbers; ``=N`` says that the next one's number is N. Linux up to 6.18.
"""

from __future__ import annotations

'''

FOOTER = '''
_parsed: dict[str, dict[str, int]] = {}


def numbers(architecture: str) -> dict[str, int]:
    """``{name: number}`` for "x86_64", "x86" (i386), "x32", "aarch64" or "arm". An x32 number has bit 30 set, as the kernel sees it."""
    if architecture not in _parsed:
        _parsed[architecture] = _parse(_TABLES[architecture])
        if architecture == "x32":
            same = {name: number for name, number in numbers("x86_64").items() if name not in _NOT_X32}
            _parsed["x32"] = {name: number | 0x40000000 for name, number in dict(same, **_parsed["x32"]).items()}
    return _parsed[architecture]


def _parse(text: str) -> dict[str, int]:
    table: dict[str, int] = {}
    number = 0
    for word in text.split():
        if word[0] == "=":
            number = int(word[1:])
        else:
            table[word] = number
            number += 1
    return table
'''


def read(header, options):
    """``{name: number}`` of a header."""
    include = f"#include <{header}>\n"
    cpp = ["cpp", "-undef", "-nostdinc", *options, "-I/usr/include"]
    macros = subprocess.run(
        [*cpp, "-dM"], input=include, capture_output=True, text=True, check=True
    ).stdout
    names = re.findall(r"#define __(?:ARM_)?NR_(\w+) ", macros)
    prefix = {name: "__ARM_NR_" if f"__ARM_NR_{name} " in macros else "__NR_" for name in names}
    lines = "".join(
        f"@ {name[:1] + '#' + name[1:]} {prefix[name]}{name}\n" for name in names
    )  # the # keeps cpp off the name
    expanded = subprocess.run(
        [*cpp, "-P"], input=include + lines, capture_output=True, text=True, check=True
    ).stdout
    table = {}
    for name, value in re.findall(r"^@ (\w# ?\w+|_# ?\w+) (.+)$", expanded, re.M):
        name = name.replace("#", "").replace(" ", "")
        if re.fullmatch(r"[\s()+x0-9a-fA-F]+", value) and name not in NOT_CALLS:
            table[name] = eval(value)  # a sum of numbers  # pylint: disable=eval-used
    return table


def later(table, architecture):
    """Add what is newer than the header."""
    number = 0
    for word in SINCE.split():
        if word[0] == "=":
            number = int(word[1:])
        else:
            table[word] = number
            number += 1
    if architecture == "x86_64":
        table.update(X86_64_ONLY)


def encode(table):
    """Names in number order, with ``=N`` at gaps."""
    words, expected = [], 0
    for name, number in sorted(table.items(), key=lambda item: (item[1], item[0])):
        if number != expected:
            words.append("=%d" % number)
        words.append(name)
        expected = number + 1
    return " ".join(words)


def literal(text):
    """A parenthesised string literal over several lines."""
    lines = textwrap.wrap(text, 126, break_long_words=False, break_on_hyphens=False)
    return "(\n%s    )" % "".join('        "%s "\n' % line for line in lines)


def main():
    """Write the file."""
    tables = {architecture: read(*source) for architecture, source in HEADERS.items()}
    for architecture, table in tables.items():
        later(table, architecture)
    x32, x86_64 = tables["x32"], tables["x86_64"]
    for name in ("map_shadow_stack",):
        x32.pop(name)
    absent = sorted(name for name in x86_64 if x32.get(name) != x86_64[name])
    tables["x32"] = {name: number for name, number in x32.items() if x86_64.get(name) != number}
    body = "_TABLES = {\n%s}\n" % "".join(
        '    "%s": %s,\n' % (name, literal(encode(table))) for name, table in tables.items()
    )
    body += f"# The other names of x32 have the numbers of x86-64.\n_NOT_X32 = set(\n    {literal(' '.join(absent))}.split()\n)\n"
    TARGET.write_text(HEADER + body + FOOTER)


if __name__ == "__main__":
    main()
