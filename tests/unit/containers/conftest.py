# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a container's options share."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

FILE = (
    pathlib.Path(__file__).resolve().parents[3]
    / "plugins"
    / "module_utils"
    / "_container_options.py"
)


@pytest.fixture(scope="session")
def argument_spec():
    """Ansible's argument spec of a container. Its file is data alone and read as such: a machine under test has no Ansible."""
    spec = importlib.util.spec_from_file_location("container_options", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.argument_spec()
