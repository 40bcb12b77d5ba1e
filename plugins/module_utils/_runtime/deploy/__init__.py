# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine gets onto a host and starts there: laid down with its bytecode, found by its fingerprint, its daemons started."""
