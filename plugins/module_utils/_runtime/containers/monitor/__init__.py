# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes on the other side: the zygote, a monitor for each container, their workers."""
