# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's life: planned, created, started, changed, replaced, stopped, removed; many of them
at once.

Uses all chapters of ``containers`` but ``monitor``. What changes a container is called while its
lock is held (catalog.held).
"""
