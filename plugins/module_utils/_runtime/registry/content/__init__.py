# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry holds: blobs, manifests, uploads on disk, and what is answered of them.

It may use the ground alone.
"""
