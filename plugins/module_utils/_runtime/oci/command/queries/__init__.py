# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``pycontainer-oci`` that print something, and leave every container as it is: a
file for each, called as the command.

They have the form of those in ``oci/command/commands``.
"""
