# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build as a plan: what has to be done so that an image is what its Containerfile says, and what
comes of it. The highest chapter.
"""
