# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CVE-2016-9962: a process that joins a container can't be looked into before it has executed its program."""

from __future__ import annotations

import re

import pytest
from pycontainer.errors import ContainerFailed


def run(boxes, program, caps=(), user=None, commands=200):
    box = boxes(boxes.program(program("trace")), "5", "true")
    box.config["linux"].pop("seccomp")
    for kind in ("bounding", "effective", "permitted"):
        box.config["process"]["capabilities"][kind] = sorted(
            set(box.config["process"]["capabilities"][kind]) | set(caps)
        )
    box.start()
    try:
        for _number in range(commands):
            box.execute("/bin/true", **({"user": user} if user else {}))
    except ContainerFailed:
        pass  # the time is over
    box.wait(30)
    return box.log()


@pytest.mark.parametrize("user", [None, "1000"], ids=["root", "user"])
def test_commands_on_their_way_in(boxes, program, user):
    """The container's root against commands of root (who keep their rights' sets) and of another user."""
    text = run(boxes, program, user=user)
    assert not re.findall("REACHED.*", text), sorted(set(re.findall("REACHED.*", text)))
    assert int(re.search(r"looked at (\d+)", text).group(1)) > 20, "it saw some: " + text
