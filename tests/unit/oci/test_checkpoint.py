# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``restore``'s and ``checkpoint``'s options: what is wrong with them is said first; then both are refused, nothing being made."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.oci import arguments, checkpoint


def call(root, *words):
    made = arguments.parse(list(words))
    made.options["root"] = str(root)
    return made


@pytest.mark.parametrize("options, names", [
    (["--manage-cgroups-mode", "props"], "--manage-cgroups-mode.*soft, full, strict"),
    (["--empty-ns", "network", "--empty-ns", "uts"], "--empty-ns.*'uts'.*network"),
])
def test_values(tmp_path, options, names):
    with pytest.raises(InvalidInput, match=names):
        checkpoint.restore(call(tmp_path, "restore", *options, "c1"), None)


def test_restore_is_refused(tmp_path):
    words = ["restore", "--image-path", str(tmp_path / "images"), "--manage-cgroups-mode", "full", "--empty-ns", "network", "-d", "c1"]
    with pytest.raises(Unsupported, match="restore: not supported.*CRIU.*c1"):
        checkpoint.restore(call(tmp_path / "root", *words), None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["host", ":80", "host:", "host:x", "host:0", "host:65536"])
def test_page_server(text):
    with pytest.raises(InvalidInput, match="--page-server.*ADDRESS:PORT"):
        checkpoint._page_server(text)


def test_good_page_server():
    checkpoint._page_server(None)
    checkpoint._page_server("127.0.0.1:27277")
    checkpoint._page_server("[::1]:27277")


def test_parent(tmp_path):
    (tmp_path / "earlier").mkdir()
    images = str(tmp_path / "images")
    (tmp_path / "images").mkdir()
    checkpoint._parent(images, None)
    checkpoint._parent(images, "../earlier")
    with pytest.raises(InvalidInput, match="--parent-path.*relative"):
        checkpoint._parent(images, str(tmp_path / "earlier"))
    with pytest.raises(InvalidInput, match="--parent-path.*a directory"):
        checkpoint._parent(images, "earlier")


def test_help_promises_nothing():
    for name in ("checkpoint", "restore"):
        assert "not supported, always refused" in arguments.help_text(name).splitlines()[1]
