# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage of a build has come to, and the checks of its file.

Uses ``parse``, ``sources``, and images' documents.
"""
