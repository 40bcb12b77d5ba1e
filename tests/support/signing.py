# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures as cosign makes and stores them, made with openssl from cosign's SIGNATURE_SPEC and BUNDLE_SPEC."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess

from pycontainer.images.client import upload
from pycontainer.images.model import manifest

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
KINDS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-algorithm", "ED25519"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}


class Key:
    """A key pair in ``directory``. :ivar public: path."""

    def __init__(self, directory, kind="p256"):
        directory.mkdir(exist_ok=True)
        self.kind, self.private, self.public = (
            kind,
            str(directory / (kind + ".key")),
            str(directory / (kind + ".pub")),
        )
        subprocess.run(
            ["openssl", "genpkey", "-out", self.private] + KINDS[kind],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        subprocess.run(
            ["openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public], check=True
        )
        self._scratch = str(directory / "data")

    def sign(self, data):
        with open(self._scratch, "wb") as file:
            file.write(data)
        if self.kind == "ed25519":
            command = ["pkeyutl", "-sign", "-inkey", self.private, "-rawin", "-in", self._scratch]
        else:
            command = ["dgst", "-sha256", "-sign", self.private, self._scratch]
        return subprocess.run(["openssl"] + command, check=True, stdout=subprocess.PIPE).stdout


class _Bytes:
    def __init__(self, data):
        self.data, self.size = data, len(data)

    def pieces(self, offset, count):
        yield self.data[offset : offset + count]


def put_blob(client, data):
    digest = manifest.digest_of(data)
    upload.push_blob(client, digest, _Bytes(data))
    return {"digest": digest, "size": len(data)}


def payload(digest, name, **critical):
    document = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps(
        {"critical": dict(document, **critical), "optional": {"creator": "test"}}
    ).encode()


def attach(client, digest, entries, referrer=False, size=2):
    """Store simple signing ``entries``, ``[(payload, signature)]``, for an image: by cosign's tag or as a referrer."""
    client.for_push()
    layers = [
        dict(
            put_blob(client, data),
            mediaType=SIMPLE,
            annotations={
                "dev.cosignproject.cosign/signature": base64.b64encode(signature).decode()
            },
        )
        for data, signature in entries
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "layers": layers,
        "config": dict(
            put_blob(client, b'{"rootfs":{"type":"layers"}}'), mediaType=manifest.OCI_CONFIG
        ),
    }
    if referrer:
        document.update(
            artifactType="application/vnd.dev.cosign.artifact.sig.v1+json",
            subject=_subject(digest, size),
        )
    data = json.dumps(document).encode()
    client.put_manifest(
        manifest.digest_of(data) if referrer else digest.replace(":", "-") + ".sig",
        data,
        manifest.OCI_MANIFEST,
    )
    return dict(document, digest=manifest.digest_of(data), size=len(data))


def _subject(digest, size):
    return {"mediaType": manifest.OCI_MANIFEST, "digest": digest, "size": size}


BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def bundle(
    client, digest, key, predicate="https://sigstore.dev/cosign/sign/v1", subject=None, **named
):
    """Store a Sigstore bundle with an in-toto statement about an image, as cosign 3 does."""
    client.for_push()
    kind = "application/vnd.in-toto+json"
    statement = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": predicate,
            "predicate": {},
            "subject": [dict(named, digest={"sha256": (subject or digest).partition(":")[2]})],
        }
    ).encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(statement), statement)
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": ""}},
        "dsseEnvelope": {
            "payload": base64.b64encode(statement).decode(),
            "payloadType": kind,
            "signatures": [{"sig": base64.b64encode(key.sign(signed)).decode()}],
        },
    }
    put_bundle(client, digest, document)


def message_bundle(client, digest, key, data):
    """Store a Sigstore bundle with a signature of the manifest's bytes."""
    client.for_push()
    put_bundle(
        client,
        digest,
        {
            "mediaType": BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "messageSignature": {
                "messageDigest": {
                    "algorithm": "SHA2_256",
                    "digest": base64.b64encode(hashlib.sha256(data).digest()).decode(),
                },
                "signature": base64.b64encode(key.sign(data)).decode(),
            },
        },
    )


def put_bundle(client, digest, document):
    layer = dict(put_blob(client, json.dumps(document).encode()), mediaType=BUNDLE)
    data = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest.OCI_MANIFEST,
            "artifactType": BUNDLE,
            "layers": [layer],
            "config": dict(put_blob(client, b"{}"), mediaType="application/vnd.oci.empty.v1+json"),
            "subject": _subject(digest, 2),
        }
    ).encode()
    client.put_manifest(manifest.digest_of(data), data, manifest.OCI_MANIFEST)
