# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Containerfile and a build's flags, read and checked by pure functions."""
