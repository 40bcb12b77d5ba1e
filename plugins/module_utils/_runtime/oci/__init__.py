# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI runtime: from a config.json (runtime-spec 1.x) to processes. The engine's containers stand
on it, and so does ``pycontainer-oci``.

    spec/        the config.json, read and checked before anything is made
    features/    what only some containers have: hooks, sysctls, a seccomp agent, resctrl
    launch/      the start of a process: launch.py puts it together, child.py is the process's side
    checkpoint/  saving and restoring by CRIU
    command/     pycontainer-oci, with a file for each of its commands

A chapter imports from those before it. May use ``kernel``, ``store`` and what everybody may use.
"""
