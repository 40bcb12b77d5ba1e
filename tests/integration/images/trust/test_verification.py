# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is trusted: ``verify`` with a public key, the host's policy, and that nothing comes in beside them."""

from __future__ import annotations

import json
import os

import pytest
from pycontainer import images, reconcile
from pycontainer.errors import InvalidInput, Unsupported, Untrusted
from pycontainer.images.client import client as clients
from pycontainer.images.client import transport
from pycontainer.images.library import garbage
from pycontainer.images.model import manifest, reference
from pycontainer.images.trust import keys, verification
from support import signing
from support.layouts import layer, layout, member, need, run

ONE = layer([member(b"f", b"one" * 1000)])
OTHER = "registry.example.com/other/name"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A registry of ours, which has the referrers API: ``127.0.0.1:PORT``."""
    from pycontainer.registry.http.server import Server

    server = Server(
        str(tmp_path_factory.mktemp("own") / "registry"),
        [("127.0.0.1", 0)],
        log=print,
        access_log=None,
    )
    server.start()
    yield "127.0.0.1:%d" % server.addresses[0][1]
    server.stop(grace=2.0)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    need("openssl")
    return signing.Key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    need("openssl")
    return signing.Key(tmp_path_factory.mktemp("stranger"))


_count = [0]


class Image:
    """An image of its own in a registry. :ivar name: its reference. :ivar digest: of its manifest."""

    def __init__(self, host, tmp_path, data=ONE):
        need("skopeo")
        _count[0] += 1
        self.repository = "%s/trust/a%d" % (host, _count[0])
        self.name = self.repository + ":1"
        where = tmp_path / ("layout-%d" % _count[0])
        layout(where, [data])
        run(
            "skopeo",
            "copy",
            "-q",
            "--dest-tls-verify=false",
            f"oci:{where}:t",
            "docker://" + self.name,
        )
        self.client = clients.Client(reference.parse(self.name), transport.Transport())
        self.data = self.client.manifest("1")[0]
        self.digest = manifest.digest_of(self.data)

    def sign(self, key, name=None, digest=None, referrer=False, **critical):
        data = signing.payload(
            digest or self.digest, self.repository if name is None else name, **critical
        )
        return signing.attach(self.client, self.digest, [(data, key.sign(data))], referrer)


@pytest.fixture
def image(own, tmp_path):
    return Image(own, tmp_path)


def nothing(engine):
    return (
        engine.db.all("SELECT * FROM images") == []
        and os.listdir(engine.paths.tmp) == os.listdir(engine.paths.layers) == []
        and list(garbage._all_blobs(engine)) == []
    )


def refused(engine, task, image, words, check=False, **options):
    with pytest.raises(Untrusted, match=words) as caught:
        task(engine, check, name=image.name, **options)
    assert "is not accepted" in str(caught.value) and nothing(engine)


# --- verify ---


@pytest.mark.parametrize("kind", sorted(signing.KINDS))
@pytest.mark.parametrize("means", ("library", "command"))
def test_kinds_of_keys(engine, task, image, tmp_path, monkeypatch, kind, means):
    need("openssl")
    if means == "library":
        pytest.importorskip("cryptography")
    else:
        monkeypatch.setattr(keys, "means", lambda: "openssl")
    key, other = signing.Key(tmp_path / "mine", kind), signing.Key(tmp_path / "other", kind)
    image.sign(key)
    refused(
        engine,
        task,
        image,
        "there is none that counts: one is not by that key",
        verify={"key": other.public},
    )
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]
    with open(key.public) as file:
        assert not task(engine, name=image.name, verify={"key": file.read()})["changed"]


@pytest.mark.parametrize("referrer", (False, True), ids=("tag", "referrer"))
def test_where_signatures_are(engine, task, image, key, stranger, referrer):
    refused(
        engine,
        task,
        image,
        "verify asks for a signature by .*p256.pub, and it is not signed",
        verify={"key": key.public},
    )
    image.sign(key, referrer=referrer)
    refused(engine, task, image, "not by that key", verify={"key": stranger.public})
    done = task(engine, name=image.name, verify={"key": key.public})
    assert done["changed"] and done["image"]["ManifestDigest"] == image.digest


def test_a_registry_without_the_referrers_api(engine, task, registry, tmp_path, key):
    """The list of referrers is an index under the fallback tag there."""
    image = Image(registry, tmp_path)
    refused(engine, task, image, "it is not signed", verify={"key": key.public})
    item = image.sign(key, referrer=True)
    entry = {
        "mediaType": manifest.OCI_MANIFEST,
        "digest": item["digest"],
        "size": item["size"],
        "artifactType": item["artifactType"],
    }
    index = json.dumps(
        {"schemaVersion": 2, "mediaType": manifest.OCI_INDEX, "manifests": [entry]}
    ).encode()
    image.client.put_manifest(image.digest.replace(":", "-"), index, manifest.OCI_INDEX)
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]


def test_bundles(engine, task, own, tmp_path, key, stranger):
    image = Image(own, tmp_path)
    verify = {"key": key.public, "digest_only": True}
    signing.bundle(image.client, image.digest, key, predicate="https://slsa.dev/provenance/v1")
    refused(
        engine, task, image, "no use: it is a statement of type https://slsa.dev", verify=verify
    )
    signing.bundle(image.client, image.digest, key, subject="sha256:" + "1" * 64)
    refused(engine, task, image, "it is for another image", verify=verify)
    signing.bundle(image.client, image.digest, stranger)
    refused(engine, task, image, "not by that key", verify=verify)
    signing.bundle(image.client, image.digest, key)
    assert task(engine, name=image.name, verify=verify)["changed"]
    task(engine, name=image.name, state="absent")
    image = Image(own, tmp_path)
    signing.message_bundle(image.client, image.digest, key, image.data)
    assert task(engine, name=image.name, verify=verify)["changed"]


@pytest.mark.parametrize("message", (False, True), ids=("statement", "message"))
def test_a_bundle_says_nothing_of_the_name(engine, task, own, tmp_path, key, policy, message):
    """What was signed as one image is not accepted as another, unless somebody says that the digest alone will do."""
    image = Image(own, tmp_path)
    if message:
        signing.message_bundle(image.client, image.digest, key, image.data)
    else:
        signing.bundle(image.client, image.digest, key)
    for check in (True, False):
        refused(
            engine,
            task,
            image,
            "no name .a Sigstore bundle.*; digest_only accepts that",
            check,
            verify={"key": key.public},
        )
    with pytest.raises(InvalidInput, match="^verify.repository: .*digest_only"):
        task(
            engine,
            name=image.name,
            verify={"key": key.public, "digest_only": True, "repository": OTHER},
        )
    wanted = {"type": "sigstoreSigned", "keyPath": key.public}
    for named in (
        {},
        *(
            {"signedIdentity": {"type": kind}}
            for kind in ("matchRepository", "matchExact", "matchRepoDigestOrExact")
        ),
        {"signedIdentity": {"type": "exactRepository", "dockerRepository": image.repository}},
        {
            "signedIdentity": {
                "type": "remapIdentity",
                "prefix": image.repository,
                "signedPrefix": OTHER,
            }
        },
    ):
        policy("reject", {image.repository: [dict(wanted, **named)]})
        refused(
            engine,
            task,
            image,
            "no name .a Sigstore bundle.*; signedIdentity matchDigestOnly accepts that",
        )
    policy("reject", {image.repository: [dict(wanted, signedIdentity={"type": "matchDigestOnly"})]})
    refused(
        engine, task, image, "no name .a Sigstore bundle.*; digest_only", verify={"key": key.public}
    )
    assert task(engine, name=image.name, verify={"key": key.public, "digest_only": True})["changed"]


def test_a_statement_that_names_its_subject(engine, task, own, tmp_path, key):
    image = Image(own, tmp_path)
    signing.bundle(image.client, image.digest, key, name="_")
    refused(engine, task, image, "no name", verify={"key": key.public})
    signing.bundle(image.client, image.digest, key, name=OTHER)
    refused(
        engine,
        task,
        image,
        "one is for the name 'registry.example.com/other/name'",
        verify={"key": key.public},
    )
    signing.bundle(image.client, image.digest, key, name=image.repository)
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]


@pytest.mark.parametrize(
    "change, words",
    [
        (dict(digest="sha256:" + "2" * 64), "one is for another image \\(sha256:2222"),
        (dict(name=OTHER), "one is for the name 'registry.example.com/other/name'"),
        (dict(name=""), "one is for the name ''"),
        (dict(name="UPPER/Case"), "one is for the name"),
        (dict(type="something else"), "its type is 'something else'"),
        (dict(image=[]), "image is not an object"),
        (dict(image={"docker-manifest-digest": 7}), "it names no image"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_payloads_that_say_something_else(engine, task, image, key, change, words):
    image.sign(key, **change)
    refused(engine, task, image, words, verify={"key": key.public})


def test_a_tag_that_is_signed_must_be_the_one_that_is_asked_for(engine, task, image, key):
    image.sign(key, name=image.repository + ":2")
    refused(engine, task, image, "one is for the name '.*:2'", verify={"key": key.public})
    image.sign(key, name=image.repository + ":1")
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]
    task(engine, name=image.name, state="absent")
    image.sign(key, name=image.repository + ":2")
    assert task(engine, name=image.repository + "@" + image.digest, verify={"key": key.public})[
        "changed"
    ]


def test_an_image_that_was_copied_from_elsewhere(engine, task, image, key):
    image.sign(key, name=OTHER)
    with pytest.raises(InvalidInput, match="verify.repository"):
        task(engine, name=image.name, verify={"key": key.public, "repository": OTHER + ":1"})
    assert task(engine, name=image.name, verify={"key": key.public, "repository": OTHER})["changed"]


def test_one_signature_of_many_will_do(engine, task, image, key, stranger):
    entries = [(b"not json", b"x"), (signing.payload(image.digest, OTHER), b"y")]
    data = signing.payload(image.digest, image.repository)
    entries += [(data, stranger.sign(data)), (data, key.sign(data))]
    signing.attach(image.client, image.digest, entries)
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]


def test_a_payload_that_was_changed(engine, task, image, key):
    data = signing.payload(image.digest, image.repository)
    signing.attach(image.client, image.digest, [(data + b" ", key.sign(data))])
    refused(engine, task, image, "not by that key", verify={"key": key.public})


def test_the_index_is_signed(engine, task, own, tmp_path, key):
    """cosign signs what the tag names; the manifest below is tied to it by its digest."""
    image = Image(own, tmp_path)
    entry = {
        "mediaType": manifest.OCI_MANIFEST,
        "digest": image.digest,
        "size": len(image.data),
        "platform": {"os": "linux", "architecture": manifest.host_platform()[1]},
    }
    index = json.dumps(
        {"schemaVersion": 2, "mediaType": manifest.OCI_INDEX, "manifests": [entry]}
    ).encode()
    digest = image.client.for_push().put_manifest("1", index, manifest.OCI_INDEX)
    refused(engine, task, image, "it is not signed", verify={"key": key.public})
    data = signing.payload(digest, image.repository)
    signing.attach(image.client, digest, [(data, key.sign(data))])
    assert task(engine, name=image.name, verify={"key": key.public})["changed"]
    assert not task(engine, name=image.name, verify={"key": key.public})["changed"]


def test_what_is_here_already_is_verified_too(engine, task, image, key):
    """Pulled before anybody asked for a signature: it is accepted only when there is one now."""
    assert task(engine, name=image.name)["changed"]
    for pull in ("missing", "never", "always"):
        with pytest.raises(Untrusted, match="it is not signed"):
            task(engine, name=image.name, pull=pull, verify={"key": key.public})
    image.sign(key)
    for pull in ("missing", "never", "always"):
        assert not task(engine, name=image.name, pull=pull, verify={"key": key.public})["changed"]
    with pytest.raises(InvalidInput, match="no verify with the id"):
        task(engine, name=task(engine, name=image.name)["image"]["Id"], verify={"key": key.public})


def test_a_name_that_something_else_was_given_here(engine, task, image, key, tmp_path):
    """An image that was made here under the registry's name is replaced by the signed one."""
    (tmp_path / "root").mkdir()
    task(engine, name=image.name, source="import", path=str(tmp_path / "root"))
    image.sign(key)
    with pytest.raises(Untrusted, match="did not come from its registry"):
        task(engine, name=image.name, pull="never", verify={"key": key.public})
    done = task(engine, name=image.name, verify={"key": key.public})
    assert done["changed"] and done["image"]["ManifestDigest"] == image.digest
    assert not task(engine, name=image.name, verify={"key": key.public})["changed"]


def test_check_mode_says_it(check_engine, task, image, key):
    with pytest.raises(Untrusted, match="it is not signed"):
        task(check_engine, True, name=image.name, verify={"key": key.public})
    image.sign(key)
    assert task(check_engine, True, name=image.name, verify={"key": key.public})["changed"]
    assert not os.path.exists(check_engine.paths.data)


def test_a_host_that_can_check_nothing(engine, task, image, key, monkeypatch):
    image.sign(key)
    monkeypatch.setattr(keys, "means", lambda: None)
    with pytest.raises(Unsupported, match="neither python3-cryptography nor the command openssl"):
        task(engine, name=image.name, verify={"key": key.public})
    assert nothing(engine)


def test_keys_that_are_none(engine, task, image, key, tmp_path):
    (tmp_path / "not.pub").write_text("nonsense")
    cut = tmp_path / "cut.pub"
    cut.write_text(
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC "
        "KEY-----\n"
    )
    for value in (
        None,
        "",
        "relative.pub",
        str(tmp_path / "absent"),
        str(tmp_path / "not.pub"),
        key.private,
    ):
        with pytest.raises(InvalidInput, match="^verify.key: "):
            task(engine, name=image.name, verify={"key": value})
    image.sign(key)
    with pytest.raises((Untrusted, Unsupported)):
        task(engine, name=image.name, verify={"key": str(cut)})
    assert nothing(engine)
    for source in ("local", "import", "load"):
        with pytest.raises(InvalidInput, match="^verify: .*no verify with source " + source):
            task(
                engine,
                name=image.name,
                source=source,
                path=None if source == "local" else "/nonexistent",
                verify={"key": key.public},
            )


# --- the policy ---


@pytest.fixture
def policy(engine, tmp_path):
    """Write the host's policy: ``policy(default, **{scope: requirements})`` of docker's, or ``policy(document=...)``."""
    engine.paths.policy = str(tmp_path / "policy.json")

    def write(default="reject", scopes=None, document=None, **transports):
        if document is None:
            transports = dict(transports, docker=scopes or {})
            document = {"default": [{"type": default}], "transports": transports}
        with open(engine.paths.policy, "w") as file:
            file.write(document if isinstance(document, str) else json.dumps(document))

    return write


ANY = [{"type": "insecureAcceptAnything"}]
NONE = [{"type": "reject"}]


def test_registries_that_are_accepted(engine, task, image, policy):
    policy("reject")
    refused(engine, task, image, "policy.json rejects everything that it does not name")
    host, repository = image.name.partition("/")[0], image.repository
    policy("reject", {host: ANY, repository.rpartition("/")[0]: NONE})
    refused(engine, task, image, f"rejects docker: {host}/trust$")
    policy("reject", {host: NONE, repository: ANY})
    assert task(engine, name=image.name)["changed"]
    policy("reject", {repository: ANY, image.name: NONE})
    with pytest.raises(Untrusted):
        task(engine, name=image.repository + ":1", platform="linux/s390x")
    task(engine, name=image.name, state="absent")
    policy("insecureAcceptAnything", {"": NONE})
    refused(engine, task, image, "rejects docker:$")


def test_nothing_is_asked_of_a_registry_that_is_rejected(engine, task, policy):
    policy("reject")
    with pytest.raises(Untrusted):
        task(engine, name="127.0.0.1:1/a/b:1")  # nobody listens there


def test_signed_by_whom(engine, task, image, policy, key, stranger):
    wanted = {
        "type": "sigstoreSigned",
        "keyPath": key.public,
        "signedIdentity": {"type": "matchRepository"},
    }
    policy("reject", {image.repository: [wanted]})
    refused(
        engine,
        task,
        image,
        "policy.json, for docker: .*, asks for a signature by .*p256.pub, and it is not signed",
    )
    image.sign(stranger)
    refused(engine, task, image, "not by that key", check=True)
    image.sign(key)
    assert task(engine, name=image.name)["changed"]
    task(engine, name=image.name, state="absent")
    policy(
        "reject",
        {image.repository: [dict(wanted, signedIdentity={"type": "matchRepoDigestOrExact"})]},
    )
    refused(engine, task, image, "one is for the name")  # cosign names the repository alone
    policy("reject", {image.repository: [wanted, dict(wanted, keyPath=stranger.public)]})
    refused(engine, task, image, "stranger.*not by that key")
    keys_ = {
        "type": "sigstoreSigned",
        "keyPaths": [stranger.public, key.public],
        "signedIdentity": {"type": "matchRepository"},
    }
    policy("reject", {image.repository: [keys_]})
    assert task(engine, name=image.name)["changed"]


@pytest.mark.parametrize(
    "requirement, words",
    [
        (
            {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/x"},
            "a GPG signature \\(signedBy\\).*can't be checked here",
        ),
        (
            {"type": "sigstoreSigned", "fulcio": {}, "rekorPublicKeyPath": "/x"},
            "asks for fulcio.*can't be checked here",
        ),
        (
            {"type": "sigstoreSigned", "keyPath": "/nonexistent.pub"},
            "the policy's key can't be used",
        ),
        ({"type": "sigstoreSigned", "keyData": "!"}, "the policy's key can't be used"),
    ],
    ids=("gpg", "fulcio", "absent", "data"),
)
def test_what_can_not_be_checked_is_refused(engine, task, image, policy, requirement, words):
    policy("insecureAcceptAnything", {image.repository: [requirement]})
    refused(engine, task, image, words)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"default": []}',
        '{"default": [{"type": "accept"}]}',
        '{"default": [{"type": "reject", "more": 1}]}',
        '{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "reject"}]}',
        '{"default": [{"type": "insecureAcceptAnything"}], "transport": {}}',
        '{"default": [{"type": "sigstoreSigned"}]}',
        '{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "keyData": "b"}]}',
        '{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "signedIdentity": {"type": "matchAnything"}}]}',
        '{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "signedIdentity": {"type": "matchTagIfSigned", "dockerRepository": "a/b"}}]}',
        '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"a": {}}}}',
        "[" * 100000,
    ],
)
def test_a_policy_that_is_not_understood_accepts_nothing(engine, task, image, policy, document):
    policy(document=document)
    with pytest.raises(Untrusted, match="no image is accepted on this host"):
        task(engine, name=image.name)
    assert nothing(engine)
    shown = images.describe_policy(engine)
    assert shown["error"] and shown["default"] == NONE


def test_archives(engine, task, policy, tmp_path):
    layout(tmp_path / "layout", [ONE])
    run("tar", "-cf", str(tmp_path / "layout.tar"), "-C", str(tmp_path / "layout"), ".")
    policy(
        "reject",
        None,
        oci={"": NONE, str(tmp_path): ANY},
        **{"oci-archive": {"": [{"type": "sigstoreSigned", "keyPath": "/x"}]}},
    )
    with pytest.raises(Untrusted, match="can't be used"):
        task(engine, source="load", path=str(tmp_path / "layout.tar"), name="a:1")
    assert task(engine, source="load", path=str(tmp_path / "layout"), name="a:1")["changed"]
    policy("reject")
    task(engine, name="a:1", state="absent")
    with pytest.raises(Untrusted, match="rejects everything that it does not name"):
        task(engine, source="load", path=str(tmp_path / "layout"), name="a:1")


def test_every_way_in(engine, task, image, policy, tmp_path, key):
    """A container's image, a build's base and the command are pulls like any other."""
    from pycontainer.builds import task as builds
    from pycontainer.containers import task as containers

    policy(
        "insecureAcceptAnything",
        {image.repository: [{"type": "sigstoreSigned", "keyPath": key.public}]},
    )
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text(f"FROM {image.name}\nCMD x\n")
    params = {
        "state": "present",
        "source": "build",
        "name": "built:1",
        "build": {"path": str(tmp_path / "context")},
    }
    with pytest.raises(Untrusted, match="it is not signed"):
        reconcile.carry_out(builds.image(engine, params), False)
    with pytest.raises(Untrusted, match="it is not signed"):
        reconcile.carry_out(
            containers.container(engine, {"name": "web", "image": image.name, "state": "present"}),
            False,
        )
    with pytest.raises(Untrusted, match="it is not signed"):
        images.plan_present(engine, image.name, "always")
    assert nothing(engine)


def test_what_host_info_shows(engine, policy):
    assert images.describe_policy(engine)["found"] is False
    policy("reject", {"example.com": ANY})
    shown = images.describe_policy(engine)
    assert (
        shown["found"]
        and shown["default"] == NONE
        and shown["transports"]["docker"] == {"example.com": ANY}
        and shown["error"] is None
    )


def test_where_the_library_fails_the_command_says_the_same(key, stranger, tmp_path):
    """Both ways of checking agree on what is right, wrong, cut and empty."""
    pytest.importorskip("cryptography")
    need("openssl")
    for kind in sorted(signing.KINDS):
        pair = signing.Key(tmp_path / kind, kind)
        public = keys.load(pair.public, "x")
        good = pair.sign(b"data")
        for signature, data in (
            (good, b"data"),
            (good, b"Data"),
            (good[:-1], b"data"),
            (b"", b"data"),
            (b"\0" * len(good), b"data"),
        ):
            found = [
                any(check(public, signature, data, algorithm) for algorithm in public._hashes)
                for check in (keys._by_library, keys._by_command)
            ]
            assert found == [signature == good and data == b"data"] * 2, (kind, signature)


def test_a_pulled_image_is_the_one_that_was_verified(
    engine, task, image, key, monkeypatch, tmp_path
):
    """The tag moves to an unsigned image between the look at the signature and the pull: what comes is what was verified."""
    image.sign(key)
    real = verification.Trust.check

    def check(self, client, chain):
        real(self, client, chain)
        run(
            "skopeo",
            "copy",
            "-q",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            "docker://" + other.name,
            "docker://" + image.name,
        )

    other = Image(image.name.partition("/")[0], tmp_path, layer([member(b"evil", b"x")]))
    monkeypatch.setattr(verification.Trust, "check", check)
    done = task(engine, name=image.name, verify={"key": key.public})
    assert done["image"]["ManifestDigest"] == image.digest
    with open(images.layer_paths(engine, image.name)[0] + "/f"):
        pass
