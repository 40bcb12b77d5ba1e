# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide whether an image may enter the store: by the host's policy, and by a task's ``verify``.

The manifest is fetched first, its signatures are checked, and only then anything else is fetched.
The verified manifest stays in memory, and the layers are fetched by it. What can't be checked is
refused.
"""

from __future__ import annotations

from ...errors import EngineError, InvalidInput, Untrusted
from ..model import reference
from . import identity, keys, policy, signatures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ...engine import Engine
    from ..client.client import Client
    from ..configuration.mirrors import Mirrored
    from ..model.reference import Reference
    from .identity import Identity
    from .keys import PublicKey
    from .signatures import Signature


class Demand:
    """A signature that is required.

    :ivar keys: public keys, any of which is enough.
    :ivar named: what the signature must call the image.
    :ivar by: what requires it, for sentences.
    :ivar without_names: the option that accepts signatures without a name, for sentences.
    """

    def __init__(
        self, found: list[PublicKey], named: Identity, by: str, without_names: str
    ) -> None:
        self.keys, self.named, self.by, self.without_names = found, named, by, without_names


class Trust:
    """The requirements on one image."""

    def __init__(self, wanted: Reference, demands: list[Demand]) -> None:
        self.wanted, self.demands = wanted, demands

    def check(self, client: Client | Mirrored, chain: Sequence[tuple[str, bytes | None]]) -> None:
        """Check an image's signatures.

        :param chain: digest and bytes of the index, if any, and of the manifest. A signature of
            either is enough, because the index names the manifest.
        :raises Untrusted: where a required signature is missing.
        """
        found = _Found(client, chain)
        for demand in self.demands:
            self._meet(demand, found)

    def _meet(self, demand: Demand, found: _Found) -> None:
        reasons: list[str] = []
        for signature, digest, data in found.signatures(reasons):
            reason = self._wrong(demand, signature, digest, data)
            if reason is None:
                return
            reasons.append(reason)
        who = " or ".join(key.name for key in demand.keys)
        shown = "; ".join(dict.fromkeys(reasons))
        raise Untrusted(
            f"{self.wanted.familiar} is not accepted: {demand.by} asks for a signature by {who}, "
            f"and {'there is none that counts: ' + shown[:600] if shown else 'it is not signed'}"
        )

    def _wrong(
        self, demand: Demand, signature: Signature, digest: str, data: bytes | None
    ) -> str | None:
        """Return why a signature does not count; None where it does."""
        if signature.digest != digest:
            return f"one is for another image ({signature.digest[:71]})"
        signed = data if signature.data is None else signature.data
        if signed is None:
            return "one is of an index that is not on this host any more"
        if not any(key.verifies(signature.signature, signed) for key in demand.keys):
            return "one is not by that key"
        if not identity.matches(demand.named, self.wanted, signature.names):
            if signature.names is None:
                return f"one gives the image no name (a Sigstore bundle), so it may be meant for another one; {demand.without_names} accepts that"
            return f"one is for the name {signature.names[:200]!r}"
        return None


class _Found:
    """The signatures of an image and its index, fetched at the first use."""

    def __init__(
        self, client: Client | Mirrored, chain: Sequence[tuple[str, bytes | None]]
    ) -> None:
        self.client, self.chain = client, chain
        self._known: dict[str, tuple[list[Signature], list[str]]] = {}  # by digest

    def signatures(self, reasons: list[str]) -> Iterator[tuple[Signature, str, bytes | None]]:
        for digest, data in self.chain:
            if digest not in self._known:
                try:
                    self._known[digest] = signatures.find(self.client, digest)
                except EngineError as error:
                    raise Untrusted(
                        f"{self.client.reference.familiar} is not accepted: its signatures can't "
                        f"be looked at: {error}"
                    ) from None
            found, useless = self._known[digest]
            reasons.extend("one is no use: " + text for text in useless)
            for signature in found:
                yield signature, digest, data


def of_registry(
    engine: Engine, wanted: Reference, verify: dict[str, Any] | None = None
) -> Trust | None:
    """Return the requirements on an image from a registry, or None where there are none.

    :param verify: the option of a task, or None.
    :raises Untrusted: where the policy rejects it in any case.
    :raises InvalidInput: for a wrong option.
    """
    demands = []
    if verify is not None:
        demands.append(demand_of(verify, wanted))
    found = policy.load(engine.paths.policy)
    if found is not None:
        rule = found.for_registry(wanted)
        rule.admit(wanted.familiar)
        demands += [
            Demand(
                policy.keys_of(item),
                item.get("signedIdentity") or identity.DEFAULT,
                f"{found.path}, for {rule.scope},",
                "signedIdentity matchDigestOnly",
            )
            for item in rule.signed
        ]
    if demands:
        keys.check_means(wanted.familiar)
    return Trust(wanted, demands) if demands else None


def check_local(
    engine: Engine,
    client: Client | Mirrored,
    wanted: Reference,
    record: Mapping[str, Any],
    wish: Trust,
) -> None:
    """Check an image of the store as if it came now, by its registry's signatures for its known
    digests.

    :param record: its row.
    :raises Untrusted: where it does not meet ``wish``.
    """
    rows = engine.db.all(
        "SELECT digest FROM digests WHERE image = ? AND repository = ?",
        record["id"],
        wanted.full_repository,
    )
    chain = [
        (
            row["digest"],
            engine.blobs.read(row["digest"]) if engine.blobs.has(row["digest"]) else None,
        )
        for row in rows
    ]
    if not chain or (wanted.digest and wanted.digest not in [digest for digest, _data in chain]):
        raise Untrusted(
            f"{wanted.familiar} is not accepted: the image on this host did not come from its "
            "registry"
        )
    wish.check(client, chain)


def demand_of(verify: dict[str, Any], wanted: Reference) -> Demand:
    """Read a task's option ``verify``: ``{"key", "repository", "digest_only"}``.

    :raises InvalidInput: for a wrong one.
    """
    if not verify.get("key"):
        raise InvalidInput("verify.key", verify.get("key"), keys.ACCEPTED)
    repository = verify.get("repository")
    if repository:
        parsed = reference.parse(repository, "verify.repository", default_tag=None)
        if parsed.tag or parsed.digest:
            raise InvalidInput(
                "verify.repository", repository, "a repository without tag and digest"
            )
    if repository and verify.get("digest_only"):
        raise InvalidInput(
            "verify.repository",
            repository,
            "no repository together with digest_only, which looks at no names",
        )
    named = {"type": "matchTagIfSigned", "dockerRepository": repository or wanted.full_repository}
    if verify.get("digest_only"):
        named = {"type": "matchDigestOnly"}
    return Demand([keys.load(verify["key"], "verify.key")], named, "verify", "digest_only")


def of_file(engine: Engine, transport: str, path: str, what: str) -> None:
    """Check an image from a file.

    :param transport: ``docker-archive``, ``oci`` (a directory), ``oci-archive`` or ``controller``.
    :raises Untrusted: where the policy rejects an image from a file of the host, or from the
        controller.
    """
    found = policy.load(engine.paths.policy)
    if found is None:
        return
    rule = found.for_file(transport, path)
    rule.admit(what)
    if rule.signed:
        raise Untrusted(
            f"{what} is not accepted on this host: {rule.path} asks for a signature of "
            f"{rule.scope}, and what comes from a file has none that could be checked"
        )


def describe_policy(engine: Engine) -> dict[str, Any]:
    """Return the policy in force, for ``host_info``: ``{"path", "found", "error", "default",
    "transports", "signatures_by"}``.
    """
    shown = {
        "path": engine.paths.policy,
        "found": False,
        "error": None,
        "default": [{"type": "insecureAcceptAnything"}],
        "transports": {},
        "signatures_by": keys.means(),
    }
    try:
        found = policy.load(engine.paths.policy)
    except Untrusted as error:
        return dict(shown, found=True, error=str(error), default=[{"type": "reject"}])
    if found is None:
        return shown
    return dict(
        shown,
        found=True,
        default=found.document["default"],
        transports=found.document.get("transports", {}),
    )
