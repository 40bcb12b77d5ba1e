# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image references ``[registry/]repository[:tag][@digest]``: grammar, full form and familiar form.

The grammar is the distribution specification's (pull.md) with Docker's normalisation: a first
component without a dot, colon or capital letter that is not ``localhost`` belongs to the
repository, and the registry is ``docker.io``.
"""

from __future__ import annotations

import re

from ...errors import InvalidInput
from ...store.blobs import LENGTHS, valid_digest
from ...untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


DEFAULT_REGISTRY = "docker.io"
MAX_NAME = 255  # bytes of registry/repository together
SHORT_ID = 12  # digits of an id as listings show it

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]{{1,5}})?")
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_ACCEPTED = "[registry[:port]/]repository[:tag][@sha256:digest], lower case, such as alpine:3.20 or registry.example.com:5000/web:1"


class Reference:
    """A parsed reference.

    :ivar registry: host with an optional port; ``docker.io`` where none was given.
    :ivar repository: path in the registry, ``library/`` added where Docker does.
    :ivar tag: None only where a digest is given without one.
    :ivar digest: ``algorithm:hex`` or None.
    """

    __slots__ = ("registry", "repository", "tag", "digest")

    def __init__(
        self, registry: str, repository: str, tag: str | None = None, digest: str | None = None
    ) -> None:
        self.registry, self.repository, self.tag, self.digest = registry, repository, tag, digest

    @property
    def full_repository(self) -> str:
        """``docker.io/library/alpine``: the key of ``digests`` rows."""
        return f"{self.registry}/{self.repository}"

    @property
    def tagged(self) -> str | None:
        """``docker.io/library/alpine:latest``: the key of ``tags`` rows; None for a bare digest."""
        return f"{self.full_repository}:{self.tag}" if self.tag else None

    @property
    def full_tag(self) -> str:
        """As :attr:`tagged`, for a reference that certainly has a tag."""
        return f"{self.full_repository}:{self.tag or 'latest'}"

    @property
    def name(self) -> str:
        """The whole reference in full form."""
        return self.full_repository + self._suffix()

    @property
    def familiar_repository(self) -> str:
        """The shortest repository that parses to the same: ``alpine``."""
        return familiar_repository(self.full_repository)

    @property
    def familiar(self) -> str:
        """As Docker shows it: ``alpine:latest``."""
        return self.familiar_repository + self._suffix()

    @property
    def wanted(self) -> str:
        """What to request from a registry: the digest, else the tag."""
        return self.digest or self.tag or ""

    def _suffix(self) -> str:
        return (":" + self.tag if self.tag else "") + ("@" + self.digest if self.digest else "")

    def with_tag(self, tag: str) -> Reference:
        return Reference(self.registry, self.repository, tag)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Reference({self.name!r})"


def familiar_repository(full: str) -> str:
    """Return ``docker.io/library/alpine`` -> ``alpine``, ``docker.io/me/app`` -> ``me/app``, others
    as they are.
    """
    registry, dummy, repository = full.partition("/")
    if registry != DEFAULT_REGISTRY:
        return full
    short = repository[len("library/") :] if repository.startswith("library/") else repository
    # library/a/b: without its prefix it would be read as something else
    return repository if "/" in short and short != repository else short


def split_registry(text: str) -> tuple[str, str]:
    """Return ``(registry, rest)`` of a name without tag and digest."""
    first, slash, rest = text.partition("/")
    if not slash or not (
        first == "localhost" or "." in first or ":" in first or first.lower() != first
    ):
        return DEFAULT_REGISTRY, text
    return (DEFAULT_REGISTRY if first == "index.docker.io" else first), rest


def parse(text: Any, option: str = "name", default_tag: str | None = "latest") -> Reference:
    """Parse ``text`` into a :class:`Reference`.

    :param option: the option to name in an error.
    :param default_tag: for a reference without tag and digest.
    :raises InvalidInput: when it is not a reference.
    """
    if not isinstance(text, str) or not text:
        raise InvalidInput(option, text, _ACCEPTED)
    if len(text) > 1024:  # name, tag and digest have at most 255, 128 and 135
        raise InvalidInput(option, printable(text, 100), _ACCEPTED)
    rest, at, digest = text.partition("@")
    if at and not valid_digest(digest):
        raise InvalidInput(
            option, text, "a digest of the form sha256: and 64 hexadecimal digits after the @"
        )
    tag = None
    head, colon, tail = rest.rpartition(":")
    if colon and "/" not in tail:
        rest, tag = head, tail
        if not _TAG.fullmatch(tag):
            raise InvalidInput(
                option,
                text,
                "a tag of 1 to 128 letters, digits, _, . and -, not starting with . or -",
            )
    registry, repository = split_registry(rest)
    if registry == DEFAULT_REGISTRY and is_like_an_id(repository):
        raise InvalidInput(
            option,
            text,
            "a name that is not an image ID and can't be taken for one: no sha256:..., no 64 "
            "hexadecimal digits",
        )
    if not _HOST.fullmatch(registry) or not _REPOSITORY.fullmatch(repository):
        raise InvalidInput(option, text, _ACCEPTED)
    if not is_host(registry):
        raise InvalidInput(option, text, "a registry with a port from 1 to 65535")
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = "library/" + repository
    if len(registry) + 1 + len(repository) > MAX_NAME:
        raise InvalidInput(
            option, text, f"a registry and repository of at most {MAX_NAME} characters"
        )
    if tag is None and not digest:
        tag = default_tag
    return Reference(registry, repository, tag, digest or None)


def is_host(text: str) -> bool:
    """Return whether a text is ``HOST[:PORT]`` of a registry."""
    port = text.rpartition(":")[2] if ":" in text and not text.endswith("]") else "1"
    return len(text) <= MAX_NAME and _HOST.fullmatch(text) is not None and 1 <= int(port) <= 65535


def same_name(one: str | None, other: str | None) -> bool:
    """Return whether two texts are one reference: ``web`` and ``docker.io/library/web:latest``."""
    try:
        return one == other or (None not in (one, other) and parse(one).name == parse(other).name)
    except InvalidInput:  # an id
        return False


def is_like_an_id(repository: str) -> bool:
    """Return whether names in a repository of the default registry can be read as image ids.

    The repository is given with or without ``library/``.
    """
    last = repository[len("library/") :] if repository.startswith("library/") else repository
    return last in LENGTHS or re.fullmatch("[0-9a-f]{64}", last) is not None


def looks_like_id(text: str) -> bool:
    """Return whether ``text`` can be an image id, whole or shortened, with or without ``sha256:``."""
    return re.fullmatch(r"sha256:[0-9a-f]{1,64}|[0-9a-f]{1,64}", text) is not None


def is_id(text: str) -> bool:
    """Return whether ``text`` can be nothing but an image id: ``sha256:`` and digits, or 64 digits."""
    return looks_like_id(text) and (text.startswith("sha256:") or len(text) == 64)


def full_text(name: str | None, tag: str | None) -> str | None:
    """Return a task's ``name`` with its ``tag``, as one reference; an id stays as it is.

    Either may be None.
    """
    return completed(name, None, tag, "name") if name and tag else name


def completed(text: str, name: str | None, tag: str | None, option: str) -> str:
    """Return ``text`` with its own tag, else ``tag``, else that of ``name``."""
    parsed = parse(text, option, default_tag=None)
    if parsed.digest and tag:
        raise InvalidInput("tag", tag, f"no tag beside the digest in {option}")
    if parsed.tag and tag and option == "name" and parsed.tag != tag:
        raise InvalidInput("tag", tag, "the same tag as in name, or one of the two only")
    if parsed.tag or parsed.digest:
        return text
    if not tag and name:
        tag = parse(name).tag
    return parse(f"{text}:{tag or 'latest'}", "tag" if tag and option == "name" else option).name
