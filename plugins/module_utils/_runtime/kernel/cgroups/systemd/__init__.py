# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control group that systemd manages: a transient scope, with its limits as properties.

May use all other chapters of ``kernel/cgroups``, and ``kernel/systemd``. Only the front door
``kernel/cgroups`` names it.
"""
