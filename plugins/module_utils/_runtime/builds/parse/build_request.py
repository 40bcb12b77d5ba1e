# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build is asked for, checked: the options of the module and the command in one form."""

from __future__ import annotations

import os
import re

from ...errors import InvalidInput
from ...images import Registries
from ...images.model import manifest
from ...untrusted import files
from . import cache_flags
from .expansion import Trouble

LARGEST = 1 << 20  # bytes of a secret


ENTITLEMENTS = ("network.host", "security.insecure")


class Request:
    """What a build is asked for.

    :ivar build_args, labels: ``{name: text}``. :ivar epoch: SOURCE_DATE_EPOCH in seconds, or None. :ivar network: default, none or host.
    :ivar secrets: ``{id: function that returns bytes}``. :ivar ssh: ``{id: path of an agent's socket}``. :ivar extra_hosts: ``{name: address}``.
    :ivar limits: options of a container (``memory``, ``ulimits`` ...) for RUN. :ivar nocache_stages: names in small letters.
    :ivar cache_from, cache_to: [cache_flags.CachePlace]. :ivar checks: what broken rules of builds/stage/build_checks.py are: ignore, warn or error.
    :ivar allowed: entitlements, as in ENTITLEMENTS. :ivar ignore_file: path of a file in the place of the context's .dockerignore, or None.
    """

    def __init__(
        self,
        target=None,
        args=None,
        labels=None,
        nocache=False,
        pull=False,
        network=None,
        platform=None,
        secrets=(),
        ssh=None,
        extra_hosts=None,
        shm_size=None,
        registries=None,
        limits=None,
        nocache_stages=(),
        cache_from=(),
        cache_to=(),
        annotations=None,
        checks=None,
        allowed=(),
        ignore_file=None,
    ):
        """:param secrets: ``[(id, function)]``. :param limits: as the module container has them. :param cache_from, cache_to: texts.

        :raises InvalidInput:
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
        self.cache_from, self.cache_to = _places(cache_from, cache_to)
        if self.build_args.get("BUILDKIT_INLINE_CACHE", "").lower() in ("1", "true"):
            self.cache_to += _places((), ["type=inline"])[1]
        self.hostname = self.build_args.get("BUILDKIT_SANDBOX_HOSTNAME")
        self.checks, self.allowed, self.ignore_file = checks or "warn", set(allowed), ignore_file
        for name in sorted(self.allowed - set(ENTITLEMENTS)):
            raise InvalidInput("allow", name, ", ".join(ENTITLEMENTS))
        if ignore_file is not None and not os.path.isfile(ignore_file):
            raise InvalidInput("ignorefile", ignore_file, "an existing file")
        self.epoch = None
        self.set_epoch(self.build_args.get("SOURCE_DATE_EPOCH"))

    def set_epoch(self, text):
        """The latest time that is kept, in seconds; None and "" for none. :raises InvalidInput:"""
        if text and not re.fullmatch("[0-9]{1,11}", text):
            raise InvalidInput("SOURCE_DATE_EPOCH", text, "seconds since 1970")
        self.epoch = int(text) if text else None

    def check_allowed(self, instruction):
        """:raises Trouble: for a RUN that wants what this build is not allowed."""
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

    def run_options(self, network=None):
        """What RUN needs of it."""
        return {
            "network": network or self.network,
            "extra_hosts": self.extra_hosts,
            "shm_size": self.shm_size,
            "hostname": self.hostname,
            "limits": self.limits,
            "secrets": self.secrets,
            "ssh": self.ssh,
            "cache_namespace": self.build_args.get("BUILDKIT_CACHE_MOUNT_NS", ""),
        }


def _places(sources, targets):
    """``([cache_flags.CachePlace], [cache_flags.CachePlace])``."""
    return [cache_flags.source(text) for text in sources], [
        cache_flags.target(text) for text in targets
    ]


def _annotations(values):
    """``{name: text}``; a name may have ``manifest:`` before it, as docker writes them. :raises InvalidInput:"""
    found = {}
    for key, value in _texts(values, "annotations").items():
        kind, colon, name = key.partition(":")
        if colon and kind in ("index", "manifest-descriptor", "index-descriptor") or not key:
            raise InvalidInput("annotations", key, "a name, for the image's manifest")
        found[name if colon and kind == "manifest" else key] = value
    return found


def _texts(values, option):
    found = {}
    for key, value in (values or {}).items():
        if value is None or isinstance(value, (dict, list)):
            raise InvalidInput(f"{option}.{key}", value, "a string or a number")
        found[str(key)] = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return found


def secret_of(ident, path=None, variable=None, value=None):
    """``(id, function)`` of a secret from a file, a variable of the environment, or a text. :raises InvalidInput:"""
    if not ident:
        raise InvalidInput("secrets.id", ident, "a name")
    if sum(each is not None for each in (path, variable, value)) > 1:
        raise InvalidInput("secrets", ident, "one of a file, a variable or a value")
    if value is not None:
        return ident, lambda: value.encode("utf-8", "surrogateescape")
    if variable is None and path is None:
        variable = ident if ident in os.environ else None
        path = None if variable else ident
    if variable is not None:
        if variable not in os.environ:
            raise InvalidInput("secrets", variable, "a variable of the environment")
        return ident, lambda: os.fsencode(os.environ[variable])
    if not os.path.isfile(path):
        raise InvalidInput("secrets", path, "an existing file")
    return ident, lambda: _read(path)


def _read(path):
    try:
        return files.read(path, LARGEST, links=True)
    except files.Unacceptable as error:
        raise InvalidInput(
            "secrets", path, "a regular file of at most %d bytes (%s)" % (LARGEST, error)
        ) from None
