# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry that caches another one ("pull-through").

It may use `registry/content`, `registry/http`, and the client of `images`.
"""
