# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build cache: how far it leads, the directories of ``RUN --mount=type=cache``, and how a cache
gets to other hosts.
"""
