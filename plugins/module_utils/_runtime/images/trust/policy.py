# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's policy: from which registries and files images may come, and with whose signatures.

The file, ``/etc/pycontainer/policy.json``, has the form of containers-policy.json(5): ``default``,
and below ``transports`` the scopes of ``docker`` (registries) and of ``docker-archive``, ``oci``
and ``oci-archive`` (files of the host), and ``controller`` (what a task brings from the
controller). The most specific scope alone counts, and all of its requirements must be met. A file
that is not understood whole accepts nothing; a host without one accepts everything.
"""

from __future__ import annotations

import base64
import binascii
import os

from ...errors import HostError, InvalidInput, Untrusted
from ...untrusted import files, json_reader
from . import identity, keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..model.reference import Reference


FORM = "a policy in the form of containers-policy.json(5)"
KINDS = ("insecureAcceptAnything", "reject", "sigstoreSigned", "signedBy")
KEY_FIELDS = ("keyPath", "keyPaths", "keyData", "keyDatas")
UNCHECKED = (
    "fulcio",
    "pki",
    "rekorPublicKeyPath",
    "rekorPublicKeyPaths",
    "rekorPublicKeyData",
    "rekorPublicKeyDatas",
)
MAX_SIZE = 4 << 20


class Rule:
    """The requirements on one image.

    :ivar requirements: as in the file.
    :ivar scope: the scope of the file that has them, for sentences.
    """

    def __init__(self, path: str, scope: str, requirements: list[dict[str, Any]]) -> None:
        self.path, self.scope, self.requirements = path, scope, requirements

    @property
    def signed(self) -> list[dict[str, Any]]:
        """The requirements that want a signature."""
        return [item for item in self.requirements if item["type"] == "sigstoreSigned"]

    def admit(self, what: str) -> None:
        """Check what can be decided without signatures.

        :raises Untrusted: for an image that is rejected in any case, or needs a check that is not
            supported here.
        """
        for item in self.requirements:
            if item["type"] == "reject":
                raise Untrusted(
                    f"{what} is not accepted on this host: {self.path} rejects {self.scope}"
                )
            if item["type"] == "signedBy":
                raise Untrusted(
                    f"{what} is not accepted on this host: {self.path} asks for a GPG signature "
                    f"(signedBy) of {self.scope}, which can't be checked here"
                )
            unchecked = [field for field in UNCHECKED if field in item]
            if unchecked:
                raise Untrusted(
                    f"{what} is not accepted on this host: {self.path} asks for {unchecked[0]} of "
                    f"{self.scope}, which can't be checked here; keyPath and keyData can"
                )
            if item["type"] == "sigstoreSigned":
                keys_of(item)  # a key that is not there is an error before the registry is asked


class Policy:
    """A policy.

    :ivar path: its file.
    :ivar document: what is in it, checked.
    """

    def __init__(self, path: str, document: dict[str, Any]) -> None:
        self.path, self.document = path, document

    def for_registry(self, wanted: Reference) -> Rule:
        """Return the rule for an image of a registry."""
        scopes = self.document.get("transports", {}).get("docker", {})
        for scope in _scopes(wanted):
            if scope in scopes:
                return Rule(self.path, "docker: " + scope if scope else "docker:", scopes[scope])
        return Rule(self.path, "everything that it does not name", self.document["default"])

    def for_file(self, transport: str, path: str) -> Rule:
        """Return the rule for an archive or layout of the host, or of the controller, whose links
        can't be resolved here.
        """
        scopes = self.document.get("transports", {}).get(transport, {})
        real = (
            os.path.normpath if transport == "controller" else os.path.realpath
        )  # /srv/images/../other is not below /srv/images
        places = {real(scope) if scope else "": scope for scope in scopes}
        parts = real(path).rstrip("/").split("/")
        for count in range(len(parts), 0, -1):
            scope = places.get("/".join(parts[:count]))
            if scope is not None:
                return Rule(
                    self.path, f"{transport}: {scope}" if scope else transport + ":", scopes[scope]
                )
        return Rule(self.path, "everything that it does not name", self.document["default"])


def _scopes(wanted: Reference) -> Iterator[str]:
    """List scopes from the image itself to its registry's domains, then all registries
    (containers-policy.json(5), "docker:").
    """
    full = wanted.full_repository
    if wanted.digest:
        yield f"{full}@{wanted.digest}"
    elif wanted.tag:
        yield f"{full}:{wanted.tag}"
    parts = full.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])
    labels = wanted.registry.split(".")
    for count in range(1, len(labels)):
        yield "*." + ".".join(labels[count:])
    yield ""


def load(path: str) -> Policy | None:
    """Read a policy; return None where there is no file.

    :raises Untrusted: where it can't be read or is not a policy: then nothing is accepted.
    """
    try:
        data = files.read(path, MAX_SIZE, links=True)
    except files.Unacceptable as error:
        if error.missing:
            return None
        raise Untrusted(
            f"no image is accepted on this host: its policy can't be read: {error}"
        ) from None
    try:
        document = json_reader.load(
            data, "the policy", kind=None, error=HostError, once=True
        )  # what stands twice could be read in two ways
        _check(document)
    except (InvalidInput, HostError) as error:
        raise Untrusted(
            f"no image is accepted on this host because of its policy {path}: {error}"
        ) from None
    return Policy(path, document)


def _check(document: Any) -> None:
    if (
        not isinstance(document, dict)
        or set(document) - {"default", "transports"}
        or "default" not in document
    ):
        raise InvalidInput(
            "policy",
            sorted(document) if isinstance(document, dict) else document,
            FORM + ": an object with default and transports",
        )
    _check_requirements(document["default"], "default")
    transports = document.get("transports", {})
    if not isinstance(transports, dict) or not all(
        isinstance(scopes, dict) for scopes in transports.values()
    ):
        raise InvalidInput(
            "transports", transports, FORM + ": an object of transports, each an object of scopes"
        )
    for transport, scopes in transports.items():
        for scope, requirements in scopes.items():
            _check_requirements(requirements, "transports.%s.%s" % (transport, scope or '""'))


def _check_requirements(requirements: Any, where: str) -> None:
    if not isinstance(requirements, list) or not requirements:
        raise InvalidInput(where, requirements, "a list of one or more requirements")
    for item in requirements:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in KINDS:
            raise InvalidInput(where, item, "requirements of the types " + ", ".join(KINDS))
        if kind in ("reject", "insecureAcceptAnything"):
            _check_fields(item, {"type"}, where)
        elif kind == "signedBy":
            _check_fields(item, {"type", "keyType", "signedIdentity"} | set(KEY_FIELDS), where)
        else:
            _check_fields(item, {"type", "signedIdentity"} | set(KEY_FIELDS + UNCHECKED), where)
            if sum(field in item for field in KEY_FIELDS + ("fulcio", "pki")) != 1:
                raise InvalidInput(
                    where, item, "exactly one of keyPath, keyPaths, keyData, keyDatas"
                )
        if "signedIdentity" in item and kind == "sigstoreSigned":
            identity.check(item["signedIdentity"], where + ".signedIdentity")


def _check_fields(item: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(item) - known)
    if unknown:
        raise InvalidInput(
            where,
            unknown[0],
            f"in a requirement of type {item['type']}: {', '.join(sorted(known))}",
        )


def keys_of(requirement: dict[str, Any]) -> list[keys.PublicKey]:
    """Read the public keys of a sigstoreSigned requirement, any of which will do. :raises
    Untrusted: where one can't be read.
    """
    found = []
    try:
        for field in ("keyPath", "keyPaths"):
            for path in _values(requirement.get(field), field):
                found.append(keys.load(path, field))
        for field in ("keyData", "keyDatas"):
            for data in _values(requirement.get(field), field):
                try:
                    text = base64.b64decode(data, validate=True).decode("ascii")
                except (binascii.Error, ValueError):
                    raise InvalidInput(
                        field, data[:40], "the base64 form of a public key's PEM"
                    ) from None
                found.append(keys.PublicKey(text, field))
    except InvalidInput as error:
        raise Untrusted(
            f"the policy's key can't be used, so what it is for is not accepted: {error}"
        ) from None
    return found


def _values(value: Any, field: str) -> list[str]:
    if value is None:
        return []
    values = [value] if isinstance(value, str) else value
    if (
        not isinstance(values, list)
        or not values
        or not all(isinstance(item, str) for item in values)
        or (isinstance(value, str) == field.endswith("s"))
    ):
        raise InvalidInput(field, value, "a list of texts" if field.endswith("s") else "a text")
    return values
