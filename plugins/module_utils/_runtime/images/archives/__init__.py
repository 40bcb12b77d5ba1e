# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images in archives and OCI layouts: read, written, made of a root file system."""
