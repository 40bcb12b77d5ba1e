# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands about volumes, networks, registries of this host, and the host as a whole."""
