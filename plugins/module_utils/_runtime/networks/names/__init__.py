# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of containers on networks: one small process for the whole host answers them.

It is forked from the zygote at the first need (containers/monitor/name_service.py) and has two
sockets in the network namespace of each container, behind 127.0.0.11. All that it knows is read
from run.json and state.json, so it may be killed at any time. The chapter uses the kernel, the
store's files and nothing else: it runs without database, json excepted, and without ``ipaddress``.
"""

from __future__ import annotations
