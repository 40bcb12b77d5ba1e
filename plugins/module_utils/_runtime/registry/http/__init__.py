# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a registry is spoken to: sockets, HTTP, the API, authentication."""
