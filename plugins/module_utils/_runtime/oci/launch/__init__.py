# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The start of a container's process: what its maker does outside, and what the process does inside."""
