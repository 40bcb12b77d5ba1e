# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container may send by its link to a network, and how much.

The monitors import these files, as part of a start: they need nothing but ``kernel/net``.
"""
