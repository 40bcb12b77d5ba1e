# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker on the runtime (dockerd --add-runtime)."""

from __future__ import annotations

import engine_suite


class Suite(engine_suite.Suite):
    module = "docker_cases"
    program = "dockerd"
    cgroups = r"^docker(-conf)?$"
