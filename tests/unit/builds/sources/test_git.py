# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commit a reference means, by what the repository says of its branches and tags."""

from __future__ import annotations

import pytest
from pycontainer.builds.parse.expansion import Trouble
from pycontainer.builds.sources import git

ONE, TWO, TAG = "a1b2c3d4" * 5, "a1b2ffff" * 5, "0000beef" * 5
REFS = "\n".join(
    "%s\t%s" % pair
    for pair in (
        (TWO, "HEAD"),
        (TWO, "refs/heads/main"),
        (TWO, "refs/heads/abcd"),
        (TAG, "refs/tags/v1"),
        (ONE, "refs/tags/v1^{}"),
    )
)


@pytest.mark.parametrize(
    "ref, commit",
    [
        ("", TWO),
        ("main", TWO),
        ("refs/heads/main", TWO),
        ("v1", ONE),
        ("abcd", TWO),
        (ONE, ONE),
        ("c" * 40, "c" * 40),
        ("a1b2c3d", ONE),
        ("a1b2ff", TWO),
        ("a1b2", None),
        ("dddd", None),
        ("nosuch", Trouble),
    ],
)
def test_heads(monkeypatch, ref, commit):
    """The beginning of a commit that a branch or tag is at needs no fetch, so that an unchanged build is seen to be one."""
    monkeypatch.setattr(git.Git, "_run", lambda *_arguments: REFS)
    wanted = git.Repository("https://example.com/x.git#" + ref)
    if commit is Trouble:
        with pytest.raises(Trouble, match="has no branch or tag nosuch"):
            git.Git().head(wanted)
    else:
        assert git.Git().head(wanted) == commit


def program(monkeypatch, tmp_path, text):
    """A ``git`` of the test's own."""
    path = tmp_path / "git"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_what_git_says_has_a_limit(monkeypatch, tmp_path):
    program(monkeypatch, tmp_path, "exec yes 'a line that never ends'")
    monkeypatch.setattr(git, "MAX_OUTPUT", 1 << 20)
    with pytest.raises(Trouble, match="git ls-remote says more than 1048576 bytes"):
        git.Git().head(git.Repository("https://example.com/x.git"))


def test_of_what_git_complains_the_last_line_is_shown(monkeypatch, tmp_path):
    program(
        monkeypatch,
        tmp_path,
        "yes 'no news' | head -c 300000 >&2; echo 'fatal: no https://me:secret@example.com/x.git' "
        ">&2; exit 128",
    )
    with pytest.raises(Trouble) as seen:
        git.Git().head(git.Repository("https://me:sec@ret@example.com/x.git"))
    assert (
        str(seen.value)
        == "https://example.com/x.git: git ls-remote: fatal: no https://example.com/x.git"
    )
