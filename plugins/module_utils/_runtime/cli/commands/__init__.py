# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of pycontainer, a file for each few that belong together; command_table.py names the
function behind each.

A function gets the session and what the command line said. Each folder knows nothing of the others.
"""
