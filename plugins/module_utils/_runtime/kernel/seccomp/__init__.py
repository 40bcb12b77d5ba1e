# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of system calls: the compiler, Docker's default profile, the numbers of all calls. It uses ``calls``."""
