# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""File trees that a build reads and writes, by descriptors: no path and no link leads out of a
tree.

Uses ``parse``.
"""
