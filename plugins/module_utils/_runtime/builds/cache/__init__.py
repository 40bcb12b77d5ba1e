# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build cache: its first missing step, the directories of ``RUN --mount=type=cache``, and its
exchange with other hosts.
"""
