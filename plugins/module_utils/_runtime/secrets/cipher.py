# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt small data with a key, by AES-256-GCM of OpenSSL's libcrypto.

Python's standard library has no cipher, but its ``ssl`` brings libcrypto to every host, and cffi,
which the engine needs anyway, calls it. So a host needs no other package. Sockets of the kernel
(AF_ALG) would do as well, but hardened hosts and containers have none.

What :func:`encrypt` returns, which is the format on disk::

    1 byte     the version of the format, 1
    32 bytes   salt, random
    n bytes    the data, encrypted
    16 bytes   the tag of GCM

Each encryption has a key and nonce of its own, made of the key and the salt by HKDF-SHA256
(RFC 5869): 32 bytes of key, then 12 of nonce. So no number of encryptions under one key file comes
near the bound that GCM has for random nonces, and what is derived serves this format alone: its
name is in HKDF's info. The tag is over the data and over the context, which is authenticated and
not kept; libcrypto compares it in constant time, and nothing is returned where it differs.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from ..errors import HostError
from . import cipher_ffi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ffi = cipher_ffi.ffi  # None where cffi's compiled half is missing
VERSION, SALT, KEY, NONCE, TAG = b"\1", 32, 32, 12, 16  # bytes
INFO = b"pycontainer secrets AES-256-GCM 1"
LIBRARIES = ("libcrypto.so.3", "libcrypto.so.1.1")


class Forged(Exception):
    """What is to be decrypted was made with another key or context, or was changed."""


def encrypt(key: bytes, context: bytes, data: bytes) -> bytes:
    """Encrypt data.

    :param key: at least 32 bytes that nobody can guess. :param context: what it is bound to.
    :raises HostError: the host has no libcrypto.
    """
    library, salt = _library(), os.urandom(SALT)
    return VERSION + salt + b"".join(_run(library, key, salt, context, data, None))


def decrypt(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """Return what :func:`encrypt` was given. :raises Forged: it is not what it has returned.

    :raises HostError: the host has no libcrypto.
    """
    library = _library()
    if len(sealed) < 1 + SALT + TAG or sealed[:1] != VERSION:
        raise Forged
    salt, hidden, tag = sealed[1 : 1 + SALT], sealed[1 + SALT : -TAG], sealed[-TAG:]
    return _run(library, key, salt, context, hidden, tag)[0]


_loaded: list[Any] = []  # for good: what has been used is not closed under OpenSSL's own state


def _library() -> Any:
    if _loaded:
        return _loaded[0]
    for name in LIBRARIES if ffi is not None else ():
        try:
            _loaded.append(ffi.dlopen(name))
            return _loaded[0]
        except OSError:
            continue
    raise HostError("this host has no OpenSSL library (libcrypto), which encrypts secrets")


def _derived(key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Return the key and the nonce of one encryption (HKDF with two blocks)."""
    secret = hmac.new(salt, key, hashlib.sha256).digest()
    first = hmac.new(secret, INFO + b"\1", hashlib.sha256).digest()
    second = hmac.new(secret, first + INFO + b"\2", hashlib.sha256).digest()
    return first, second[:NONCE]


def _run(
    library: Any, key: bytes, salt: bytes, context: bytes, data: bytes, tag: bytes | None
) -> tuple[bytes, bytes]:
    """Encrypt, or decrypt where there is a ``tag``; returns the result and its tag."""
    derived, nonce = _derived(key, salt)
    output, length = ffi.new("uint8_t[]", len(data) + TAG), ffi.new("int *")
    state = library.EVP_CIPHER_CTX_new()
    if state == ffi.NULL:
        raise MemoryError
    try:
        cipher = library.EVP_aes_256_gcm()
        encrypting = tag is None
        _must(library.EVP_CipherInit_ex(state, cipher, ffi.NULL, derived, nonce, encrypting))
        _must(library.EVP_CipherUpdate(state, ffi.NULL, length, context, len(context)))
        _must(library.EVP_CipherUpdate(state, output, length, data, len(data)))
        if tag is not None:
            setter = library.EVP_CTRL_AEAD_SET_TAG
            _must(library.EVP_CIPHER_CTX_ctrl(state, setter, TAG, ffi.from_buffer(tag)))
        if library.EVP_CipherFinal_ex(state, output + len(data), length) != 1:
            raise Forged
        made = ffi.new("uint8_t[]", TAG)
        if encrypting:
            _must(library.EVP_CIPHER_CTX_ctrl(state, library.EVP_CTRL_AEAD_GET_TAG, TAG, made))
        return bytes(ffi.buffer(output, len(data))), bytes(ffi.buffer(made))
    finally:
        library.EVP_CIPHER_CTX_free(state)


def _must(result: int) -> None:
    if result != 1:
        raise HostError("this host's OpenSSL library (libcrypto) refuses AES-256-GCM")
