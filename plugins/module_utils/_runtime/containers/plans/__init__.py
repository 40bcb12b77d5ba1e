# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task changes about containers: the plan of one, and of many at once.

Reads what is there, compares it with what is wanted, and puts the steps of ``lifecycle`` in order.
"""
