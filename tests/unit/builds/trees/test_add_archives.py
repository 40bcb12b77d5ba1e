# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives that ADD unpacks onto what is there."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from pycontainer.builds.parse.expansion import Trouble
from pycontainer.builds.trees import add_archives

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are root's to set")


def extract(directory, *entries):
    """:param entries: ``(name, type, target or content)``."""
    path = str(directory) + ".tar"
    with tarfile.open(path, "w") as made:
        for name, kind, text in entries:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o755
            if kind == tarfile.REGTYPE:
                info.size = len(text)
                made.addfile(info, io.BytesIO(text.encode()))
            else:
                info.linkname = text
                made.addfile(info)
    top = os.open(directory, os.O_RDONLY)
    try:
        add_archives.extract(top, lambda: os.open(path, os.O_RDONLY), "a.tar")
    finally:
        os.close(top)


def test_an_entry_takes_the_place_of_another_type(tmp_path):
    top = tmp_path / "top"
    for path in ("d/in/deeper", "dd", "target"):
        (top / path).mkdir(parents=True)
    (top / "d/in/f").write_text("f")
    (top / "f").write_text("f")
    (top / "l").symlink_to("target")
    extract(
        top,
        ("d", tarfile.REGTYPE, "new"),
        ("f", tarfile.DIRTYPE, ""),
        ("f/x", tarfile.REGTYPE, "x"),
        ("l", tarfile.DIRTYPE, ""),
        ("dd", tarfile.SYMTYPE, "f"),
        ("target/kept", tarfile.REGTYPE, "k"),
    )
    assert (
        (top / "d").read_text() == "new"
        and (top / "f/x").read_text() == "x"
        and not (top / "l").is_symlink()
        and os.readlink(top / "dd") == "f"
    )
    extract(top, ("target", tarfile.DIRTYPE, ""))
    assert (top / "target/kept").exists()  # a directory onto a directory is that one


def test_names_lead_over_links_and_make_what_is_missing(tmp_path):
    top = tmp_path / "top"
    top.mkdir()
    (tmp_path / "out").mkdir()
    extract(
        top,
        ("l", tarfile.SYMTYPE, "../../a/../b/c"),
        ("abs", tarfile.SYMTYPE, "/b"),
        ("l/d/f", tarfile.REGTYPE, "1"),
        ("abs/g", tarfile.REGTYPE, "2"),
    )
    assert (
        (top / "b/c/d/f").read_text() == "1"
        and (top / "b/g").read_text() == "2"
        and not os.listdir(tmp_path / "out")
    )
    with pytest.raises(Trouble, match="part of this path is not a directory"):
        extract(top, ("b/g/x", tarfile.REGTYPE, ""))
    with pytest.raises(Trouble, match="/m: a part of this path is not a directory"):
        extract(
            top,
            ("m", tarfile.SYMTYPE, "n"),
            ("n", tarfile.SYMTYPE, "m"),
            ("m/x", tarfile.REGTYPE, ""),
        )


@pytest.mark.parametrize(
    "name, said",
    [
        ("a/" * 1900 + "f", "nested deeper than"),
        ("b" * 300 + "/f", "too long"),
        ("c/" * 3000 + "f", "too long"),
        ("e" * 300, "the entry e+: file name too long"),
    ],
)
def test_depth_and_length_are_refused_in_a_sentence(tmp_path, name, said):
    top = tmp_path / "top"
    top.mkdir()
    with pytest.raises(Trouble, match=said):
        extract(top, (name, tarfile.REGTYPE, ""))
