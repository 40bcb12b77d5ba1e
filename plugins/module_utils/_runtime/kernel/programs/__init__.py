# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of machine code that run where no interpreter may. Their sources are in devel/machine_code."""
