# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decompress streams with the fastest library that the host has; compress with zlib.

Uses ``errors`` alone.
"""
