# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds: a Containerfile becomes an image. Stands above images and containers: it takes the ones and runs the others."""
