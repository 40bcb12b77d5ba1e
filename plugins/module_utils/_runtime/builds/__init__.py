# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build images from Containerfiles.

Stands above images and containers: it takes images, runs containers, and stores the results. Its
chapters, lowest first: ``parse``, ``trees``, ``sources``, ``stage``, ``cache``, ``steps``,
``outputs``, ``plans``. Modules call ``task``.
"""
