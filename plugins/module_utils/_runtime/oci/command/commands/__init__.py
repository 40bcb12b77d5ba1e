# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``pycontainer-oci`` that make, change or end a container: a file for each, called
as the command.

Each has its options (``COMMAND``) and a function of its name, which takes the Call and the Log and
returns the exit code, None for 0. A command may use another one, ``oci/command`` and what that may
use.
"""
