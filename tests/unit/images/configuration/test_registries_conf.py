# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""registries.conf: which table fits an image, where it is had from, what is refused."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput, Untrusted
from pycontainer.images.configuration import registries_conf
from pycontainer.images.model import reference

TEXT = """
unqualified-search-registries = ["docker.io"]
short-name-mode = "enforcing"

[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example.com:5000/hub"
[[registry.mirror]]
location = "second.example.com"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "third.example.com"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "docker.io/library/secret"
blocked = true

[[registry]]
prefix = "old.example.com/team"
location = "new.example.com/moved/team"
insecure = true

[[registry]]
location = "plain.example.com:5000"
insecure = true

[[registry]]
prefix = "*.internal.example.com"
mirror-by-digest-only = true
[[registry.mirror]]
location = "cache.internal.example.com"

[[registry]]
prefix = "*.wild.example.com"
location = "tame.example.com/all"
"""
DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def found(tmp_path):
    (tmp_path / "registries.conf").write_text(TEXT)
    return registries_conf.load(str(tmp_path / "registries.conf"), str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "name, places",
    [
        (
            "alpine",
            [
                "mirror.example.com:5000/hub/library/alpine:latest",
                "third.example.com/library/alpine:latest",
                "docker.io/library/alpine:latest",
            ],
        ),
        (
            "me/app@" + DIGEST,
            [
                "mirror.example.com:5000/hub/me/app@" + DIGEST,
                "second.example.com/me/app@" + DIGEST + " insecure",
                "docker.io/me/app@" + DIGEST,
            ],
        ),
        (
            "library/secrets:1",
            [
                "mirror.example.com:5000/hub/library/secrets:1",
                "third.example.com/library/secrets:1",
                "docker.io/library/secrets:1",
            ],
        ),
        ("old.example.com/team/web:1", ["new.example.com/moved/team/web:1 insecure"]),
        ("old.example.com/teams/web:1", ["old.example.com/teams/web:1"]),
        ("plain.example.com:5000/a:1", ["plain.example.com:5000/a:1 insecure"]),
        ("plain.example.com/a:1", ["plain.example.com/a:1"]),
        ("a.b.internal.example.com:5000/x:1", ["a.b.internal.example.com:5000/x:1"]),
        (
            "a.internal.example.com/x@" + DIGEST,
            ["cache.internal.example.com/x@" + DIGEST, "a.internal.example.com/x@" + DIGEST],
        ),
        ("internal.example.com/x:1", ["internal.example.com/x:1"]),
        ("a.wild.example.com/x/y:1", ["tame.example.com/all/x/y:1"]),
    ],
)
def test_places(found, name, places):
    wanted = reference.parse(name)
    assert [
        place.reference.name + (" insecure" if place.insecure else "")
        for place in found.places(wanted)
    ] == places
    assert [place.mirror for place in found.places(wanted)] == [True] * (len(places) - 1) + [False]


def test_blocked(found):
    for name in ("secret", "library/secret:1", "secret@" + DIGEST):
        with pytest.raises(Untrusted, match="blocks docker.io/library/secret"):
            found.places(reference.parse(name))
        with pytest.raises(Untrusted):
            found.admit(reference.parse(name))


def test_the_shared_file_and_its_drop_ins(tmp_path):
    """The engine's own file alone, where it is there; else the shared one, whose tables later files replace."""
    shared, own = tmp_path / "shared.conf", tmp_path / "own.conf"
    wanted = reference.parse("docker.io/a/b:1")
    assert registries_conf.load(str(own), str(shared)).places(wanted)[0].reference == wanted
    shared.write_text('[[registry]]\nprefix = "docker.io"\nlocation = "first.example.com"\n')
    (tmp_path / "shared.conf.d").mkdir()
    (tmp_path / "shared.conf.d" / "10-a.conf").write_text(
        '[[registry]]\nprefix = "docker.io"\nlocation = "second.example.com"\n'
    )
    (tmp_path / "shared.conf.d" / "20-b.conf").write_text('[aliases]\n"a" = "b.example.com/a"\n')
    (tmp_path / "shared.conf.d" / "30-c.bak").write_text("nonsense")
    assert (
        registries_conf.load(str(own), str(shared)).places(wanted)[0].reference.registry
        == "second.example.com"
    )
    own.write_text("")
    assert registries_conf.load(str(own), str(shared)).places(wanted)[0].reference == wanted


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[registries.search]\nregistries = ['a']",
        "registry = 1",
        "[[registry]]",
        "[[registry]]\nprefix = 1",
        '[[registry]]\nlocation = "a"\nunknown = 1',
        '[[registry]]\nlocation = "a"\ninsecure = "yes"',
        '[[registry]]\nlocation = "a"\n[[registry.mirror]]',
        '[[registry]]\nlocation = "a"\n[[registry.mirror]]\nlocation = "b"\npull-from-mirror = "never"',
        '[[registry]]\nlocation = "a"\nmirror = ["b"]',
    ],
)
def test_what_is_no_such_file(tmp_path, text):
    path = tmp_path / "registries.conf"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="^" + str(path)):
        registries_conf.load(str(path), str(tmp_path / "absent"))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("mirror.example.com", "mirror.example.com/library/alpine:latest"),
        ("127.0.0.1:5000/hub/x", "127.0.0.1:5000/hub/x/library/alpine:latest"),
        ("localhost", "localhost/library/alpine:latest"),
    ],
)
def test_mirrors_of_a_task(text, expected):
    assert registries_conf.mirror(text, reference.parse("alpine")).reference.name == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mirror",
        "https://mirror.example.com",
        "mirror.example.com/",
        "mirror.example.com/Up",
        "a b",
        "mirror.example.com:x",
    ],
)
def test_mirrors_that_are_none(text):
    with pytest.raises(InvalidInput, match="^mirrors: "):
        registries_conf.mirror(text, reference.parse("alpine"))
