# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor (forwarder.py) and the process of its log driver (shipper.py) say to each other.

Over the socket between the two (SOCK_SEQPACKET) goes one entry a packet: ``HEAD``, then its bytes.
Back come counts of what has been dealt with, ``DONE``, and why the last entry was lost.
"""

from __future__ import annotations

from _struct import Struct

HEAD = Struct("<BBQ")  # index of the stream, whether the line goes on, nanoseconds since the epoch
DONE = Struct("<QQ")  # entries that were delivered, and those that were lost, since the beginning
STREAMS = ("stdout", "stderr")
