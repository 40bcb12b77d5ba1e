# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regenerate ``kernel/calls/ffi.py``, the out-of-line ABI-mode declarations that ``kernel/calls/syscalls.py`` loads.

    python devel/make_ffi.py            write the file
    python devel/make_ffi.py --check    exit 1 when the file is not what this script makes

Needs the package ``cffi``; a target needs its compiled half (``_cffi_backend``) only, at 25 ms less per start.
"""

from __future__ import annotations

import pathlib
import re
import sys
import tempfile

import cffi

TARGET = (
    pathlib.Path(__file__).resolve().parents[1]
    / "plugins"
    / "module_utils"
    / "_runtime"
    / "kernel"
    / "calls"
    / "ffi.py"
)

# syscall(2) is variadic in C; with at most six integer or pointer arguments its calling convention on Linux (x86-64 System V,
# AAPCS64) is that of a function with fixed arguments, which cffi calls faster.
DECLARATIONS = """
struct clone_args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };
struct mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
struct rlimit64 { uint64_t soft, hard; };
struct sched_attr { uint32_t size, sched_policy; uint64_t sched_flags; int32_t sched_nice; uint32_t sched_priority;
                    uint64_t sched_runtime, sched_deadline, sched_period; uint32_t sched_util_min, sched_util_max; };
struct cap_header { uint32_t version; int32_t pid; };
struct cap_data { uint32_t effective, permitted, inheritable; };
struct sock_fprog { uint16_t len; const void *filter; };
long syscall(long, long, long, long, long, long, long);
"""

HEADER = """# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
\"\"\"Made by devel/make_ffi.py, which says what is declared here. ``ffi`` is None where cffi's compiled half is missing.\"\"\"

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:
    import _cffi_backend
except ImportError:  # syscalls.py says so when a call is made
    ffi: Any = None
else:
"""


def wrapped(line):
    """Cut a long bytes literal into pieces that stand below each other."""
    return re.sub(
        r"b'((?:\\x..|[^'\\])*)'",
        lambda literal: "\n    ".join(f"b'{piece}'" for piece in pieces(literal.group(1))),
        line,
    )


def pieces(literal, longest=112):
    """Cut between characters, never inside an escape."""
    lines = [""]
    for character in re.findall(r"\\x..|.", literal):
        if len(lines[-1]) + len(character) > longest:
            lines.append("")
        lines[-1] += character
    return lines


def generate():
    """The text of ``ffi.py``."""
    ffi = cffi.FFI()
    ffi.cdef(DECLARATIONS)
    ffi.set_source("pycontainer_ffi", None)
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "made.py"
        ffi.emit_python_code(str(path))
        made = path.read_text()
    body = made[made.index("ffi = ") :]
    body = body.replace("),(", "),\n        (").replace(",b'", ",\n            b'")
    lines = "\n".join(wrapped(line) for line in body.rstrip().split("\n")).split("\n")
    return HEADER + "".join(f"    {line}\n" for line in lines)


if __name__ == "__main__":
    text = generate()
    if "--check" in sys.argv[1:]:
        sys.exit(TARGET.read_text() != text)
    TARGET.write_text(text)
