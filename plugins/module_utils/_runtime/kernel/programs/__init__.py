# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of machine code that run where no interpreter may. It uses ``calls`` and ``seccomp``.

Their sources are in devel/machine_code; a test assembles and compares them.
"""
