# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What isolates a process: namespaces, capabilities, AppArmor, SELinux. It uses ``calls`` and ``processes``."""
