# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a control group: what its processes use, and when memory runs out.

``counters`` has what ``docker stats`` shows, ``accounting`` all that ``runc events --stats`` shows.
May use ``hierarchy`` and ``kernel/calls``.
"""
