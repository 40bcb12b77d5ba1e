# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of the filter ``reference``."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.images.library import image_filters


@pytest.mark.parametrize(
    "name, pattern, fits",
    [
        ("shop/web:1.5", "shop/*:1.*", True),
        ("shop/a/web:1", "shop/*", False),
        ("web:1", "we[a-c]:?", True),
        ("web:1", "we[^a-c]:?", False),
        ("web:1", "[uvw]eb:1", True),
        ("web", "w\\eb", True),
        ("w]b", "w[]]b", None),
        ("web", "[z-a]eb", None),
        ("web", "[a", None),
        ("web", "[]eb", None),
        ("web", "[^]eb", None),
    ],
)
def test_patterns(name, pattern, fits):
    if fits is None:
        with pytest.raises(InvalidInput, match="filters.reference: .* is not valid"):
            image_filters.fits(name, pattern)
    else:
        assert image_filters.fits(name, pattern) is fits
