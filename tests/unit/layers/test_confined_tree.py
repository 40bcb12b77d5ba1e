# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree that a layer is unpacked into keeps few directories open: a process may have 1024 files open by default."""

from __future__ import annotations

import os

from pycontainer.layers import confined_tree


def test_few_directories_are_open(tmp_path):
    names = [[b"top", b"%d" % number] for number in range(5 * confined_tree.CACHE)]
    before = len(os.listdir("/proc/self/fd"))
    with confined_tree.Tree(str(tmp_path), "a layer") as tree:
        for look_up in (tree.directory, tree.find):
            most = 0
            for parts in names:
                assert look_up(parts) is not None
                most = max(most, len(tree._open))
            assert most <= confined_tree.CACHE + len(names[0])
        assert len(os.listdir("/proc/self/fd")) - before <= confined_tree.CACHE + 3
