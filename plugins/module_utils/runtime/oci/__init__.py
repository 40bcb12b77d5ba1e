# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI runtime: from a config.json (runtime-spec 1.x) to processes. The engine's containers stand on it, and so does ``pycontainer-oci``.

    document.py   the config.json, read and checked: what can't be done is refused by its name before anything is made
    program.py    its ``process``: what is executed, as whom, with which rights
    scheduling.py what of it and of ``linux`` says how the kernel runs it
    mounting.py   its ``mounts`` and devices; copyup.py a tmpfs that starts with the image's content
    sysctls.py    its kernel parameters; netdevices.py links, and rdt.py a class of resctrl, that its process is given
    listener.py   the agent that its seccomp filter asks
    launch.py     the start of process 1, from outside; child.py the same, from inside
    hooks.py      its ``hooks``: programs run at points of the container's life
    idmaps.py     maps of user and group ids; furnish.py what a process in a user namespace is handed from outside
    join.py       a further process in a running container
    waiting.py    what a created container's process is told until its start
    channel.py    what the one says to the other
"""
