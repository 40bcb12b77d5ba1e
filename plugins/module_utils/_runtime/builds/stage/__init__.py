# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a build's stage, and the checks of its file.

Uses ``parse``, ``sources``, and images' documents.
"""
