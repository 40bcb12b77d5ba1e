# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""System calls that Python's ``os`` lacks, the constants of the kernel's interface, and the habits around them.

The only place that touches C. It uses ``errors.py`` and nothing else of the engine. To add a system call, write its function in
``syscalls.py`` and run ``devel/make_call_numbers.py``. ``fork.child`` forks a process that must not return, ``fds`` passes
descriptors over sockets and closes ranges of them.
"""
