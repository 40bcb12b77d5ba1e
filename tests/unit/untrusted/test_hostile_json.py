# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that means harm, by the ways on which JSON of others comes in: one sentence from each."""

from __future__ import annotations

import io
import os
import types

import pytest
from pycontainer import errors
from pycontainer.builds.parse import cache_flags, instructions, lines
from pycontainer.cli import templates
from pycontainer.containers.options import security
from pycontainer.delivery import recipe
from pycontainer.images.client import auth, client
from pycontainer.images.configuration import credentials
from pycontainer.images.model import manifest
from pycontainer.images.trust import policy, signatures
from pycontainer.registry.content import answers, collect, content_store, manifests
from pycontainer.store import settings

HOSTILE = [
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"\xff\xfe{}",
    b'{"a": 1e999}',
    b'{"a": ' + b"1" * 5_000 + b"}",
    b'{"a": "\\ud800"}',
    b'{"a": NaN}',
    b"{",
    b"[1]",
    b"null",
]


def sentence(call, *arguments):
    with pytest.raises((errors.EngineError, answers.Refusal, signatures._Useless)) as caught:
        call(*arguments)
    said = str(caught.value)
    assert 0 < len(said) < 600 and "\n" not in said and "recursion" not in said
    return said


@pytest.mark.parametrize("data", HOSTILE)
def test_documents(data, tmp_path, monkeypatch):
    sentence(manifest.parse, data, "web:1")
    sentence(manifest.parse_config, data, "web:1")
    sentence(manifests.Manifest, data, "")
    sentence(signatures._json, data)
    sentence(recipe.unpack, io.BytesIO(data))
    path = str(tmp_path / "file")
    with open(path, "wb") as file:
        file.write(data)
    assert "policy" in sentence(policy.load, path)
    assert "config_path" in sentence(credentials.read, path)
    assert path in sentence(settings.read, path)
    assert "seccomp=" in sentence(security.seccomp_file, path, "security_opts")
    monkeypatch.setattr(credentials, "_run", lambda *_arguments: data)
    assert "docker-credential-x" in sentence(credentials._ask, "x", "registry.example", True)


@pytest.mark.parametrize("data", HOSTILE)
def test_a_registrys_answers(data, monkeypatch):
    assert len(client._words(data)) <= 500
    asked = client.Client.__new__(client.Client)
    asked.registry, asked.repository, asked._query = "registry.example", "web", {}
    monkeypatch.setattr(
        client.Client,
        "call",
        lambda *_arguments, **_options: types.SimpleNamespace(status=200, body=data, headers={}),
    )
    sentence(asked.tags)
    sentence(asked.referrers, "sha256:" + "a" * 64)


def test_the_token_services_answer():
    transport = types.SimpleNamespace(
        request=lambda *_arguments: types.SimpleNamespace(
            status=200, read=lambda _count: b"[" * 100_000, headers={}
        )
    )
    asking = auth.Authorizer.__new__(auth.Authorizer)
    asking.transport, asking.registry = transport, "registry.example"
    assert asking._ask("GET", "https://auth.example/token", {}, None) == (200, {})


@pytest.mark.parametrize(
    "tags", [b'{"tags": "abc"}', b'{"tags": [1]}', b'{"tags": [{}]}', b'{"tags": {"a": 1}}']
)
def test_tags_that_are_none(tags, monkeypatch):
    test_a_registrys_answers(tags, monkeypatch)


def test_a_containerfile():
    assert not lines._is_list("[" * 100_000)
    assert lines._is_list('["a"]') and lines._is_list("[]") and not lines._is_list('["a"] b')
    assert instructions.json_words("[" * 100_000) is None
    assert instructions.json_words(' ["a", "b"] # more') == ["a", "b"]


def test_a_build_cache(tmp_path):
    (tmp_path / "index.json").write_bytes(b"[" * 100_000)
    assert cache_flags.layout_digest(str(tmp_path)) is None
    assert not cache_flags._is_replaced(str(tmp_path))


def test_a_template():
    for text in ('{{json "\\q"}}', '{{"\\ud800"}}'):
        assert "--format" in sentence(templates.fill, text, {})


def test_what_the_other_side_of_a_delivery_sends_is_bounded():
    assert recipe.decode(recipe.encode(b"x" * 1000), 1000) == b"x" * 1000
    for text in (recipe.encode(b"x" * 1001), "!", None, recipe.encode(b"x")[:-4], 7):
        sentence(recipe.decode, text, 1000)


def test_blobs_of_a_manifest_that_an_older_version_took_are_kept(tmp_path):
    store = content_store.Storage(str(tmp_path / "registry"))
    try:
        digest = "sha256:" + "a" * 64
        data = b'{"layers": [{"digest": "%s"}], "deep": %s1%s}' % (
            digest.encode(),
            b"[" * 100,
            b"]" * 100,
        )
        own = "sha256:" + "b" * 64
        path = store.repository("web", "_manifests", *own.split(":"))
        os.makedirs(os.path.dirname(path))
        for name, content in (
            (path, data),
            (path + ".json", b'{"media_type": "x", "subject": null}'),
        ):
            with open(name, "wb") as file:
                file.write(content)
        assert collect.named(store, "web") >= {digest}
    finally:
        store.close()
