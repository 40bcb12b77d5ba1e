# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed streams: told apart, decompressed, compressed, by the quickest library that is there."""
