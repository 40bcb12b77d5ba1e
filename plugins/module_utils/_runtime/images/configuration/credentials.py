# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for registries, where Docker and the containers tools keep them: find, keep, erase.

Files, first one first: the one that was named, ``$REGISTRY_AUTH_FILE``; then Docker's
``$DOCKER_CONFIG/config.json`` or ``~/.docker/config.json``, which is where credentials are kept
when no file was named; then those of Podman and Skopeo (containers-auth.json(5)):
``$XDG_RUNTIME_DIR/containers/auth.json``, ``/run/containers/<uid>/auth.json``,
``~/.config/containers/auth.json``; then ``~/.dockercfg``. ``~`` is the home of the user who runs
the engine, root, by the password database: with sudo, ``$HOME`` may be somebody else's.

In a file, ``auths`` has a key for each registry, and may have longer ones for a path in it: the
most specific wins. A helper (``credHelpers`` for one registry, ``credsStore`` for all) is asked by
Docker's credential helper protocol.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import pwd
import re

from ...errors import HostError, InvalidInput, NotFound, RegistryError, reason
from ...kernel.processes import procfs
from ...store.atomic_files import write_whole
from ...untrusted import files as foreign
from ...untrusted import json_reader, programs
from ..client.basic_auth import Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


DOCKER_HUB = "https://index.docker.io/v1/"  # the key that Docker gives its own registry
HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
TOKEN = "<token>"  # a helper's user name where the secret is an identity token
HELPER_TIMEOUT = 30  # seconds


def home() -> str:
    """Return the home of the engine's user, who without root is root of a user namespace."""
    return pwd.getpwuid(procfs.user_outside()).pw_dir


def default_file() -> str:
    """Return the path of the file where credentials are kept when no file was named."""
    return os.environ.get("REGISTRY_AUTH_FILE") or os.path.join(
        os.environ.get("DOCKER_CONFIG") or os.path.join(home(), ".docker"), "config.json"
    )


def files(auth_file: str | None = None) -> list[str]:
    """List the files to look in, first one first, whether they exist or not."""
    if auth_file:
        return [auth_file]
    found = [default_file(), os.path.join(home(), ".docker", "config.json")]
    if os.environ.get("XDG_RUNTIME_DIR"):
        found.append(os.path.join(os.environ["XDG_RUNTIME_DIR"], "containers", "auth.json"))
    found += [
        f"/run/containers/{os.geteuid()}/auth.json",
        os.path.join(home(), ".config", "containers", "auth.json"),
        os.path.join(home(), ".dockercfg"),
    ]
    return list(dict.fromkeys(found))


def lookup(
    host: str, repository: str | None = None, auth_file: str | None = None
) -> Credentials | None:
    """Find what to log in to a registry with.

    :param host: ``registry.example.com:5000``, ``docker.io``.
    :param repository: the path in it, for keys that name one.
    :param auth_file: look in this file alone.
    :raises NotFound: where ``auth_file`` does not exist.
    :raises InvalidInput: where a file is not what it should be.
    :raises RegistryError: where a helper fails.
    """
    if auth_file and not os.path.exists(auth_file):
        raise NotFound(f"the file with credentials {auth_file} does not exist")
    for path in files(auth_file):
        document = read(path)
        if document is not None:
            found = _find(document, host, repository)
            if found is not None:
                return found
    return None


def read(path: str) -> dict[str, Any] | None:
    """Read a credentials file as a dictionary in the form of Docker's config.json; return None
    where there is none.
    """
    try:
        data = foreign.read(path, json_reader.LARGEST, links=True) or b"{}"
    except foreign.Unacceptable as error:
        if error.missing or not os.path.exists(path):
            return None
        raise HostError(f"the file with credentials {path} can't be read: {error}") from None
    form = 'a file in the form of Docker\'s config.json (JSON with "auths")'
    document = json_reader.load(
        data, "it", error=lambda said: InvalidInput("config_path", path, f"{form}; {said}")
    )
    if not all(isinstance(document.get(key, {}), dict) for key in ("auths", "credHelpers")):
        raise InvalidInput("config_path", path, form)
    if (
        os.path.basename(path) == ".dockercfg" and "auths" not in document
    ):  # the old form is what is in auths now
        document = {"auths": document}
    return document


def names(host: str) -> tuple[str, ...]:
    """Return the names that one registry may have as a key, the one that Docker writes first."""
    if host in HUB_NAMES:
        return (DOCKER_HUB,) + HUB_NAMES
    return (host,)


def _find(document: dict[str, Any], host: str, repository: str | None) -> Credentials | None:
    auths = document.get("auths", {})
    parts = repository.split("/") if repository else []
    for count in range(len(parts), 0, -1):
        for name in names(host):
            found = _decode(auths.get("/".join([name] + parts[:count])))
            if found is not None:
                return found
    helper, strict = _helper(document, host)
    if helper:
        found = _ask(helper, host, strict)
        if found is not None:
            return found
    for key in _keys(auths, host):
        found = _decode(auths[key])
        if found is not None:
            return found
    return None


def _keys(auths: dict[str, Any], host: str) -> list[str]:
    """List the keys of ``auths`` that mean the whole registry: plain, or with the scheme and the
    API's path of old times.
    """
    wanted = names(host)
    plain = [key for key in wanted if key in auths]
    return plain + [key for key in auths if key not in plain and bare(key) in wanted]


def bare(key: str) -> str:
    """Return a key without its scheme and without the API's ``/v1/`` or ``/v2/``."""
    return re.sub(r"/(v[12]/?)?$", "", re.sub(r"^https?://", "", key))


def _decode(entry: Any) -> Credentials | None:
    """Read an entry of ``auths``. Return None where it holds nothing: a helper has it then."""
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return Credentials(identity_token=str(entry["identitytoken"]))
    username, password = entry.get("username"), entry.get("password")
    if entry.get("auth"):
        try:
            text = base64.b64decode(entry["auth"]).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, TypeError):
            return None
        username, dummy, password = text.rstrip("\0").partition(":")
    if not username or not isinstance(username, str) or not isinstance(password, str):
        return None
    return Credentials(username, password)


# --- helpers ---


def _helper(document: dict[str, Any], host: str) -> tuple[str | None, bool]:
    """Return the name of the helper that has a registry's credentials, and whether it is named for
    this registry.
    """
    own = document.get("credHelpers", {})
    for key in own:
        if key in names(host) or bare(key) in names(host):
            return own[key], True
    return document.get("credsStore") or None, False


def _run(helper: str, action: str, data: str) -> bytes:
    """Ask a helper (docker-credential-helpers, "Development") and return its answer. :raises
    RegistryError: with its complaint.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", helper):
        raise RegistryError(f"the credential helper's name {helper!r} is not one")
    try:
        done = programs.run(
            ["docker-credential-" + helper, action], data.encode(), seconds=HELPER_TIMEOUT
        )
    except FileNotFoundError:
        raise RegistryError(
            f"the credential helper docker-credential-{helper}, which the credentials file names, "
            "is not installed"
        ) from None
    except OSError as error:
        raise RegistryError(
            f"the credential helper docker-credential-{helper} failed: {reason(error)}"
        ) from None
    except programs.Excessive as error:
        raise RegistryError(f"the credential helper {error}") from None
    if done.code:
        said = (done.output.strip() or done.errors.strip()).decode("utf-8", "replace")
        raise RegistryError(
            f"the credential helper docker-credential-{helper} failed: {said[:500]}"
        )
    return done.output


def _ask(helper: str, host: str, strict: bool) -> Credentials | None:
    """Ask a helper for credentials.

    :param strict: whether it is named for this very registry and must work; one for all need not
        know it.
    """
    for name in names(host)[:2]:
        try:
            answer = json_reader.load(
                _run(helper, "get", name),
                f"the answer of the credential helper docker-credential-{helper}",
                error=RegistryError,
            )
        except RegistryError as error:
            if "credentials not found" in str(error) or (
                "is not installed" in str(error) and not strict
            ):
                continue
            raise
        if answer.get("Username") == TOKEN:
            return Credentials(identity_token=answer.get("Secret", ""))
        if answer.get("Username"):
            return Credentials(answer["Username"], answer.get("Secret", ""))
    return None


# --- changes ---


def kept(host: str, auth_file: str | None = None) -> Credentials | None:
    """Return what :func:`store` would replace: the registry's credentials in the one file that is
    written. It raises what :func:`lookup` does.
    """
    document = read(auth_file or default_file())
    return None if document is None else _find(document, host, None)


def store(host: str, username: str, password: str, auth_file: str | None = None) -> None:
    """Keep a registry's credentials, with the helper where the file names one. Other entries stay
    as they are.
    """

    def change(document: dict[str, Any]) -> None:
        helper, _strict = _helper(document, host)
        if helper:
            _run(
                helper,
                "store",
                json.dumps({"ServerURL": names(host)[0], "Username": username, "Secret": password}),
            )
        for key in _keys(document.get("auths", {}), host):
            del document["auths"][key]
        value = (
            {} if helper else {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}
        )
        document.setdefault("auths", {})[names(host)[0]] = value

    _change(auth_file or default_file(), change)


def erase(host: str, auth_file: str | None = None) -> None:
    """Forget a registry's credentials."""

    def change(document: dict[str, Any]) -> None:
        helper, strict = _helper(document, host)
        if helper and _ask(helper, host, strict) is not None:
            for name in names(host)[:2]:
                with contextlib.suppress(RegistryError):  # it has them under one of the two names
                    _run(helper, "erase", name)
        for key in _keys(document.get("auths", {}), host):
            del document["auths"][key]

    path = auth_file or default_file()
    if os.path.exists(path):
        _change(path, change)


def _change(path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Replace a file atomically. It keeps its owner, and no other user may read it."""
    path = os.path.realpath(path)  # where it is a link, what it leads to is rewritten
    directory = os.path.dirname(path)
    _make(directory)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # of two logins at once both must stay
        document = read(path) or {}
        owner = os.stat(path if os.path.exists(path) else directory)
        change(document)
        if os.path.basename(path) == ".dockercfg":
            document = document["auths"]
        write_whole(path, json.dumps(document, indent="\t") + "\n", mode=0o600)
        os.chown(path, owner.st_uid, owner.st_gid)
    finally:
        os.close(fd)


def _make(directory: str) -> None:
    """Make a directory that is not there, for the owner of the one above it."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    _make(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(directory, 0o700)
        owner = os.stat(parent)
        os.chown(directory, owner.st_uid, owner.st_gid)
