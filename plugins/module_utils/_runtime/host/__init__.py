# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as a whole: what it is and has, its preparation and its end, cleaning up, checking and
building its store again.

It stands above the nouns, and knows no `cli`.
"""
