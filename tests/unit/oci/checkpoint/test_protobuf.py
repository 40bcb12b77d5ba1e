# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol buffers: the bytes of the encoding's own documentation, and back."""

from __future__ import annotations

import pytest
from pycontainer.oci.checkpoint import protobuf

SCHEMA = {"a": 1, "b": 2, "c": (3, {"a": 1}), "far": 63}


@pytest.mark.parametrize(
    "values, data",
    [
        ({"a": 150}, b"\x08\x96\x01"),  # protobuf.dev "Encoding", a simple message
        ({"b": "testing"}, b"\x12\x07testing"),
        ({"c": {"a": 150}}, b"\x1a\x03\x08\x96\x01"),
        ({"a": True, "b": None}, b"\x08\x01"),
        ({"a": -1}, b"\x08" + b"\xff" * 9 + b"\x01"),
        ({"a": [1, 2], "b": []}, b"\x08\x01\x08\x02"),
        ({"far": "x"}, b"\xfa\x03\x01x"),
    ],
)
def test_encode(values, data):
    assert protobuf.encode(SCHEMA, values) == data


def test_decode():
    assert protobuf.decode(
        SCHEMA, b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\xfa\x03\x01x"
    ) == {"a": 150, "b": b"testing", "c": {"a": 150}, "far": b"x"}
    assert protobuf.decode({}, b"\x08\x01\x12\x01x\x1d1234\x219876543210"[:-2]) == {}
    assert protobuf.decode(SCHEMA, b"") == {}


@pytest.mark.parametrize("data", [b"\x08", b"\x08\x96", b"\x12\x07test", b"\x0b", b"\x1d12"])
def test_damaged(data):
    with pytest.raises(ValueError):
        protobuf.decode(SCHEMA, data)
