# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The FORWARD chain of iptables-legacy is read whatever others have written into it."""

from __future__ import annotations

import pytest
from pycontainer.networks.firewalls import legacy_iptables


@pytest.mark.parametrize(
    "listing, shut",
    [
        ("-P FORWARD ACCEPT\n-A FORWARD\n", False),  # a rule that only counts
        ("-P FORWARD ACCEPT\n-A FORWARD -j\n", False),
        ('-P FORWARD DROP\n-A FORWARD -m comment --comment "not ended\n', True),
        ("-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-port-unreachable\n", True),
        ("-P FORWARD\n", False),
        ("", False),
    ],
)
def test_others_rules(listing, shut):
    chain = legacy_iptables.Forward("iptables-legacy", listing)
    assert chain.shut is shut
    assert len(chain.lacking(["pyc-net"])) > 0
