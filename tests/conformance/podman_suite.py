# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman on the runtime (podman --runtime PATH)."""

from __future__ import annotations

import engine_suite


class Suite(engine_suite.Suite):
    module = "podman_cases"
    program = "podman"
    cgroups = r"^libpod[-_]|^conmon$"
