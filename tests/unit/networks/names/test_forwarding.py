# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of a resolv.conf that nobody can ask are passed over; the process that answers names lives."""

from __future__ import annotations

import time

import pytest
from pycontainer.networks.names import forwarding

QUERY = b"\0\1\1\0\0\1\0\0\0\0\0\0\3web\0\0\1\0\1"


class Loop:
    """A loop in which nothing happens."""

    now = time.monotonic

    def watch(self, fd, handler, events=0):
        raise AssertionError("nobody is asked")

    def forget(self, fd):
        raise AssertionError("nobody is asked")

    def after(self, seconds, action):
        raise AssertionError("nobody is asked")

    def cancel(self, seconds, number):
        raise AssertionError("nobody is asked")


@pytest.mark.parametrize("scope", [b"no-such-link", b"\0", b"a\0b"])
def test_a_scope_that_is_no_link(scope):
    servers = forwarding.servers_of(b"nameserver fe80::1%" + scope + b"\n")
    assert len(servers) == 1
    answers = []
    question = forwarding.Upstream(Loop()).question(
        QUERY, len(QUERY), servers, None, False, answers.append
    )
    question.next()
    assert answers == [b""]
