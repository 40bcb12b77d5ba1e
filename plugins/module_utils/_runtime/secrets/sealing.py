# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal the data of secrets for the disk, and open it again.

There are three methods. Each secret says with which it was sealed, so that a host may change.

``key-file``
    Where the setting ``secrets_key`` is a path: with keys that are made of that file. The stream is
    SHAKE256 over key and nonce, and an HMAC-SHA256 over name, nonce and data stands at the end
    (encrypt, then authenticate). The standard library has no other cipher, and hosts have no other
    library.
``systemd-creds``
    Where systemd has this command: with the host's key, and its TPM where there is one.
``none``
    Otherwise, or where the setting says so: base64, readable by root alone.

The name is part of what is authenticated: the data of one secret can't be put in another's place.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import stat

from ..errors import EngineError, HostError, reason
from ..store import settings
from ..untrusted import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine

KEY_FILE, SYSTEMD, NONE = "key-file", "systemd-creds", "none"
NONCE, MAC = 32, 32  # bytes
SHORTEST, LARGEST = 32, 4096  # bytes of a key file


def seal(engine: Engine, name: str, data: bytes) -> tuple[str, bytes, str]:
    """Seal data for the disk.

    :param name: what it is bound to. :returns: the method, the bytes to keep, and why they are not
        encrypted, or "".
    :raises HostError: the key file that is set can't be used.
    """
    said = settings.read(engine.paths.config)["secrets_key"]
    if said == NONE:
        return NONE, data, "the setting secrets_key of this host is none"
    if said is not None:
        return KEY_FILE, _encrypted(_key(said), name, data), ""
    command = shutil.which("systemd-creds")
    if command is None:
        return NONE, data, "this host has no systemd-creds, and no key file is set (secrets_key)"
    try:
        return SYSTEMD, _systemd(command, "encrypt", name, data), ""
    except HostError as error:
        return NONE, data, f"{error}, and no key file is set (secrets_key)"


def unseal(engine: Engine, name: str, method: str, sealed: bytes) -> bytes:
    """Open what :func:`seal` has returned. :raises HostError: it can't be opened on this host."""
    if method == NONE:
        return sealed
    if method == KEY_FILE:
        said = settings.read(engine.paths.config)["secrets_key"]
        if said in (None, NONE):
            raise HostError(
                f"{name} is encrypted with a key file, and this host's setting secrets_key names "
                "none"
            )
        return _decrypted(_key(said), name, sealed, said)
    if method == SYSTEMD:
        command = shutil.which("systemd-creds")
        if command is None:
            raise HostError(
                f"{name} is encrypted with systemd-creds, which this host does not have"
            )
        return _systemd(command, "decrypt", name, sealed)
    raise HostError(f"{name} is sealed by a method that this version does not know")


def _systemd(command: str, verb: str, name: str, data: bytes) -> bytes:
    from ..untrusted import programs  # here: other methods run none

    how = ["--with-key=auto"] if verb == "encrypt" else []
    line = [command, verb, *how, "--name=pycontainer." + name.replace(" ", "."), "-", "-"]
    try:
        done = programs.run(line, data, limit=1 << 22)
    except (EngineError, OSError) as error:
        raise HostError(f"systemd-creds can't {verb} {name}: {reason(error)}") from None
    if done.code:
        raise HostError(f"systemd-creds can't {verb} {name}: {done.complaint}")
    return done.output


def _key(path: str) -> bytes:
    """Read a key file. :raises HostError: it is missing, too short, or others may read it."""
    try:
        status = os.stat(path)
        key = files.read(path, LARGEST)
    except OSError as error:
        raise HostError(f"the key file {path} (secrets_key): {reason(error)}") from None
    except files.Unacceptable as error:
        raise HostError(f"the key file {path} (secrets_key): {error}") from None
    if status.st_uid != 0 or stat.S_IMODE(status.st_mode) & 0o077:
        raise HostError(
            f"the key file {path} (secrets_key) must be root's, and readable by root alone (chmod "
            "0600)"
        )
    if len(key) < SHORTEST:
        raise HostError(
            f"the key file {path} (secrets_key) has {len(key)} bytes; it needs {SHORTEST} random "
            "ones or more"
        )
    return key


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"pycontainer secrets " + purpose, hashlib.sha256).digest()


def _stream(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = hashlib.shake_256(_derived(key, b"encrypt") + nonce).digest(len(data))
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")


def _mac(key: bytes, name: str, nonce: bytes, data: bytes) -> bytes:
    said = len(name).to_bytes(4, "big") + name.encode() + nonce + data
    return hmac.new(_derived(key, b"authenticate"), said, hashlib.sha256).digest()


def _encrypted(key: bytes, name: str, data: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    hidden = _stream(key, nonce, data)
    return nonce + hidden + _mac(key, name, nonce, hidden)


def _decrypted(key: bytes, name: str, sealed: bytes, path: str) -> bytes:
    nonce, hidden, mac = sealed[:NONCE], sealed[NONCE:-MAC], sealed[-MAC:]
    if len(sealed) < NONCE + MAC or not hmac.compare_digest(mac, _mac(key, name, nonce, hidden)):
        raise HostError(
            f"{name} can't be decrypted with the key file {path} (secrets_key): it is another key, "
            "or the file was changed"
        )
    return _stream(key, nonce, hidden)
