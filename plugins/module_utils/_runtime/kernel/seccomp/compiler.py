# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""System call filters: OCI's ``linux.seccomp`` compiled to classic BPF, and installed. seccomp(2), OCI runtime-spec config-linux.

The program first tells architectures apart, then finds the call's number in a binary tree over ranges of numbers that are
treated alike, then compares arguments where a rule asks for them.

How rules add up (as with libseccomp, which other runtimes use): a rule whose action is the default one says nothing; of a
call's rules one without arguments wins over all that have some; else the first that matches. Several arguments of a rule
must all match; when one of them is compared twice, each comparison is a rule of its own. Names that an architecture does
not have are skipped. Numbers above the highest that a rule names get ENOSYS rather than an error that hides from programs
that the call is newer than the filter (as runc).
"""

from __future__ import annotations

import errno
import struct

from ...errors import InvalidInput
from ..calls import constants as c
from ..calls import syscalls
from . import syscall_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Sequence
    from typing import Any, TypedDict, Union

    Comparison = tuple[int, str, int, int]  # index of the argument, operator, value, valueTwo
    Rule = tuple[list[str], int, list[Comparison]]  # names of calls, action, all of which must hold
    Conditional = tuple[int, list[Comparison]]  # action, comparisons
    Outcome = Union[int, list[Conditional]]  # of a call: an action, or rules to be tried
    Section = tuple[int, int]  # label of an architecture's tree, AUDIT_ARCH_*

    class ProfileArgument(TypedDict, total=False):
        index: int
        value: int
        valueTwo: int
        op: str

    class ProfileRule(TypedDict, total=False):
        names: list[str]
        action: str
        errnoRet: int
        args: list[ProfileArgument]

    class Profile(TypedDict, total=False):
        """OCI's linux.seccomp; it may be of others."""

        defaultAction: str
        defaultErrnoRet: int
        architectures: list[str]
        flags: list[str]
        listenerPath: str
        listenerMetadata: str
        syscalls: list[ProfileRule]


MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS

# OCI architecture -> (table of call numbers, AUDIT_ARCH_*, whether registers have 64 bits)
_ARCHITECTURES = {
    "SCMP_ARCH_X86_64": ("x86_64", 0xC000003E, True),
    "SCMP_ARCH_X86": ("x86", 0x40000003, False),
    "SCMP_ARCH_X32": ("x32", 0xC000003E, False),
    "SCMP_ARCH_AARCH64": ("aarch64", 0xC00000B7, True),
    "SCMP_ARCH_ARM": ("arm", 0x40000028, False),
}
# In OCI's list, but no program on x86-64 or arm64 can be of it: rules for them would never be used.
_FOREIGN = {
    "SCMP_ARCH_" + name
    for name in (
        "MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X PARISC "
        "PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB"
    ).split()
}
_NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
X32_BIT = 0x40000000

KILL_PROCESS = 0x80000000
_ACTIONS = {
    "SCMP_ACT_KILL": 0,
    "SCMP_ACT_KILL_THREAD": 0,
    "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": 0x00050000,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
ALLOW = _ACTIONS["SCMP_ACT_ALLOW"]
ACTION = 0xFFFF0000  # of what a filter answers; the rest is its data
PASSING = (
    ALLOW,
    _ACTIONS["SCMP_ACT_LOG"],
    _ACTIONS["SCMP_ACT_TRACE"],
)  # those that may let a call pass
# errnoRet is in their low 16 bits; EPERM when it is not given
_WITH_DATA = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
_ENOSYS = _ACTIONS["SCMP_ACT_ERRNO"] | errno.ENOSYS
_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": c.SECCOMP_FILTER_FLAG_TSYNC,
    "SECCOMP_FILTER_FLAG_LOG": c.SECCOMP_FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": c.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": c.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}
_OPERATORS = {"SCMP_CMP_" + name for name in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")}
# What a profile may say, for `pycontainer-oci features`.
WORDS = {
    "actions": sorted(_ACTIONS),
    "operators": sorted(_OPERATORS),
    "archs": sorted(_ARCHITECTURES),
    "flags": sorted(_FLAGS),
}

# BPF instruction codes, linux/bpf_common.h
_LOAD, _AND, _RETURN, _JUMP = 0x20, 0x54, 0x06, 0x05
_JEQ, _JGT, _JGE = 0x15, 0x25, 0x35
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data


def compile(profile: Profile, arch: str = c.MACHINE) -> bytes:  # pylint: disable=redefined-builtin
    """The BPF program (bytes, 8 an instruction) for an OCI ``linux.seccomp`` dict, on "x86_64" or "aarch64".

    :raises InvalidInput: an action, operator, architecture, argument or errno that there isn't, or too many rules for the kernel.
    """
    default = _action(profile.get("defaultAction"), profile.get("defaultErrnoRet"), "defaultAction")
    if profile.get("defaultAction") == "SCMP_ACT_NOTIFY":
        raise InvalidInput(
            "seccomp defaultAction",
            "SCMP_ACT_NOTIFY",
            "an action that needs no answer: SCMP_ACT_NOTIFY cannot be used as default action",
        )
    rules = [rule for entry in profile.get("syscalls") or [] for rule in _rules(entry, default)]
    named = _restricted_names(profile)
    code = _Code()
    sections: dict[str, Section] = {}
    for name in _architectures(profile, arch):
        table, audit, wide = _ARCHITECTURES[name]
        numbers = syscall_numbers.numbers(table)
        last = max((numbers[one] for one in named if one in numbers), default=None)
        bit = X32_BIT if table == "x32" else 0
        tree = _section(code, _by_number(rules, numbers), default, wide, last, bit)
        sections[name] = tree, audit
    _dispatch(code, sections, default)
    if len(code.reversed) > MAX_INSTRUCTIONS:
        raise InvalidInput(
            "seccomp",
            f"{len(code.reversed)} BPF instructions",
            f"a profile that takes at most {MAX_INSTRUCTIONS}",
        )
    return code.bytes()


def _restricted_names(profile: Profile) -> set[str]:
    """The calls that a profile names which refuses by default: those with higher numbers get ENOSYS."""
    if profile.get("defaultAction") in ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"):
        return set()
    return {name for entry in profile.get("syscalls") or [] for name in entry.get("names") or []}


def flags(profile: Profile) -> int:
    """The SECCOMP_FILTER_FLAG_* of an OCI ``linux.seccomp`` dict. Without a list: no slow speculation mitigations, as runc."""
    names = profile.get("flags")
    if names is None:
        return c.SECCOMP_FILTER_FLAG_SPEC_ALLOW
    for name in names:
        if name not in _FLAGS:
            raise InvalidInput("seccomp flags", name, ", ".join(sorted(_FLAGS)))
    return sum(_FLAGS[name] for name in set(names))


def refuse_unknown(profile: Profile, arch: str = c.MACHINE) -> None:
    """:raises InvalidInput: for a call that no architecture of the profile has; compile() leaves such out."""
    known: set[str] = set()
    for name in _architectures(profile, arch):
        known.update(syscall_numbers.numbers(_ARCHITECTURES[name][0]))
    for entry in profile.get("syscalls") or []:
        for name in entry.get("names") or []:
            if name not in known:
                raise InvalidInput("seccomp names", name, f"a system call of {arch}")


def notifies(profile: Profile) -> bool:
    """Whether a rule hands calls to a listener, so that install() must be given SECCOMP_FILTER_FLAG_NEW_LISTENER."""
    return any(entry.get("action") == "SCMP_ACT_NOTIFY" for entry in profile.get("syscalls") or [])


def install(program: bytes, filter_flags: int = 0) -> int:
    """Put this thread below the filter, for ever. It needs no_new_privs or CAP_SYS_ADMIN.

    :returns: the listener's descriptor when the flags ask for one, else 0.
    """
    return syscalls.seccomp(c.SECCOMP_SET_MODE_FILTER, filter_flags, program)


def decide(program: bytes, name: str, arguments: Sequence[int] = (), arch: str = c.MACHINE) -> int:
    """What a filter answers to a system call (by its name) of the native architecture: SECCOMP_RET_*; ALLOW lets it through."""
    words = {_NUMBER: syscall_numbers.numbers(arch)[name], _ARCH: _ARCHITECTURES[_NATIVE[arch]][1]}
    for index, value in enumerate(arguments):
        words[_ARGUMENTS + 8 * index], words[_ARGUMENTS + 8 * index + 4] = (
            value & 0xFFFFFFFF,
            value >> 32,
        )
    place, held = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, 8 * place)
        place += 1
        if code == _RETURN:
            answer: int = value
            return answer
        if code == _LOAD:
            held = words.get(value, 0)
        elif code == _AND:
            held &= value
        elif code == _JUMP:
            place += value
        else:
            place += (
                if_true
                if {_JEQ: held == value, _JGT: held > value, _JGE: held >= value}[code]
                else if_false
            )


# ------------------------------------------------------------------------------------------------------- reading a profile


def _architectures(profile: Profile, arch: str) -> list[str]:
    """OCI names of the architectures to tell apart, the native one first."""
    if arch not in _NATIVE:
        raise InvalidInput("seccomp", arch, "an architecture among " + ", ".join(_NATIVE))
    names = [_NATIVE[arch]]
    for name in profile.get("architectures") or []:
        if name in _ARCHITECTURES:
            if name not in names:
                names.append(name)
        elif name not in _FOREIGN and name != "SCMP_ARCH_NATIVE":
            raise InvalidInput(
                "seccomp architectures", name, ", ".join(sorted(_FOREIGN | set(_ARCHITECTURES)))
            )
    return names


def _action(name: Any, errno_ret: Any, option: str) -> int:
    if name not in _ACTIONS:
        raise InvalidInput(f"seccomp {option}", name, ", ".join(_ACTIONS))
    if name not in _WITH_DATA:
        if errno_ret is not None:
            raise InvalidInput(
                "seccomp errnoRet", errno_ret, f"none: {name} does not return an errno"
            )
        return _ACTIONS[name]
    code = errno.EPERM if errno_ret is None else errno_ret
    if not isinstance(code, int) or not 0 <= code <= 0xFFFF:
        raise InvalidInput("seccomp errnoRet", code, "a number from 0 to 65535")
    return _ACTIONS[name] | code


def _rules(entry: ProfileRule, default: int) -> list[Rule]:
    """The rules of one entry of ``syscalls``, as ``(names, action, comparisons)``."""
    action = _action(entry.get("action"), entry.get("errnoRet"), "action")
    names = entry.get("names")
    if not names:
        raise InvalidInput("seccomp names", names, "a list of system calls")
    comparisons = [_comparison(argument) for argument in entry.get("args") or []]
    if action == default:
        return []
    if len({comparison[0] for comparison in comparisons}) < len(comparisons):
        return [(names, action, [comparison]) for comparison in comparisons]
    return [(names, action, comparisons)]


def _comparison(argument: ProfileArgument) -> Comparison:
    index, operator = argument.get("index", 0), argument.get("op", "")
    value, value_two = argument.get("value", 0), argument.get("valueTwo", 0)
    if not isinstance(index, int) or not 0 <= index <= 5:
        raise InvalidInput("seccomp args index", index, "0 to 5")
    for number in (value, value_two):
        if not isinstance(number, int) or not 0 <= number < 2**64:
            raise InvalidInput("seccomp args value", number, "a number from 0 to 2^64-1")
    if operator not in _OPERATORS:
        raise InvalidInput("seccomp args op", operator, ", ".join(sorted(_OPERATORS)))
    return index, operator[len("SCMP_CMP_") :], value, value_two


def _by_number(rules: list[Rule], numbers: dict[str, int]) -> dict[int, Outcome]:
    """``{number: action, or list of (action, comparisons)}`` for one architecture."""
    found: dict[int, Outcome] = {}
    for names, action, comparisons in rules:
        for name in names:
            number = numbers.get(name)
            if number is None:
                continue
            before = found.get(number, [])
            if isinstance(before, int):
                continue
            found[number] = [*before, (action, comparisons)] if comparisons else action
    return found


# -------------------------------------------------------------------------------------------------------------- generating


class _Code:
    """A program written from its end, because BPF jumps forward only: a label is the number of instructions that come after it."""

    def __init__(self) -> None:
        self.reversed: list[tuple[int, int, int, int]] = []  # code, jump if true, if false, value
        self.returns: dict[int, int] = {}  # action -> label

    def bytes(self) -> builtins.bytes:
        """The program in the kernel's form."""
        return b"".join(
            struct.pack("=HBBI", *instruction) for instruction in reversed(self.reversed)
        )

    def emit(self, code: int, value: int, if_true: int = 0, if_false: int = 0) -> int:
        """Put one instruction in front; returns its label."""
        self.reversed.append((code, if_true, if_false, value))
        return len(self.reversed)

    def ret(self, action: int) -> int:
        """The label of a return, near enough to be jumped to."""
        label = self.returns.get(action)
        if label is None or len(self.reversed) - label > 250:
            label = self.returns[action] = self.emit(_RETURN, action)
        return label

    def _near(self, label: int) -> int:
        """``label`` or a jump to it that two more instructions can reach with eight bits."""
        return (
            label
            if len(self.reversed) - label <= 250
            else self.emit(_JUMP, len(self.reversed) - label)
        )

    def branch(self, code: int, value: int, if_true: int, if_false: int) -> int:
        """A conditional jump to two labels."""
        if_true = self._near(if_true)
        if_false = self._near(if_false)
        here = len(self.reversed)
        return self.emit(code, value, here - if_true, here - if_false)

    def then(self, label: int) -> None:
        """Make sure that what is emitted next falls through to ``label``."""
        if label != len(self.reversed):
            self.emit(_JUMP, len(self.reversed) - label)


def _section(
    code: _Code, outcomes: dict[int, Outcome], default: int, wide: bool, last: int | None, bit: int
) -> int:
    """The tree over all call numbers of one architecture; A holds the number. Returns its label."""
    ranges: list[tuple[int, Outcome]] = [(bit, default)]  # (first number, outcome)
    for number in sorted(outcomes):
        if ranges[-1][0] == number:
            ranges.pop()
        ranges += [(number, outcomes[number]), (number + 1, default)]
    if last is not None:
        ranges = [entry for entry in ranges if entry[0] <= last] + [(last + 1, _ENOSYS)]
    merged: list[tuple[int, Outcome]] = []
    for first, outcome in ranges:
        if not merged or merged[-1][1] != outcome:
            merged.append((first, outcome))
    return _tree(code, merged, default, wide)


def _tree(code: _Code, ranges: list[tuple[int, Outcome]], default: int, wide: bool) -> int:
    if len(ranges) == 1:
        outcome = ranges[0][1]
        return (
            code.ret(outcome)
            if isinstance(outcome, int)
            else _conditions(code, outcome, default, wide)
        )
    middle = len(ranges) // 2
    above = _tree(code, ranges[middle:], default, wide)
    below = _tree(code, ranges[:middle], default, wide)
    return code.branch(_JGE, ranges[middle][0], above, below)


def _conditions(code: _Code, rules: list[Conditional], default: int, wide: bool) -> int:
    """Rules with arguments, tried in order."""
    label = code.ret(default)
    for action, comparisons in reversed(rules):
        failed, label = label, code.ret(action)
        for comparison in reversed(comparisons):
            label = _compare(code, comparison, wide, label, failed)
    return label


def _compare(code: _Code, comparison: Comparison, wide: bool, passed: int, failed: int) -> int:
    """One comparison of an argument, in halves of 32 bits; with 32-bit registers of the lower half alone."""
    index, operator, value, value_two = comparison
    if operator in ("NE", "LT", "LE"):
        passed, failed = failed, passed
        operator = {"NE": "EQ", "LT": "GE", "LE": "GT"}[operator]
    mask = value if operator == "MASKED_EQ" else 2**64 - 1
    if operator == "MASKED_EQ":
        operator, value = "EQ", value_two & mask
    jump = {"EQ": _JEQ, "GT": _JGT, "GE": _JGE}[operator]
    offset = _ARGUMENTS + 8 * index
    label = code.branch(jump, value & 0xFFFFFFFF, passed, failed)
    label = _load(code, offset, mask & 0xFFFFFFFF, label)
    if not wide or not mask >> 32:
        return label
    label = code.branch(_JEQ, value >> 32, label, failed)
    if operator != "EQ":
        label = code.branch(_JGT, value >> 32, passed, label)
    return _load(code, offset + 4, mask >> 32, label)


def _load(code: _Code, offset: int, mask: int, label: int) -> int:
    """Load half an argument, cut by a mask, and go on at ``label``."""
    code.then(label)
    if mask != 0xFFFFFFFF:
        code.emit(_AND, mask)
    return code.emit(_LOAD, offset)


def _dispatch(code: _Code, sections: dict[str, Section], default: int) -> None:
    """The program's head: which architecture's tree. A call of one that is not listed kills the process."""
    label = code.ret(KILL_PROCESS)
    for name, (tree, audit) in reversed(list(sections.items())):
        if name == "SCMP_ARCH_X32":  # told from x86-64 by a bit of the number
            continue
        if name == "SCMP_ARCH_X86_64":
            x32 = (
                sections["SCMP_ARCH_X32"][0]
                if "SCMP_ARCH_X32" in sections
                else code.ret(KILL_PROCESS)
            )
            # -1 is what a tracer sets to skip a call
            above = code.branch(_JEQ, 0xFFFFFFFF, code.ret(default), x32)
            tree = code.branch(_JGE, X32_BIT, above, tree)
        other = label
        code.then(tree)
        tree = code.emit(_LOAD, _NUMBER)
        label = code.branch(_JEQ, audit, tree, other)
    code.then(label)
    code.emit(_LOAD, _ARCH)
