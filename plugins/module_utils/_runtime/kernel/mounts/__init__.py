# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts: overlay and EROFS file systems, paths beneath a root, owners and the user namespaces that map them.

It uses ``calls`` and ``processes``.
"""
