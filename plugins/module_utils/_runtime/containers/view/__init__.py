# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at containers: ``ps`` and its filters, ``inspect``, ``logs``, ``stats``, ``top``, ``diff``,
and what is dangerous about them.

Uses ``options``, ``records``, ``spec`` and ``client``, and changes nothing.
"""
