# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of util-linux's Python binding that crun's tests use; Debian does not package it."""

from __future__ import annotations

import typing


class Mount(typing.NamedTuple):
    target: str
    vfs_options: str
    fs_options: str


class Table:
    """A mountinfo file (proc_pid_mountinfo(5))."""

    def __init__(self, path):
        self.mounts = []
        with open(path) as file:
            for line in file:
                left, dash, right = line.partition(" - ")
                if dash:
                    fields = left.split()
                    self.mounts.append(
                        Mount(fields[4], fields[5], right.rstrip("\n").split(" ")[2])
                    )

    def find_target(self, target):
        """The mount that lies uppermost there."""
        for mount in reversed(self.mounts):
            if mount.target == target:
                return mount
        raise LookupError(target)
