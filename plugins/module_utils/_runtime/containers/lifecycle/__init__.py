# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's life: created, started, changed, replaced, stopped, removed.

What changes a container is called while its lock is held (catalog.held).
"""
