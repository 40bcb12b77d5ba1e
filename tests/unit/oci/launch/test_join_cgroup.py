# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel that can't fork into a cgroup: the process is forked without, and attached."""

from __future__ import annotations

import errno

import pytest
from pycontainer.errors import ContainerFailed
from pycontainer.kernel.calls import syscalls
from pycontainer.oci.launch import join
from pycontainer.oci.launch.clone import Clone
from pycontainer.oci.launch.site import Site


class Door:
    def __init__(self, unified):
        self.unified, self.closed = unified, False

    def close(self):
        self.closed = True


def clone(door):
    made = Clone()
    made.door, made.launch = door, type("Launch", (), {"site": Site})
    return made


@pytest.mark.parametrize("code", [errno.EINVAL, errno.E2BIG, errno.EBUSY])
def test_without_clone_into_cgroup(monkeypatch, code):
    def clone3(_flags, _signal, cgroup=None, _alone=False):
        if cgroup is not None:
            raise OSError(code, "no")
        return 7, 8

    monkeypatch.setattr(syscalls, "clone3", clone3)
    made = clone(Door(5))
    door = made.door
    assert made.clone3(0) == (7, 8) and made.door is None and door.closed
    made = clone(Door(None))
    assert made.clone3(0) == (7, 8) and made.door is not None and not made.door.closed


@pytest.mark.parametrize("unified, code", [(5, errno.ENOSPC), (None, errno.EINVAL)])
def test_what_has_another_cause(monkeypatch, unified, code):
    def clone3(*_arguments):
        raise OSError(code, "no")

    monkeypatch.setattr(syscalls, "clone3", clone3)
    with pytest.raises(ContainerFailed, match="namespaces can't be made"):
        clone(Door(unified)).clone3(0)


@pytest.mark.parametrize("closed", (False, True))
def test_a_further_process_goes_in_by_itself_where_it_can(monkeypatch, closed):
    """Being moved from outside takes the kernel milliseconds on cgroup v1."""

    class Group:
        def __init__(self):
            self.attached, self.way = [], Door(5)

        def door(self):
            return self.way

        def attach(self, *arguments):
            self.attached.append(arguments)

    class Program:
        warnings, scheduling = [], type("Scheduling", (), {"initial": None})

    def clone3(_flags, _signal, cgroup=None, _alone=False):
        if closed and cgroup is not None:
            raise OSError(errno.EBUSY, "no")
        return 7, 8

    monkeypatch.setattr(syscalls, "clone3", clone3)
    monkeypatch.setattr(syscalls, "setns", lambda *_arguments: None)
    group = Group()
    process = join.Process("c", (1, 1), group, Program)
    process._fork(None, [])  # pylint: disable=protected-access
    assert (
        group.attached == ([(7, 1, "")] if closed else []) and group.way.closed and process.pid == 7
    )
