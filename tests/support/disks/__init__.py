# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of the tests' own: with project quotas, or recorded write by write."""
