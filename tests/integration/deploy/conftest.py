# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control group, as the tests of these have it."""

from integration.kernel.cgroups.conftest import group  # noqa: F401  # pylint: disable=unused-import # a fixture
