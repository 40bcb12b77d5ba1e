# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a build carried out: COPY and ADD, RUN in containers, layers made of what they
wrote.

Uses all chapters below it, containers to run commands, and images to store what comes of it.
"""
