# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checked parameters of a build: the module's options and the command's flags in one form."""

from __future__ import annotations

import os
import re

from ... import containers
from ...errors import InvalidInput
from ...images import Registries
from ...images.model import manifest
from ...untrusted import files
from . import cache_flags
from .expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .cache_flags import CachePlace
    from .instructions import Instruction

    Secret = Callable[[], bytes]


LARGEST = 1 << 20  # bytes of a secret


ENTITLEMENTS = ("network.host", "security.insecure")


class BuildRequest:
    """The parameters of a build.

    :ivar target: the stage to build; None for the last.
    :ivar build_args, labels, annotations: ``{name: text}``.
    :ivar nocache: whether to take no step from the cache.
    :ivar nocache_stages: stages of which no step is taken from it, in small letters.
    :ivar pull: whether to check the registries for newer base images.
    :ivar platform: ``os/architecture[/variant]``, or None for the host's.
    :ivar epoch: SOURCE_DATE_EPOCH in seconds, or None.
    :ivar network: default, none or host.
    :ivar secrets: ``{id: function that returns its bytes}``.
    :ivar ssh: ``{id: path of an agent's socket}``.
    :ivar extra_hosts: ``{name: address}``.
    :ivar shm_size: bytes, or None.
    :ivar hostname: of RUN's containers, or None.
    :ivar limits: options of a container (``memory``, ``ulimits`` ...) for RUN.
    :ivar checks: severity of broken rules (stage/build_checks.py): ignore, warn or error.
    :ivar allowed: some of ENTITLEMENTS.
    :ivar ignore_file: path of a file to use in place of the context's .dockerignore, or None.
    """

    target: str | None
    nocache: bool
    pull: bool
    platform: str | None
    build_args: dict[str, str]
    labels: dict[str, str]
    annotations: dict[str, str]
    secrets: dict[str, Secret]
    ssh: dict[str, str]
    extra_hosts: dict[str, str]
    shm_size: int | None
    nocache_stages: set[str]
    cache_from: list[CachePlace]
    cache_to: list[CachePlace]
    checks: str
    allowed: set[str]
    ignore_file: str | None
    epoch: int | None

    def __init__(
        self,
        *,
        target: str | None = None,
        args: Mapping[str, Any] | None = None,
        labels: Mapping[str, Any] | None = None,
        nocache: bool = False,
        pull: bool = False,
        network: str | None = None,
        platform: str | None = None,
        secrets: Iterable[tuple[str, Secret]] = (),
        ssh: Mapping[str, str] | None = None,
        extra_hosts: Mapping[str, str] | None = None,
        shm_size: int | None = None,
        registries: Registries | None = None,
        limits: Mapping[str, Any] | None = None,
        nocache_stages: Iterable[str] = (),
        cache_from: Iterable[str] = (),
        cache_to: Iterable[str] = (),
        annotations: Mapping[str, Any] | None = None,
        checks: str | None = None,
        allowed: Iterable[str] = (),
        ignore_file: str | None = None,
    ) -> None:
        """Check the parameters.

        :param secrets: ``[(id, function that returns its bytes)]``.
        :param limits: as in the module container.
        :param cache_from, cache_to: texts, see parse/cache_flags.py.
        :raises InvalidInput: naming the option.
        """
        self.target, self.nocache, self.pull, self.platform = target, nocache, pull, platform
        manifest.parse_platform(platform)
        self.build_args, self.labels = _texts(args, "args"), _texts(labels, "labels")
        self.network = network or "default"
        if self.network not in ("default", "none", "host"):
            raise InvalidInput("network", network, "default, none, host")
        self.secrets, self.ssh, self.extra_hosts, self.shm_size = (
            dict(secrets),
            dict(ssh or {}),
            dict(extra_hosts or {}),
            shm_size,
        )
        self.registries = registries or Registries()
        self.limits = {key: value for key, value in (limits or {}).items() if value is not None}
        self.nocache_stages, self.annotations = (
            {name.lower() for name in nocache_stages},
            _annotations(annotations),
        )
        self.cache_from = [cache_flags.source(text) for text in cache_from]
        self.cache_to = [cache_flags.target(text) for text in cache_to]
        if self.build_args.get("BUILDKIT_INLINE_CACHE", "").lower() in ("1", "true"):
            self.cache_to.append(cache_flags.target("type=inline"))
        self.hostname = self.build_args.get("BUILDKIT_SANDBOX_HOSTNAME")
        if self.hostname:
            _check_hostname(self.hostname)
        self.checks, self.allowed, self.ignore_file = checks or "warn", set(allowed), ignore_file
        for name in sorted(self.allowed - set(ENTITLEMENTS)):
            raise InvalidInput("allow", name, ", ".join(ENTITLEMENTS))
        if ignore_file is not None and not os.path.isfile(ignore_file):
            raise InvalidInput("ignorefile", ignore_file, "an existing file")
        self.epoch = None
        self.set_epoch(self.build_args.get("SOURCE_DATE_EPOCH"))

    def set_epoch(self, text: str | None) -> None:
        """Set the latest time that is kept.

        :param text: seconds since 1970; None and "" for no limit.
        :raises InvalidInput: for another text.
        """
        if text and not re.fullmatch("[0-9]{1,11}", text):
            raise InvalidInput("SOURCE_DATE_EPOCH", text, "seconds since 1970")
        self.epoch = int(text) if text else None

    def check_allowed(self, instruction: Instruction) -> None:
        """Check that a RUN needs no entitlement that this build lacks.

        :raises Trouble: where it does.
        """
        if instruction.name != "RUN":
            return
        if (
            instruction.flags.get("security") == "insecure"
            and "security.insecure" not in self.allowed
        ):
            raise Trouble(
                "RUN: --security=insecure is not allowed here: it gives the command all of the "
                "host's powers; "
                "--allow security.insecure (build.allow) allows it"
            )
        if (
            instruction.flags.get("network") == "host"
            and self.network != "host"
            and "network.host" not in self.allowed
        ):
            raise Trouble(
                "RUN: --network=host is not allowed here; --allow network.host (build.allow) or "
                "the network host of the build allows it"
            )

    @property
    def cache_namespace(self) -> str:
        """The prefix of the ids of ``RUN --mount=type=cache``."""
        return self.build_args.get("BUILDKIT_CACHE_MOUNT_NS", "")


def _annotations(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Read ``{name: text}``; a name may have ``manifest:`` before it, as docker writes them.

    :raises InvalidInput: for others.
    """
    found = {}
    for key, value in _texts(values, "annotations").items():
        kind, colon, name = key.partition(":")
        if colon and kind in ("index", "manifest-descriptor", "index-descriptor") or not key:
            raise InvalidInput("annotations", key, "a name, for the image's manifest")
        found[name if colon and kind == "manifest" else key] = value
    return found


def _texts(values: Mapping[str, Any] | None, option: str) -> dict[str, str]:
    found = {}
    for key, value in (values or {}).items():
        if value is None or isinstance(value, (dict, list)):
            raise InvalidInput(f"{option}.{key}", value, "a string or a number")
        found[str(key)] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return found


def _check_hostname(name: str) -> None:
    try:
        containers.definition({"hostname": name})
    except InvalidInput as error:
        raise InvalidInput("BUILDKIT_SANDBOX_HOSTNAME", name, error.accepted) from None


def secret_of(
    ident: str | None,
    path: str | None = None,
    variable: str | None = None,
    value: str | None = None,
) -> tuple[str, Secret]:
    """Return the id of a secret and a function that reads it, from a file, an environment variable,
    or a text.

    Where none is given, the variable with the id's name is used, else the file.

    :raises InvalidInput: where it is missing.
    """
    if not ident:
        raise InvalidInput("secrets.id", ident, "a name")
    if sum(each is not None for each in (path, variable, value)) > 1:
        raise InvalidInput("secrets", ident, "one of a file, a variable or a value")
    if value is not None:
        return ident, lambda: value.encode("utf-8", "surrogateescape")
    if variable is None and path is None and ident in os.environ:
        variable = ident
    if variable is not None:
        if variable not in os.environ:
            raise InvalidInput("secrets", variable, "a variable of the environment")
        return ident, lambda: os.fsencode(os.environ[variable])
    place = ident if path is None else path
    if not os.path.isfile(place):
        raise InvalidInput("secrets", place, "an existing file")
    return ident, lambda: _read(place)


def _read(path: str) -> bytes:
    try:
        return files.read(path, LARGEST, links=True)
    except files.Unacceptable as error:
        raise InvalidInput(
            "secrets", path, f"a regular file of at most {LARGEST} bytes ({error})"
        ) from None
