# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and check a Containerfile and a build's flags.

The lowest chapter of builds: it changes nothing, and uses only images' names and the readers of
foreign input.
"""
