# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content of a registry: blobs, manifests, uploads on disk, and the answers about them.

It may use the ground alone.
"""
