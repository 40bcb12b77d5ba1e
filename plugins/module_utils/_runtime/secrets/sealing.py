# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal the data of secrets for the disk, and open it again.

There are three methods. Each secret says with which it was sealed, so that a host may change.

``key-file``
    Where the setting ``secrets_key`` is a path: by AES-256-GCM, with keys that are made of that file
    (cipher.py has the format).
``systemd-creds``
    Where systemd has this command: with the host's key, and its TPM where there is one.
``none``
    Where the setting says so, or the host has neither: base64, readable by root alone.

A method that a host has and that fails is an error: nothing is kept in clear in its place.

A secret's name and version are part of what a key file authenticates, its name of what
systemd-creds does: the data of one secret can't be put in another's place. Somebody who can write
root's files can put a whole file of before in its place; nothing on the same disk could tell.
"""

from __future__ import annotations

import os
import shutil
import stat

from ..errors import EngineError, HostError, reason
from ..rootless import keeper_client
from ..store import settings
from ..untrusted import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine

KEY_FILE, SYSTEMD, NONE = "key-file", "systemd-creds", "none"
SHORTEST, LARGEST = 32, 4096  # bytes of a key file


ALONE = "without root"
INSTEAD = "to keep secrets unencrypted, set secrets_key: none (module host)"


def seal(engine: Engine, name: str, version: int, data: bytes) -> tuple[str, bytes, str]:
    """Seal data for the disk.

    :param name: :param version: what it is bound to.
    :returns: the method, the bytes to keep, and why they are not encrypted, or "".
    :raises HostError: the key file that is set can't be used, or systemd-creds fails.
    """
    method, key = chosen(engine)
    try:
        if method == KEY_FILE:
            from . import cipher  # here: other methods need no library

            return method, cipher.encrypt(_key(key), _context(name, version), data), ""
        if method == SYSTEMD:
            return method, _systemd(key, "encrypt", name, data), ""
    except HostError as error:
        raise HostError(f"{error}; {INSTEAD}") from None
    why = "the setting secrets_key of this host is none"
    if key == ALONE:
        why = "systemd-creds needs root, and no key file is set (secrets_key)"
    elif key != NONE:
        why = "this host has no systemd-creds, and no key file is set (secrets_key)"
    return NONE, data, why


def chosen(engine: Engine) -> tuple[str, str]:
    """Return how a secret would be sealed now.

    :returns: the method, and the key file's path or the command's; of NONE what the setting says,
        or ALONE.
    """
    said = settings.read(engine.paths.config)["secrets_key"]
    if said == NONE:
        return NONE, NONE
    if said is not None:
        return KEY_FILE, said
    if keeper_client.without_root():  # to whom the host's key is closed
        return NONE, ALONE
    command = shutil.which("systemd-creds")
    return (NONE, "") if command is None else (SYSTEMD, command)


def check(engine: Engine) -> None:
    """Refuse a key file that can't be used. :raises HostError:"""
    method, key = chosen(engine)
    if method == KEY_FILE:
        try:
            _key(key)
        except HostError as error:
            raise HostError(f"{error}; {INSTEAD}") from None


def unseal(engine: Engine, name: str, version: int, method: str, sealed: bytes) -> bytes:
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
        from . import cipher  # here: other methods need no library

        try:
            return cipher.decrypt(_key(said), _context(name, version), sealed)
        except cipher.Forged:
            raise HostError(
                f"{name} can't be decrypted with the key file {said} (secrets_key): it is another "
                "key, or the file was changed"
            ) from None
    if method == SYSTEMD:
        command = shutil.which("systemd-creds")
        if command is None:
            raise HostError(
                f"{name} is encrypted with systemd-creds, which this host does not have"
            )
        return _systemd(command, "decrypt", name, sealed)
    raise HostError(f"{name} is sealed by a method that this version does not know")


def _context(name: str, version: int) -> bytes:
    return f"{name} {version}".encode()  # its kind and name have no other blank


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
