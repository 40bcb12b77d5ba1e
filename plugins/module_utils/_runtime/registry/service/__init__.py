# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries as services of a host: their rows, and the processes that run them.

It may use the other chapters of `registry`, the engine and `deploy`.
"""
