# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write images in archives and OCI layouts; make them from a root file system."""
