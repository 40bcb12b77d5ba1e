# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the names of repositories, tags and digests (distribution-spec v1.1, "Pulling manifests").

The storage makes paths of them, so every accepted name is safe as one: no component of dots only,
no leading underscore or dot in a repository's components, and nothing but ASCII.
"""

from __future__ import annotations

import re

from ...store.blobs import valid_digest

_PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(f"{_PART}(?:/{_PART})*")
_TAG = re.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")

digest = valid_digest


def repository(name: str) -> bool:
    """Tell whether ``name`` is valid for a repository: at most 255 characters, counted as clients
    do, without the host.
    """
    return len(name) <= 255 and _REPOSITORY.fullmatch(name) is not None


def tag(name: str) -> bool:
    return _TAG.fullmatch(name) is not None
