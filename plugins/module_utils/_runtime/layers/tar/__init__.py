# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tar archives, read from and written as streams of pieces: ustar, GNU and pax.

Uses ``kernel.files``, ``untrusted`` and ``errors``.
"""
