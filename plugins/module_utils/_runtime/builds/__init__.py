# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds: a Containerfile becomes an image.

Stands above images and containers: it takes images, runs containers, and stores what comes of it.
Its chapters, lowest first: ``parse``, ``trees``, ``sources``, ``stage``, ``cache``, ``steps``,
``outputs``, ``plans``; ``task`` is what the modules call.
"""
