# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule's driver ``molecule-pycontainer``: instances are containers of the collection pycontainer.engine."""
