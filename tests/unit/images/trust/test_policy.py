# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rule of a policy is for an archive: by the path that it really has."""

from __future__ import annotations

import pytest
from pycontainer.images.trust import policy


@pytest.fixture
def scope_of(tmp_path):
    """``scope_of(path, transport)``: the scope that is found for it; below ``tmp_path`` are ``images``, a link to it and ``images/out``, a link elsewhere."""
    (tmp_path / "images").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "out").symlink_to(tmp_path / "other")

    def do(path, transport="docker-archive", scope="images"):
        scopes = {str(tmp_path / scope): [{"type": "insecureAcceptAnything"}]}
        found = policy.Policy(
            "policy.json", {"default": [{"type": "reject"}], "transports": {transport: scopes}}
        )
        rule = found.for_file(transport, f"{tmp_path}/{path}")
        return rule.requirements[0]["type"]

    return do


@pytest.mark.parametrize(
    "path, scope, taken",
    [
        ("images/web.tar", "images", True),
        ("images", "images", True),
        ("images/", "images", True),
        ("images/a/../web.tar", "images", True),
        ("other/../images/web.tar", "images", True),
        ("link/web.tar", "images", True),
        ("images/web.tar", "link", True),
        ("link/web.tar", "link", True),
        ("images/../other/web.tar", "images", False),
        ("images/out/web.tar", "images", False),
        ("images2/web.tar", "images", False),
        ("web.tar", "images", False),
    ],
)
def test_files_of_the_host(scope_of, path, scope, taken):
    assert scope_of(path, scope=scope) == ("insecureAcceptAnything" if taken else "reject")


@pytest.mark.parametrize(
    "path, taken",
    [
        ("images/web.tar", True),
        ("images/../other/web.tar", False),
        ("other/../images/web.tar", True),
    ],
)
def test_files_of_the_controller(scope_of, path, taken):
    assert scope_of(path, "controller") == ("insecureAcceptAnything" if taken else "reject")
