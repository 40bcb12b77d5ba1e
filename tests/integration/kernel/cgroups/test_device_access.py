# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device rules that the kernel is seen to enforce, and their change while a process runs."""

from __future__ import annotations

import os
import stat

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel.cgroups.limits import device_program, device_rules

DENY = {"allow": False, "access": "rwm"}
PROBE = """
import os, sys
def opened(name, flags):
    try:
        os.close(os.open(name, flags))
        return "1"
    except PermissionError:
        return "0"
while True:
    line = sys.stdin.readline()
    if not line:
        break
    print(opened("/dev/null", os.O_RDONLY) + opened("/dev/null", os.O_WRONLY) + opened("/dev/zero", os.O_RDONLY) + opened("/dev/full", os.O_RDWR), flush=True)
"""


def character(minor, access="rwm", allow=True):
    return {"allow": allow, "type": "c", "major": 1, "minor": minor, "access": access}


@pytest.fixture(params=["group", "program"])
def set_rules(request, group):
    """Both ways where both are: the group's own (v1's list here, as the case may be), and the BPF program of v2."""
    if request.param == "program":
        if not group.unified:
            pytest.skip("no cgroup v2 here")
        if "devices" not in group.v1:
            pytest.skip("the group's own way is the program")
        try:
            device_program.set_v2(
                group.unified, device_rules.normalise([{"allow": True, "access": "rwm"}])
            )
        except Unsupported as error:
            pytest.skip(str(error))
        return lambda rules: device_program.set_v2(group.unified, device_rules.normalise(rules))
    return lambda rules: group.apply({"devices": rules})


@pytest.fixture
def probe(group):
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PROBE],
        preexec_fn=lambda: group.attach(0),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask():
        process.stdin.write("?\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    yield ask
    process.kill()
    process.communicate(timeout=20)


def test_rules_and_their_live_change(set_rules, probe):
    assert probe() == "1111"
    set_rules([DENY, character(3)])
    assert probe() == "1100"
    set_rules([DENY, character(3, "r"), character(5)])
    assert probe() == "1010"
    set_rules([DENY, {"allow": True, "type": "c", "major": 1, "access": "rw"}])
    assert probe() == "1111"
    set_rules([DENY, character(5), character(7), character(7, allow=False)])
    assert probe() == "0010"
    set_rules([{"allow": True, "access": "rwm"}, character(7, "w", allow=False)])
    assert probe() == "1110"
    set_rules([DENY])
    assert probe() == "0000"
    set_rules([{"allow": True, "access": "rwm"}])
    assert probe() == "1111"


def test_making_nodes(set_rules, group, run_in, tmp_path):
    set_rules([DENY, character(3, "rw"), character(5, "m")])
    source = """
import os, stat, sys
for minor in (3, 5):
    try:
        os.mknod("%s/%d" % (sys.argv[1], minor), stat.S_IFCHR | 0o600, os.makedev(1, minor))
        print("made")
    except PermissionError:
        print("refused")
"""
    process = run_in(source, tmp_path)
    assert process.communicate(timeout=60)[0].split() == ["refused", "made"]
    assert stat.S_ISCHR(os.stat(tmp_path / "5").st_mode)


def test_one_program_is_left_after_many_changes(group):
    if not group.unified:
        pytest.skip("no cgroup v2 here")
    for minor in range(5):
        try:
            device_program.set_v2(group.unified, device_rules.normalise([DENY, character(minor)]))
        except Unsupported as error:
            pytest.skip(str(error))
    fd = os.open(group.unified, os.O_RDONLY)
    try:
        assert len(device_program.attached(fd)) == 1
    finally:
        os.close(fd)


def test_a_kernel_that_can_not_replace(group, monkeypatch, probe):
    """Before 5.6 the new program is attached beside the old one, which is then taken off."""
    if not group.unified:
        pytest.skip("no cgroup v2 here")
    monkeypatch.setattr(device_program, "REPLACE", 1 << 20)  # a flag that no kernel knows: EINVAL
    for rules, answer in (
        ([DENY, character(3)], "1100"),
        ([DENY, character(5)], "0010"),
        ([{"allow": True, "access": "rwm"}], "1111"),
    ):
        try:
            device_program.set_v2(group.unified, device_rules.normalise(rules))
        except Unsupported as error:
            pytest.skip(str(error))
        assert probe() == answer
    fd = os.open(group.unified, os.O_RDONLY)
    try:
        assert len(device_program.attached(fd)) == 1
    finally:
        os.close(fd)
