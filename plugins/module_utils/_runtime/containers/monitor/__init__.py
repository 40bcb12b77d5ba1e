# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes on the other side of ``client``: the zygote, and a monitor for each container.

Nobody imports them but ``deploy``, and they import what needs no database: their memory is counted
in kilobytes for each container.
"""
