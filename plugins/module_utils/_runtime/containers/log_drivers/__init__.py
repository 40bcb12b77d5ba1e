# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container's output goes: files on the host, and the process that takes entries elsewhere.

Uses ``spec`` and ``view``. A monitor loads ``log_files`` always, ``forwarder`` where the container's
driver needs it, and none of the drivers: these are loaded by the process that it forks
(``shipper``).
"""
