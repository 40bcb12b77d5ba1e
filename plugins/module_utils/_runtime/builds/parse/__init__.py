# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Containerfile and a build's flags, read and checked.

The lowest chapter of builds: it changes nothing, and uses only images' names and what reads input
of others.
"""
