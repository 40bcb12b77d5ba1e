# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commit a reference means, by what the repository says of its branches and tags."""

from __future__ import annotations

import pytest
from pycontainer.builds import git
from pycontainer.builds.words import Trouble

ONE, TWO, TAG = "a1b2c3d4" * 5, "a1b2ffff" * 5, "0000beef" * 5
REFS = "\n".join("%s\t%s" % pair for pair in (
    (TWO, "HEAD"), (TWO, "refs/heads/main"), (TWO, "refs/heads/abcd"), (TAG, "refs/tags/v1"), (ONE, "refs/tags/v1^{}")))


@pytest.mark.parametrize("ref, commit", [
    ("", TWO), ("main", TWO), ("refs/heads/main", TWO), ("v1", ONE), ("abcd", TWO), (ONE, ONE), ("c" * 40, "c" * 40),
    ("a1b2c3d", ONE), ("a1b2ff", TWO), ("a1b2", None), ("dddd", None), ("nosuch", Trouble)])
def test_heads(monkeypatch, ref, commit):
    """The beginning of a commit that a branch or tag is at needs no fetch, so that an unchanged build is seen to be one."""
    monkeypatch.setattr(git.Git, "_run", lambda *_arguments: REFS)
    wanted = git.Repository("https://example.com/x.git#" + ref)
    if commit is Trouble:
        with pytest.raises(Trouble, match="has no branch or tag nosuch"):
            git.Git().head(wanted)
    else:
        assert git.Git().head(wanted) == commit
