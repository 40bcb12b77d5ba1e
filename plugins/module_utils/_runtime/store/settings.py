# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host administrator's settings for all tasks: a small JSON file, which the module ``host``
writes.
"""

from __future__ import annotations

import json
import os

from ..errors import HostError, InvalidInput, reason
from ..untrusted import json_reader
from .atomic_files import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHOICES = {
    "layers": (
        "directory",
        "erofs",
        "auto",
    ),  # how image layers are stored that come from now on; the first is the default
    "selinux": (False, True),  # whether containers have SELinux labels that name none
    "container_ids": (
        None,
    ),  # FIRST-LAST: the ids of the host that containers' user namespaces get theirs from; None: the engine's own choice
    "secrets_key": (
        None,
    ),  # a file whose content secrets are encrypted with, or "none"; None: by systemd-creds where it is (secrets/sealing.py)
    "default_address_pools": (
        None,
    ),  # [{"base": subnet, "size": prefix}]: where networks get subnets from that name none; None: the engine's own choice
}
IDS_FIRST, IDS_LAST, IDS_LEAST = 65536, 2**32 - 2, 65536


def check_ids(value: Any, name: str = "container_ids") -> str:
    """Return the normal form of a range of ids, ``FIRST-LAST``.

    :raises InvalidInput: when it is no range, or too small.
    """
    first, dash, last = (value if isinstance(value, str) else "").partition("-")
    if (
        dash
        and first.isascii()
        and last.isascii()
        and first.isdigit()
        and last.isdigit()
        and len(first) < 11
        and len(last) < 11
    ):
        if (
            IDS_FIRST <= int(first)
            and int(last) <= IDS_LAST
            and int(last) - int(first) + 1 >= IDS_LEAST
        ):
            return f"{int(first)}-{int(last)}"
    raise InvalidInput(
        name, value, f"FIRST-LAST, with {IDS_LEAST} or more ids, from {IDS_FIRST} to {IDS_LAST}"
    )


def check_pools(value: Any, name: str = "default_address_pools") -> list[dict[str, Any]]:
    """Return the normal form of address pools, Docker's ``[{"base": subnet, "size": prefix}]``.

    :raises InvalidInput: when it is not of this form.
    """
    import ipaddress  # 5 ms, for hosts that have the setting

    accepted = (
        "a list of maps with base, a subnet such as 10.20.0.0/16, and size, the prefix of the networks that it is "
        "cut into, such as 24"
    )
    if not isinstance(value, list):
        raise InvalidInput(name, value, accepted)
    found = []
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"base", "size"}:
            raise InvalidInput(name, entry, accepted)
        try:
            base = ipaddress.ip_network(str(entry["base"]))
            size = int(entry["size"])
        except (TypeError, ValueError):
            raise InvalidInput(name, entry, accepted) from None
        largest = 30 if base.version == 4 else 126
        if not base.prefixlen <= size <= largest:
            raise InvalidInput(f"{name}.size", size, f"{base.prefixlen} to {largest} for {base}")
        found.append({"base": str(base), "size": size})
    return found


def check_key(value: Any, name: str = "secrets_key") -> str:
    """Return the normal form of what secrets are encrypted with, a path or ``none``.

    :raises InvalidInput: when it is neither.
    """
    if value != "none" and not (isinstance(value, str) and value.startswith("/")):
        raise InvalidInput(name, value, "the absolute path of a file on the host, or none")
    return str(os.path.normpath(value))


CHECKS = {
    "container_ids": check_ids,
    "default_address_pools": check_pools,
    "secrets_key": check_key,
}


def read(path: str) -> dict[str, Any]:
    """Return all settings: ``{setting: value}``.

    :param path: of the file, which may be missing.
    :raises HostError: when it can't be used.
    """
    found = given(path)
    return {key: found.get(key, choices[0]) for key, choices in CHOICES.items()}


def given(path: str) -> dict[str, Any]:
    """Return the settings that the file has."""
    try:
        with open(path, "rb") as file:
            data = file.read(json_reader.LARGEST + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HostError(f"{path} can't be read: {reason(error, named=True)}") from None
    found: dict[str, Any] = json_reader.load(data, path, error=HostError)
    for key, value in found.items():
        if key not in CHOICES:
            raise HostError(
                f"{path}: there is no setting {key!r}; accepted are: {', '.join(CHOICES)}"
            )
        if key in CHECKS:
            try:
                CHECKS[key](value)
            except InvalidInput as error:
                raise HostError(f"{path}: {error}") from None
        elif json.dumps(value) not in map(
            json.dumps, CHOICES[key]
        ):  # as JSON, in which 1 is not true
            accepted = (json.dumps(choice).strip('"') for choice in CHOICES[key])
            raise HostError(
                f"{path}: {key} is {json.dumps(value)}; accepted are: {', '.join(accepted)}"
            )
    return found


def write(path: str, settings: dict[str, Any]) -> None:
    """Replace the file; remove it where no setting is left."""
    if settings:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        write_whole(path, json.dumps(settings, indent=4, sort_keys=True) + "\n", mode=0o644)
    elif os.path.exists(path):
        os.unlink(path)
