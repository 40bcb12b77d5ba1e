# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SELinux contexts and their levels, as texts; what they do is in tests/integration/cli/containers/test_selinux.py."""

from __future__ import annotations

import pytest
from pycontainer.containers.spec import selinux_labels

WITH, WITHOUT = "system_u:object_r:container_file_t:s0:c1,c2", "system_u:object_r:container_file_t"


def test_levels():
    assert (
        selinux_labels.level_of(WITH) == "s0:c1,c2"
        and selinux_labels.level_of(WITHOUT) == selinux_labels.level_of("") == ""
    )
    assert (
        selinux_labels.at_level(WITH, "s0") == WITHOUT + ":s0"
        and selinux_labels.at_level(WITH, None) == selinux_labels.at_level(WITHOUT, None) == WITHOUT
    )


@pytest.mark.parametrize(
    "before, after, changed",
    [
        (None, None, False),
        (None, ("p", "f"), True),
        (("p", "f"), ("p", "f"), False),
        (("p", "f"), None, True),
    ],
)
def test_labels_in_a_document(before, after, changed):
    config = {"process": {"args": ["a"]}, "linux": {}}
    selinux_labels.put_into(config, before)
    assert selinux_labels.put_into(config, after) is changed
    process, files = after or (None, None)
    assert (
        config["process"].get("selinuxLabel") == process
        and config["linux"].get("mountLabel") == files
        and config["process"]["args"] == ["a"]
    )
