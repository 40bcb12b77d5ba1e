# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to a control group: OCI linux.resources as files of version 1 and 2."""
