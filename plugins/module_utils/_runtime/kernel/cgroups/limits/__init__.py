# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to a control group: OCI linux.resources as files of cgroup version 1 and 2.

A document's resources are checked (``resource_types``), a live update is merged into them
(``live_update``), their sections become texts for files (``v1``, ``v2``, chosen by
``translation``), and these are written (``apply``, ``write``). Device rules have a form of their
own (``device_rules``, on v2 ``device_program``). May use ``hierarchy`` and ``kernel/calls``.
"""
