# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a build's files and archives (``--output``), besides the image in the store.

Uses ``trees``, and images to save.
"""
