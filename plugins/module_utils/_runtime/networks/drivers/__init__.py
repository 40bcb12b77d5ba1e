# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that lead past the host: on a parent link (macvlan, ipvlan), or to other hosts.

What the kernel has for a network is made and looked at here, on behalf of ``networks/links.py``.
They stand on pyroute2, which only the short-lived child of ``links`` imports. They use ``kernel``
and the form of a definition, and neither catalog nor addresses.
"""
