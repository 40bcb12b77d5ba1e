# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: what is put on it besides containers (``task.py``, ``boot.py``)."""
