# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that can't fork into a cgroup: the process is forked without, and attached."""

from __future__ import annotations

import errno

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.kernel import syscalls
from pycontainer.oci.launch import Launch


class Door:
    def __init__(self, unified):
        self.unified, self.closed = unified, False

    def close(self):
        self.closed = True


def launch(door):
    made = Launch.__new__(Launch)
    made.door = door
    return made


@pytest.mark.parametrize("code", [errno.EINVAL, errno.E2BIG, errno.EBUSY])
def test_without_clone_into_cgroup(monkeypatch, code):
    def clone3(_flags, _signal, cgroup=None):
        if cgroup is not None:
            raise OSError(code, "no")
        return 7, 8
    monkeypatch.setattr(syscalls, "clone3", clone3)
    made = launch(Door(5))
    door = made.door
    assert made.clone3(0) == (7, 8) and made.door is None and door.closed
    made = launch(Door(None))
    assert made.clone3(0) == (7, 8) and made.door is not None and not made.door.closed


@pytest.mark.parametrize("unified, code", [(5, errno.ENOSPC), (None, errno.EINVAL)])
def test_what_has_another_cause(monkeypatch, unified, code):
    def clone3(*_arguments):
        raise OSError(code, "no")
    monkeypatch.setattr(syscalls, "clone3", clone3)
    with pytest.raises(ContainerFailed, match="namespaces can't be made"):
        launch(Door(unified)).clone3(0)
