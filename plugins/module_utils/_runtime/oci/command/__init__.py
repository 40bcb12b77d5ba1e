# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pycontainer-oci: the command line, its log, the containers of a root, and how it is loaded quickly."""
