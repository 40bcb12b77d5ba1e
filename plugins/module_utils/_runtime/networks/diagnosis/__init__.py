# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a network, told in a sentence, and what its links have carried.

These files may use all of ``networks``.
"""
