# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that a monitor or the zygote forks to start a container, or a command in one.

They end when that runs. They import what needs no database, as ``monitor`` does.
"""
