# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of references, their full and familiar forms."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.images.model import reference

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text, name, familiar",
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("me/app", "docker.io/me/app:latest", "me/app:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        (
            "registry.example.com/a/b/c:T_1.x-y",
            "registry.example.com/a/b/c:T_1.x-y",
            "registry.example.com/a/b/c:T_1.x-y",
        ),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("Host/app", "Host/app:latest", "Host/app:latest"),
        ("x/a__b--c.d", "docker.io/x/a__b--c.d:latest", "x/a__b--c.d:latest"),
        ("app@sha256:" + HEX, "docker.io/library/app@sha256:" + HEX, "app@sha256:" + HEX),
        ("h:1/app:tag@sha256:" + HEX, "h:1/app:tag@sha256:" + HEX, "h:1/app:tag@sha256:" + HEX),
        ("h:65535/app", "h:65535/app:latest", "h:65535/app:latest"),
        ("h.example/sha256:1", "h.example/sha256:1", "h.example/sha256:1"),
        ("me/sha256:1", "docker.io/me/sha256:1", "me/sha256:1"),
        ("h.example/" + HEX, "h.example/" + HEX + ":latest", "h.example/" + HEX + ":latest"),
        ("app:" + "t" * 128, "docker.io/library/app:" + "t" * 128, "app:" + "t" * 128),
    ],
)
def test_accepted(text, name, familiar):
    parsed = reference.parse(text)
    assert (parsed.name, parsed.familiar) == (name, familiar)
    assert reference.parse(parsed.familiar) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "Alpine",
        "a b",
        ":tag",
        "app:",
        "app:" + "t" * 129,
        "app:-x",
        "app:.x",
        "a//b",
        "/app",
        "app/",
        "-app",
        "app-",
        "a._b",
        "a...b",
        "a___b",
        "app@sha256:abc",
        "app@md5:" + "0" * 32,
        "app@",
        HEX,
        "http://h/app",
        "../app",
        "a/../b",
        "h:port/app",
        "h:1/" + "a" * 260,
        "app\n",
        "é",
        "app@sha256:" + HEX.upper(),
        "-h.example/app",
        "sha256:" + HEX,
        "sha256:abc",
        "sha256:latest",
        "sha256",
        "sha512:" + HEX * 2,
        "docker.io/library/sha256:" + HEX,
        "index.docker.io/sha256:" + HEX,
        "library/sha256:1",
        "sha256@sha256:" + HEX,
        "docker.io/" + HEX,
        "library/" + HEX + ":1",
        "h:99999/app",
        "h:65536/app:1",
        "h:0/app",
        "[::1]:65536/app",
    ],
)
def test_refused(text):
    with pytest.raises(InvalidInput) as caught:
        reference.parse(text)
    assert str(caught.value).startswith("name: ")


def test_spellings_of_one_name():
    assert (
        reference.same_name("web", "docker.io/library/web:latest")
        and reference.same_name("a/b:1", "docker.io/a/b:1")
        and reference.same_name(None, None)
    )
    assert (
        not reference.same_name("web", "web:2")
        and not reference.same_name("sha256:" + 64 * "a", "web")
        and not reference.same_name(None, "web")
    )


def test_the_digest_wins_and_the_tag_is_kept():
    parsed = reference.parse("app:1@sha256:" + HEX)
    assert parsed.wanted == "sha256:" + HEX and parsed.tagged == "docker.io/library/app:1"
    assert reference.parse("app@sha256:" + HEX).tagged is None


def test_the_option_is_named():
    with pytest.raises(InvalidInput, match="^tags: "):
        reference.parse("UPPER", "tags")


def test_what_can_be_nothing_but_an_id():
    assert reference.is_id("sha256:" + HEX) and reference.is_id("sha256:0") and reference.is_id(HEX)
    assert (
        not reference.is_id(HEX[:12])
        and not reference.is_id("sha256:x")
        and not reference.is_id("sha256")
        and not reference.is_id("web")
    )
