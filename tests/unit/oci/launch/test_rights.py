# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the maker of a container with a user namespace does for it, with objects in place of the kernel's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pycontainer.oci.launch import userns_outside
from pycontainer.oci.spec import mount_entries
from pycontainer.oci.spec.document import Document
from pycontainer.oci.spec.id_maps import Maps


@pytest.mark.parametrize("uid, owners", [(5, [100005]), (70000, [])])
def test_a_group_is_given_to_a_user_who_is_in_the_namespace(uid, owners):
    """Who has no id on the host (the user is looked up by name later) is given nothing, and it is no error."""
    entry = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}
    document = Document(
        {
            "ociVersion": "1.2.0",
            "process": {"args": ["x"], "user": {"uid": uid}},
            "linux": {"namespaces": [{"type": "cgroup"}, {"type": "user"}]},
        }
    )
    given = []
    launch = SimpleNamespace(
        document=document,
        mounts=mount_entries.read({"mounts": [entry]}),
        group=SimpleNamespace(chown=lambda uid, **_beside: given.append(uid)),
    )
    userns_outside._delegate(launch, Maps([(0, 100000, 65536)], [(0, 100000, 65536)]))  # pylint: disable=protected-access
    assert given == owners
