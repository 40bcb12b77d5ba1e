# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI runtime: from a config.json (runtime-spec 1.x) to processes. The engine's containers stand on it, and so does ``pycontainer-oci``.

spec/        the config.json, read and checked: what can't be done is refused by its name before anything is made
features/    what only some containers have: hooks, sysctls, scheduling, a seccomp agent, resctrl
launch/      the start of a process: launch.py from outside, child.py from inside, join.py in a container that runs
checkpoint/  saving and restoring by CRIU
command/     pycontainer-oci, with a file for its commands each
"""
