# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed streams, read with the fastest of what a host has, written with zlib.

Uses ``errors`` alone.
"""
