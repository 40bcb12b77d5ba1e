# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Public keys, and the signatures made with their private halves, by python3-cryptography or else
the command ``openssl``.

Kinds, as cosign signs with them: ECDSA (SHA-256; P-384 and P-521 also with SHA-384 and SHA-512),
Ed25519, RSA (PKCS #1 v1.5, SHA-256). A host that has neither library nor command can't check
anything, and says so: nothing is accepted unchecked.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile

from ...errors import InvalidInput, Unsupported, reason
from ...untrusted import files, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


ACCEPTED = "a public key in PEM form (-----BEGIN PUBLIC KEY-----; ECDSA, Ed25519 or RSA), or the path of a file with one"
PRIVATE = "the path of a file on the host with a private key in PEM form (ECDSA, Ed25519 or RSA; not cosign's own encrypted form)"
MAX_KEY = 1 << 16  # bytes of a file with a key
TIMEOUT = 30  # seconds for one openssl
# DER of the algorithm's object identifier in a SubjectPublicKeyInfo (RFC 5480, RFC 8410, RFC 3279) -> kind, hashes to try
ALGORITHMS = (
    (
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        "ecdsa",
        ("sha256",),
    ),  # P-256
    (
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        "ecdsa",
        ("sha256", "sha384"),
    ),  # P-384
    (
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23",
        "ecdsa",
        ("sha256", "sha512"),
    ),  # P-521
    (b"\x06\x03\x2b\x65\x70", "ed25519", (None,)),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "rsa", ("sha256",)),
)
_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


class PublicKey:
    """One public key.

    :param text: PEM.
    :ivar kind: ``ecdsa``, ``ed25519`` or ``rsa``.
    :ivar name: what to call it in a sentence: its path, or its fingerprint.
    :raises InvalidInput: naming ``option``, where it is not a public key of a known kind.
    """

    def __init__(self, text: str, option: str, path: str | None = None) -> None:
        """:param text: PEM. :raises InvalidInput: naming ``option``, when it is not a public key of a known kind."""
        _before, begin, rest = text.partition(_BEGIN)
        inner, end, _behind = rest.partition(_END)
        try:
            der = base64.b64decode("".join(inner.split()), validate=True) if end else b""
        except ValueError:  # also of what is no ASCII
            der = b""
        found = [
            (kind, hashes) for identifier, kind, hashes in ALGORITHMS if identifier in der[:32]
        ]
        if not found:
            what = (
                "what is in it is a private key"
                if "PRIVATE KEY" in text
                else "what is in it is none"
            )
            raise InvalidInput(option, path or _short(text), f"{ACCEPTED} ({what})")
        self.pem = (begin + inner + end).replace("\r", "") + "\n"
        self.kind, self._hashes = found[0]
        self.name = path or "SHA256:" + hashlib.sha256(der).hexdigest()[:16]

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Tell whether ``signature`` is one of ``data`` by this key. :raises Unsupported: where
        this host can't tell.
        """
        check = _backend()
        return any(check(self, signature, data, algorithm) for algorithm in self._hashes)


class PrivateKey:
    """A private key that signs.

    :param passphrase: of an encrypted one.
    :ivar name: its path.
    :ivar public: its :class:`PublicKey`.
    :raises InvalidInput: naming ``option``, where it can't be read or is of another kind.
    """

    def __init__(self, path: str, option: str, passphrase: str | None = None) -> None:
        self.name, self._passphrase = path, passphrase
        if not os.path.isabs(path):
            raise InvalidInput(option, path, PRIVATE)
        try:
            self._pem = files.read(path, MAX_KEY, links=True)
        except files.Unacceptable as error:
            raise InvalidInput(option, path, f"{PRIVATE} ({error})") from None
        if (
            b"PRIVATE KEY-----" not in self._pem
            or b"SIGSTORE PRIVATE KEY" in self._pem
            or b"COSIGN PRIVATE KEY" in self._pem
        ):
            raise InvalidInput(option, path, PRIVATE)
        check_means(f"what is to be signed with {path}")
        self.public = PublicKey(self._public(option), option, path)

    def _public(self, option: str) -> str:
        if means() != "openssl":
            from cryptography.hazmat.primitives import serialization

            return (
                self._loaded(option)
                .public_key()
                .public_bytes(
                    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
                )
                .decode()
            )
        done = self._openssl(["pkey", "-in", "KEY", "-pubout"])
        if done.code:
            raise InvalidInput(
                option,
                self.name,
                f"{PRIVATE}, and its passphrase in sign.passphrase where it has one",
            )
        return done.output.decode("ascii", "replace")

    def _loaded(self, option: str) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        try:
            return serialization.load_pem_private_key(
                self._pem, self._passphrase.encode() if self._passphrase else None
            )
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise InvalidInput(
                option,
                self.name,
                f"{PRIVATE}, and its passphrase in sign.passphrase where it has one",
            ) from None

    def sign(self, data: bytes) -> bytes:
        """Sign ``data``, by SHA-256 where the kind leaves a choice: what cosign expects."""
        if means() == "openssl":
            command = (
                ["pkeyutl", "-sign", "-inkey", "KEY", "-rawin", "-in", "DATA"]
                if self.public.kind == "ed25519"
                else ["dgst", "-sha256", "-sign", "KEY", "DATA"]
            )
            done = self._openssl(command, data)
            if done.code:
                raise Unsupported(f"openssl can't sign with {self.name}: {done.complaint}")
            return done.output
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, padding

        arguments = {
            "ecdsa": lambda: (ec.ECDSA(hashes.SHA256()),),
            "rsa": lambda: (padding.PKCS1v15(), hashes.SHA256()),
            "ed25519": lambda: (),
        }
        return self._loaded("sign.key").sign(data, *arguments[self.public.kind]())

    def _openssl(self, command: list[str], data: bytes = b"") -> programs.Finished:
        """Run openssl with the key and ``data`` as files, in a directory that only this user can
        enter.

        The passphrase goes through a pipe.
        """
        with tempfile.TemporaryDirectory(prefix="pycontainer-sign-") as directory:
            paths = {"KEY": self.name, "DATA": os.path.join(directory, "data")}
            with open(paths["DATA"], "wb") as file:
                file.write(data)
            words = [command[0], "-passin", "stdin"] + [
                paths.get(word, word) for word in command[1:]
            ]
            return _openssl(words, (self._passphrase or "").encode() + b"\n")


def load(value: Any, option: str) -> PublicKey:
    """Read the public key that an option gives, as PEM or as an absolute path. :raises
    InvalidInput: where it is none.
    """
    if isinstance(value, str) and "-----BEGIN" in value:
        return PublicKey(value, option)
    if not isinstance(value, str) or not os.path.isabs(value):
        raise InvalidInput(option, value, ACCEPTED)
    try:
        text = files.read(value, MAX_KEY, links=True).decode("ascii", "replace")
    except files.Unacceptable as error:
        raise InvalidInput(option, value, f"{ACCEPTED} ({error})") from None
    return PublicKey(text, option, value)


def _short(text: str) -> str:
    return text[:40] + ("..." if len(text) > 40 else "")


def means() -> str | None:
    """Return what signatures are checked with on this host: ``python3-cryptography``, ``openssl``
    or None.
    """
    try:
        import cryptography.hazmat.primitives.serialization  # noqa: F401  pylint: disable=unused-import

        return "python3-cryptography"
    except ImportError:
        return "openssl" if shutil.which("openssl") else None


def check_means(what: str) -> None:
    """:raises Unsupported: where no signature can be checked on this host, so that ``what`` can't
    be accepted.
    """
    if means() is None:
        raise Unsupported(
            f"{what} is not accepted: signatures can't be checked on this host, it has neither "
            "python3-cryptography nor the command openssl"
        )


def _backend() -> Callable[[PublicKey, bytes, bytes, str | None], bool]:
    return _by_command if means() == "openssl" else _by_library


def _by_library(key: PublicKey, signature: bytes, data: bytes, algorithm: str | None) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    try:
        public: Any = serialization.load_pem_public_key(key.pem.encode())
        chosen: Any = getattr(hashes, algorithm.upper())() if algorithm else None
        if key.kind == "ecdsa":
            public.verify(signature, data, ec.ECDSA(chosen))
        elif key.kind == "rsa":
            public.verify(signature, data, padding.PKCS1v15(), chosen)
        else:
            public.verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _by_command(key: PublicKey, signature: bytes, data: bytes, algorithm: str | None) -> bool:
    """Verify with ``openssl``. It reads files, which are in a directory that only this user can
    enter.
    """
    with tempfile.TemporaryDirectory(prefix="pycontainer-verify-") as directory:
        paths = {}
        for name, content in (("key", key.pem.encode()), ("signature", signature), ("data", data)):
            paths[name] = os.path.join(directory, name)
            with open(paths[name], "wb") as file:
                file.write(content)
        if algorithm:
            command = [
                "dgst",
                "-" + algorithm,
                "-verify",
                paths["key"],
                "-signature",
                paths["signature"],
                paths["data"],
            ]
        else:  # Ed25519 hashes by itself
            command = [
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                paths["key"],
                "-rawin",
                "-in",
                paths["data"],
                "-sigfile",
                paths["signature"],
            ]
        done = _openssl(command)
    if done.code == 0:
        return True
    said = (done.output + done.errors).decode("utf-8", "replace")
    if "erif" in said:  # Verification failure, Signature Verification Failure, Error Verifying Data
        return False
    raise Unsupported(
        f"signatures can't be checked on this host: openssl said: {said.strip()[:300]}"
    )


def _openssl(words: list[str], given: bytes = b"") -> programs.Finished:
    """Run ``openssl``. :raises Unsupported: where it can't be started, does not end, or says too much."""
    try:
        return programs.run(["openssl"] + words, given, seconds=TIMEOUT)
    except (OSError, programs.Excessive) as error:
        raise Unsupported(
            f"signatures can't be made or checked on this host: openssl failed: {reason(error)}"
        ) from None
