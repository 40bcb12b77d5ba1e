# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second opinion on seccomp profiles: libseccomp, which runc and crun use, through Debian's python3-seccomp.

Run as a script by /usr/bin/python3, which has that package: an OCI profile (JSON) on stdin gives the BPF program on stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

PYTHON = "/usr/bin/python3"


def missing():
    """Why libseccomp can't be asked here, "" when it can."""
    if subprocess.run(
        [PYTHON, "-c", "import seccomp"], capture_output=True, check=False
    ).returncode:
        return "python3-seccomp is not installed"
    return ""


def compile(profile):  # pylint: disable=redefined-builtin
    """The program that libseccomp makes of a profile, on this machine's architecture."""
    return subprocess.run(
        [PYTHON, __file__], input=json.dumps(profile).encode(), capture_output=True, check=True
    ).stdout


def _action(seccomp, name, errno_ret):
    code = 1 if errno_ret is None else errno_ret
    return {
        "SCMP_ACT_KILL": seccomp.KILL,
        "SCMP_ACT_KILL_PROCESS": seccomp.KILL_PROCESS,
        "SCMP_ACT_TRAP": seccomp.TRAP,
        "SCMP_ACT_LOG": seccomp.LOG,
        "SCMP_ACT_ALLOW": seccomp.ALLOW,
        "SCMP_ACT_ERRNO": seccomp.ERRNO(code),
        "SCMP_ACT_TRACE": seccomp.TRACE(code),
    }[name]


def _main():
    import seccomp

    profile = json.load(sys.stdin)
    default = _action(seccomp, profile["defaultAction"], profile.get("defaultErrnoRet"))
    made = seccomp.SyscallFilter(defaction=default)
    made.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    for name in profile["architectures"]:
        arch = getattr(seccomp.Arch, name[len("SCMP_ARCH_") :])
        if not made.exist_arch(arch):
            made.add_arch(arch)
    for entry in profile["syscalls"]:
        action = _action(seccomp, entry["action"], entry.get("errnoRet"))
        if action == default:
            continue
        arguments = []
        for argument in entry.get("args") or []:
            operator = getattr(seccomp, argument["op"][len("SCMP_CMP_") :])
            values = (
                [argument["value"], argument["valueTwo"]]
                if argument["op"] == "SCMP_CMP_MASKED_EQ"
                else [argument["value"]]
            )
            arguments.append(seccomp.Arg(argument["index"], operator, *values))
        for name in entry["names"]:
            try:
                made.add_rule(action, name, *arguments)
            except RuntimeError:  # a name that this libseccomp does not know
                pass
    made.export_bpf(os.fdopen(1, "wb", closefd=False))


if __name__ == "__main__":
    _main()
