# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a registry may lead, by whatever header: one rule, and no way around it."""

from __future__ import annotations

import ast
import json
import pathlib
import time

import pytest
from pycontainer.errors import EngineError, RegistryError
from pycontainer.images.client import auth, foreign_layers, headers, redirects, transport, upload
from pycontainer.images.client import client as clients
from pycontainer.images.client.basic_auth import Credentials
from pycontainer.images.model import reference

IMAGES = pathlib.Path(redirects.__file__).parent
HOME = "registry.example.com"


@pytest.mark.parametrize(
    "text, found",
    [
        ("/v2/a/b", "https://registry.example.com:5000/v2/a/b"),
        ("c?x=1", "https://registry.example.com:5000/v2/c?x=1"),
        ("?n=2", "https://registry.example.com:5000/v2/?n=2"),
        ("https://cdn.example.com", "https://cdn.example.com/"),
        ("https://CDN.example.com:443/x?y#z", "https://CDN.example.com:443/x?y"),
        ("//cdn.example.com/x", "https://cdn.example.com/x"),
        ("https://me:secret@cdn.example.com/x", "https://cdn.example.com/x"),
        ("https://[fd00::1]:5000/x", "https://[fd00::1]:5000/x"),
        (" https://a_b.example./x ", "https://a_b.example./x"),
        ("https://h/%C3%A9", "https://h/%C3%A9"),
    ],
)
def test_what_can_be_followed(text, found):
    assert (
        str(
            redirects.follow(
                "r", redirects.of_registry("https", HOME + ":5000").at("/v2/"), text, "a test"
            )
        )
        == found
    )


BAD = [
    "http://[::1",
    "https://[::1",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/",
    "https://h:99999/",
    "https://h:0/",
    "https://h:x/",
    "https://h:/",
    "https://",
    "https:///x",
    "https://é/",
    "https://h/é",
    "https://h/\xff",
    "https://h/a b",
    "https://h/\x1b[31m",
    "https://h/x\r\nX-Evil: 1",
    "https://h\0/",
    "file:///etc/passwd",
    "ftp://h/",
    f"https://{'a' * 64}/",
    "https://.h/",
    "https://a..b/",
    f"https://h/{'a' * 9000}",
    "https://-_!/",
    "",
    None,
    "https://h%0a/",
    "javascript:1",
    "https://\u202eh/",
    "https://h:" + "9" * 5000,
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_nobody_can_follow(text):
    with pytest.raises(RegistryError, match="nobody can follow") as caught:
        redirects.follow("r", redirects.of_registry("https", HOME), text, "a test", insecure=True)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.parametrize("host", ["h:99999", "http:", "a b", "[::1", "h/x:", "-" * 70])
def test_registries_that_are_none(host):
    with pytest.raises(RegistryError):
        redirects.of_registry("https", host)


class Answer:
    """An answer of a registry. :param fields: its headers."""

    def __init__(self, status=200, body=b"{}", fields=(), address=None):
        self.status, self.body, self.address, self.authorization = status, body, address, None
        self.headers = headers.Headers(Message(fields), "h")

    def read(self, _limit):
        return self.body

    def pieces(self, size=1):
        yield self.body

    def close(self):
        pass


class Message(dict):
    def get_all(self, name):
        return [self[name]] if name in self else None


class Connection(transport.Transport):
    """A transport without a network. :ivar asked: ``[(method, address, Authorization)]``; ``answers``: what comes, first one first."""

    def __init__(self, answers=(), insecure=False):
        super().__init__()
        self.asked, self.answers = [], list(answers)
        if insecure:
            self.allow_insecure(HOME)
        self._schemes[HOME] = redirects.of_registry("https", HOME)

    def request(self, method, address, headers=None, body=None):
        assert isinstance(address, redirects.Address)
        self.asked.append((method, str(address), (headers or {}).get("Authorization")))
        answer = self.answers.pop(0) if self.answers else Answer()
        answer.address = address
        return answer


class Data:
    size = 5

    def pieces(self, offset, count):
        yield b"bytes"[offset : offset + count]


DIGEST = "sha256:" + "1" * 64
LAYER = {"digest": DIGEST, "size": 5, "urls": ["TARGET"], "mediaType": "x"}
PAGE = json.dumps({"tags": ["1"]}).encode()
INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
TOKEN = Answer(200, b'{"token": "good"}')


def redirected(client):
    client.manifest("1")


def uploaded(client):
    upload.push_blob(client, DIGEST, Data())


def by_foreign_urls(client, target):
    list(foreign_layers.pieces(client, dict(LAYER, urls=[target]), "x"))


WAYS = {  # what leads somewhere: (the answers before, what is done)
    "a redirect": (lambda target: [Answer(307, fields={"Location": target})], redirected),
    "a redirect of a blob": (
        lambda target: [Answer(302, fields={"Location": target})],
        lambda client: list(client.blob(DIGEST, 2)),
    ),
    "a second redirect": (
        lambda target: [
            Answer(307, fields={"Location": "https://cdn.example.com/"}),
            Answer(307, fields={"Location": target}),
        ],
        redirected,
    ),
    "an upload": (
        lambda target: [Answer(404), Answer(202, fields={"Location": target}), Answer(201)],
        uploaded,
    ),
    "an upload that goes on": (
        lambda target: [
            Answer(404),
            Answer(202, fields={"Location": "/v2/a/b/blobs/uploads/1"}),
            Answer(413),
            Answer(204, fields={"Location": target, "Range": "0-1"}),
            Answer(201),
        ],
        uploaded,
    ),
    "the next page": (
        lambda target: [Answer(200, PAGE, {"Link": f'<{target}>; rel="next"'}), Answer(200, PAGE)],
        lambda client: client.tags(),
    ),
    "the next page of referrers": (
        lambda target: [
            Answer(
                200,
                INDEX,
                {
                    "Content-Type": "application/vnd.oci.image.index.v1+json",
                    "Link": f'<{target}>; rel="next"',
                },
            ),
            Answer(200, INDEX, {"Content-Type": "application/vnd.oci.image.index.v1+json"}),
        ],
        lambda client: client.referrers(DIGEST),
    ),
    "a token service": (
        lambda target: [
            Answer(401, fields={"WWW-Authenticate": f'Bearer realm="{target}"'}),
            TOKEN,
        ],
        redirected,
    ),
    "a foreign layer": (lambda target: [Answer(404)], by_foreign_urls),
}


ME = Credentials("me", "secret")


def go(way, target, insecure=False, credentials=ME):
    answers, act = WAYS[way]
    connection = Connection(answers(target), insecure)
    client = clients.Client(reference.parse(HOME + "/a/b:1"), connection, credentials)
    client.authorizer._basic = "Basic home"
    try:
        act(client, target) if act is by_foreign_urls else act(client)
        return connection, ""
    except EngineError as error:
        return connection, str(error)


@pytest.mark.parametrize("way", WAYS)
def test_tls_is_not_left(way):
    """Not for a blob, an upload, a page, a token or a foreign layer, unless the registry is configured so."""
    connection, said = go(way, "http://cdn.example.com/x?secret=1")
    assert "from TLS to http://cdn.example.com/x for " in said and "secret" not in said
    assert not [
        address for _method, address, _header in connection.asked if address.startswith("http:")
    ]
    connection, said = go(way, "http://cdn.example.com/x?secret=1", insecure=True)
    assert "not encrypted" not in said and [
        address
        for _method, address, _header in connection.asked
        if address.startswith("http://cdn.example.com/x?secret=1")
    ]


@pytest.mark.parametrize("way", WAYS)
def test_credentials_stay_with_the_registry(way):
    """Another host, port or scheme is another place. The token service that a registry names gets them: that is what it is for."""
    for target in (
        "https://cdn.example.com/x",
        "https://registry.example.com:444/x",
        "https://registry.example.com.evil.example/x",
    ):
        connection, _said = go(way, target)
        sent = [
            header for _method, address, header in connection.asked if address.startswith(target)
        ]
        assert sent and set(sent) == {"Basic bWU6c2VjcmV0" if way == "a token service" else None}
    for target in (
        "https://registry.example.com/x",
        "https://REGISTRY.example.com:443/x",
    ):  # the same place in other words
        connection, _said = go(way, target)
        assert connection.asked[-1][2] is not None


@pytest.mark.parametrize("way", WAYS)
def test_what_leads_nowhere_is_one_sentence_and_one_try(way):
    """And what can't work is not tried again."""
    for target in BAD:
        if target:
            connection, said = go(way, target.replace('"', ""))
            assert (
                "nobody can follow" in said
                or "a header" in said
                or way.startswith("the next page")
                and "\0" in target
            ), said
            assert said.isprintable() and len(connection.asked) <= 4


def test_there_is_no_other_way():
    """Addresses are made, joined and taken apart in redirects.py alone; the proxy in the environment is the user's own."""
    around = []
    for path in sorted(IMAGES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            name = (
                node.func.attr
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                else getattr(getattr(node, "func", None), "id", None)
            )
            if path.name != "redirects.py" and (
                name in ("Address", "urljoin", "urlparse", "urlopen", "_read_address")
                or (name == "urlsplit" and path.name != "transport.py")
            ):
                around.append("%s:%d calls %s" % (path.name, node.lineno, name))
        for function in [
            node
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        ]:
            constants = {
                node.value for node in ast.walk(function) if isinstance(node, ast.Constant)
            } & {"Location", "Link", "realm"}
            calls = {
                node.func.attr
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            if constants and not calls & {"follow", "_redirected", "_fetch"}:
                around.append(
                    "%s:%d reads %s and follows it without redirects.follow"
                    % (path.name, function.lineno, ", ".join(constants))
                )
    assert around == []


@pytest.mark.parametrize(
    "token", ["a\r\nX-Evil: 1", "é", "a b", "", "\x1b", "x" * 40000, 7, {}, "\ud800"], ids=range(9)
)
def test_tokens_that_are_none(token):
    connection = Connection(
        [
            Answer(401, fields={"WWW-Authenticate": 'Bearer realm="https://t.example/"'}),
            Answer(200, json.dumps({"token": token}).encode()),
        ]
    )
    client = clients.Client(reference.parse(HOME + "/a/b:1"), connection)
    with pytest.raises(
        RegistryError,
        match="gave something that is no token|refuses anybody access|answered with status",
    ) as caught:
        client.manifest("1")
    assert str(caught.value).isprintable() and len(connection.asked) == 2


def test_headers_that_are_sent_back_have_no_control_characters():
    with pytest.raises(RegistryError, match="wants to be sent a header If-Match"):
        transport.Transport().request(
            "PUT", redirects.of_registry("https", "h").at("/"), {"If-Match": 'a\r\nX-Evil: "1"'}
        )


def test_the_life_of_a_token_has_an_end():
    connection = Connection([Answer(200, b'{"token": "t", "expires_in": 1e300}')])
    authorizer = auth.Authorizer(connection, HOME)
    authorizer.answer(['Bearer realm="https://t.example/"'], [])
    assert (
        authorizer.header([]) == "Bearer t"
        and authorizer._tokens[()][1] < time.monotonic() + 2 * auth.LONGEST_LIFE
    )
