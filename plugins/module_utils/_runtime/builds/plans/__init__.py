# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan builds: what has to be done so that an image matches its Containerfile, and its outputs.

This is the highest chapter.
"""
