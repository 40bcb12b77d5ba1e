# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build gives out beside the image in the store (``--output``): files and archives.

Uses ``trees``, and images to save.
"""
