# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of the system calls that syscalls.py makes. Made by devel/make_call_numbers.py."""

from __future__ import annotations

import sys

from .constants import MACHINE

# The numbers on x86-64 and on arm64. From 424 on all architectures count alike.
_TABLE = {
    "bpf": (321, 280),
    "capget": (125, 90),
    "capset": (126, 91),
    "clone3": (435, 435),
    "close_range": (436, 436),
    "eventfd2": (290, 19),
    "faccessat2": (439, 439),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "inotify_add_watch": (254, 27),
    "inotify_init1": (294, 26),
    "ioprio_set": (251, 30),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "openat2": (437, 437),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pivot_root": (155, 41),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "renameat2": (316, 276),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "seccomp": (317, 277),
    "set_mempolicy": (238, 237),
    "setdomainname": (171, 162),
    "setfsgid": (123, 152),
    "setfsuid": (122, 151),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "signalfd4": (289, 74),
    "sync_file_range": (277, 84),
    "syncfs": (306, 267),
    "umount2": (166, 39),
    "unshare": (272, 97),
}
_COLUMNS = {"x86_64": 0, "aarch64": 1}
# Empty on an architecture that the engine doesn't know; a 32-bit Python below a 64-bit kernel is one.
NUMBERS: dict[str, int] = (
    {name: pair[_COLUMNS[MACHINE]] for name, pair in _TABLE.items()}
    if MACHINE in _COLUMNS and sys.maxsize > 2**32
    else {}
)
