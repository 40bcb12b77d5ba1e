# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers of images as archives, directories and EROFS files. Knows no image and no database."""
