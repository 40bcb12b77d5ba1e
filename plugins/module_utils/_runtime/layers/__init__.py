# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers as archives, directories and EROFS files: a toolkit that knows no image and no database.

It unpacks layers, reads their contents, stacks them, and makes them from directories. It uses
``kernel``, ``untrusted`` and ``errors``. ``formats.py`` is the entry to layers that the kernel
mounts from a file. Chapters: ``tar`` and ``compression``.
"""
