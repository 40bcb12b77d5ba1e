# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a container: its row in the database, the state of its run, its image.

Uses ``options``. ``state`` and ``status`` need no database: the monitors import them.
"""
