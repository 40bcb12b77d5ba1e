# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a build copies from: contexts, Git, web addresses, other stages.

Uses ``parse`` and ``trees``.
"""
