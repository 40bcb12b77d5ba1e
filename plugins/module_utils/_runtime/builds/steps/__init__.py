# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of a build: COPY and ADD, RUN in containers, and layers of what they wrote.

Uses all chapters below it, containers to run commands, and images to store the results.
"""
