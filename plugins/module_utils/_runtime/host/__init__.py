# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as a whole: its description, preparation and removal, cleaning up, checking and
rebuilding its store.

It stands above the nouns, and knows no `cli`.
"""
