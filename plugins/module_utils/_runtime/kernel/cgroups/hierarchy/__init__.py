# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trees of control groups that are mounted here, and the directories in them.

Where each hierarchy is (``layout``), how a group's directory is made (``directories``), stopped
(``freezer``) and taken away (``removal``), and how its files are read and written
(``cgroup_files``). Knows paths only: no limits, no figures. May use ``kernel/calls`` and
``kernel/processes``.
"""
