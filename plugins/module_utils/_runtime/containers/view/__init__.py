# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers looked at: lists, inspection, logs, statistics, changes, and what is dangerous about them."""
