# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flags of ``run``, ``create`` and ``update`` say, in the container module's options.

Which flags there are follows from the rows of the options (``option_flags.py``). A flag whose text
is not the option's value as it stands names the function below that reads it.
"""

from __future__ import annotations

import contextlib
import os
import re

from ..errors import InvalidInput
from . import option_flags
from .grammar import Flag, UsageError, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from .grammar import Given

RUN_FLAGS = option_flags.FLAGS + [
    Flag("--cidfile", "value", "File that its id is written to", reads="apart"),
    Flag("-q, --quiet", "switch", "Nothing about the pull of its image", reads="apart"),
]
UPDATE_FLAGS = [flag for flag in option_flags.FLAGS if flag.option in option_flags.UPDATE]


def options(given: Given, flags: Iterable[Flag], at_home: bool = False) -> dict[str, Any]:
    """Return what a command line says as options of the container module: only what it names.

    :param at_home: whether paths are relative to this process's directory, as at a terminal of the
        host.
    :raises InvalidInput, UsageError: naming the flag.
    """
    values, found = given.values, named(given, flags)
    if values.get("restart") is not None:
        found.update(_restart(values["restart"]))
    joined = [values.get(key) for key in ("network", "ip", "ip6", "network_alias")]
    if any(joined):
        found.update(_networks(*joined))
    if values.get("env") or values.get("env_file"):
        found["env"] = environment(values["env"], values["env_file"])
    if values.get("label") or values.get("label_file"):
        found["labels"] = _labels(values["label"], values["label_file"])
    if values.get("no_healthcheck"):
        found["healthcheck"] = _no_health(found.get("healthcheck", {}))
    if at_home:
        _relative(found)
    if given.words[1:] and given.command.rest:
        found["command"] = given.words[1:]
    return found


def named(given: Given, flags: Iterable[Flag]) -> dict[str, Any]:
    """Return the options of a module that flags name, without what is read apart.

    :raises InvalidInput, UsageError: naming the flag.
    """
    found: dict[str, Any] = {}
    for flag in flags:
        value = given.values[flag.key]
        if value != flag.initial() and flag.reads != "apart":
            _put(found, flag.option, READERS[flag.reads](_long(flag), value))
    return found


def _put(found: dict[str, Any], option: str, value: Any) -> None:
    """Put an option's value, or a suboption's (``healthcheck.interval``), in its place."""
    name, _dot, key = option.partition(".")
    if key:
        found.setdefault(name, {})[key] = value
    else:
        found[name] = value


def _long(flag: Flag) -> str:
    return next(name for name in flag.names if name.startswith("--"))


def _relative(found: dict[str, Any]) -> None:
    """Make paths of the host absolute that were written from the current directory on, in place."""
    if found.get("volumes"):
        found["volumes"] = [
            _home(item) if item.startswith(("./", "../", ".:", "..:")) else item
            for item in found["volumes"]
        ]
    if found.get("security_opts"):
        found["security_opts"] = [
            re.sub("^seccomp[=:](.*)$", _profile, item) for item in found["security_opts"]
        ]


def _home(volume: str) -> str:
    source, colon, rest = volume.partition(":")
    return os.path.abspath(source) + colon + rest


def _profile(match: re.Match[str]) -> str:
    setting = match.group(1)
    no_path = setting in ("unconfined", "default") or setting[:1] in ("/", "{", "")
    return "seccomp=" + (setting if no_path else os.path.abspath(setting))


@contextlib.contextmanager
def by_flag(flags: Iterable[Flag]) -> Iterator[None]:
    """In the block, an error about an option of the container module names the flag that set it."""
    try:
        yield
    except InvalidInput as error:
        option, dot, rest = error.option.partition(".")
        names = {flag.option: _long(flag) for flag in reversed(list(flags))}
        names.update(option_flags.SAID_BY)
        if error.option in names:
            name = names[error.option]
        elif option in names:
            name = names[option] + dot + rest
        else:
            raise
        raise InvalidInput(name, error.value, error.accepted) from None


# -- what is written in a flag, as an option's value


def _same(_name: str, value: Any) -> Any:
    return value


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(name, text, "a number") from None


def _decimal(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(name, text, "a number") from None


def _settings(name: str, items: Sequence[str]) -> dict[str, str]:
    """``key=value`` each."""
    return {key: value for key, _equals, value in (item.partition("=") for item in items)}


def _hosts(name: str, items: Sequence[str]) -> dict[str, str]:
    """``name:address`` each, or ``name=address`` as newer Dockers have it.

    An IPv6 address may be in brackets.
    """
    pairs = [_pair(name, item) for item in items]
    return {host: address.strip("[]") for host, address in pairs}


def _pair(name: str, item: str) -> tuple[str, str]:
    separator = "=" if re.match("[^:=]+=", item) else ":"
    key, found, value = item.partition(separator)
    if not found:
        raise InvalidInput(name, item, "name:value")
    return key, value


def _rates(name: str, items: Sequence[str]) -> list[dict[str, Any]]:
    return [{"path": path, "rate": rate} for path, rate in (_pair(name, item) for item in items)]


def _counts(name: str, items: Sequence[str]) -> list[dict[str, Any]]:
    return [dict(entry, rate=_integer(name, entry["rate"])) for entry in _rates(name, items)]


def _weights(name: str, items: Sequence[str]) -> dict[str, int]:
    return {path: _integer(name, weight) for path, weight in (_pair(name, item) for item in items)}


def _program(_name: str, text: str) -> list[str]:
    return [text] if text else []


def _shell(_name: str, text: str) -> list[str]:
    return ["CMD-SHELL", text]


def _pull(name: str, text: str) -> str:
    if text not in ("missing", "always", "never"):
        raise InvalidInput(name, text, "missing, always, never")
    return text


def _gpus(name: str, items: Sequence[str]) -> list[dict[str, Any]]:
    return [_gpu(name, item) for item in items]


def _gpu(name: str, text: str) -> dict[str, Any]:
    """``all``, ``2``, or ``device=0,1,capabilities=utility`` as an entry of ``device_requests``.

    What has no key goes on with the list before it, quoted or not.
    """
    keys = {"count": "count", "device": "device_ids", "driver": "driver"}
    keys["capabilities"] = "capabilities"
    found: dict[str, list[str]] = {}
    last = "count"
    for item in text.replace('"', "").split(","):
        key, equals, value = item.partition("=")
        if not equals:
            key, value = last, item
        if key not in keys or (equals and keys[key] in found) or not value:
            raise InvalidInput(name, text, "all, a number, device=0,1, or " + ", ".join(keys))
        found.setdefault(keys[key], []).append(value)
        last = key
    request: dict[str, Any] = {
        "capabilities": [["gpu", *(w for w in found.get("capabilities", ()) if w != "gpu")]]
    }
    if "count" in found:
        said = found["count"]
        request["count"] = -1 if said == ["all"] else _integer(name, ",".join(said))
    elif "device_ids" not in found:
        request["count"] = -1
    if "device_ids" in found:
        request["device_ids"] = found["device_ids"]
    if "driver" in found:
        request["driver"] = ",".join(found["driver"])
    return request


MOUNT_KEYS = {
    "type": "type",
    "source": "source",
    "src": "source",
    "target": "target",
    "destination": "target",
    "dst": "target",
    "readonly": "read_only",
    "ro": "read_only",
    "consistency": "consistency",
    "bind-propagation": "propagation",
    "bind-recursive": "bind-recursive",
    "bind-nonrecursive": "non_recursive",
    "bind-create-src": "create_mountpoint",
    "volume-nocopy": "no_copy",
    "rw": "rw",
    "readwrite": "rw",
    "subpath": "subpath",
    "volume-subpath": "subpath",
    "image-subpath": "subpath",
    "volume-driver": "volume_driver",
    "volume-opt": "volume_options",
    "volume-label": "labels",
    "tmpfs-size": "tmpfs_size",
    "tmpfs-mode": "tmpfs_mode",
    "tmpfs-opt": "tmpfs_options",  # docker has no key for it
}
_MOUNT_SWITCHES = ("read_only", "rw", "no_copy", "non_recursive", "create_mountpoint")
_MOUNT_MAPS = ("volume_options", "labels")
BIND_RECURSIVE: dict[str, str] = {
    "enabled": "",
    "disabled": "non_recursive",
    "writable": "read_only_non_recursive",
    "readonly": "read_only_force_recursive",
}


def _mounts(_name: str, items: Sequence[str]) -> list[dict[str, Any]]:
    return [mount(item) for item in items]


def mount(text: str) -> dict[str, Any]:
    """``type=bind,source=/a,target=/b,readonly`` as an entry of the module's ``mounts``."""
    import csv  # half a millisecond, and every command reads this file

    found: dict[str, Any] = {"type": "volume"}
    for item in next(csv.reader([text])):  # quotes as in a table: '"source=/a,b"'
        key, equals, value = item.partition("=")
        if key not in MOUNT_KEYS:
            raise InvalidInput("--mount", item, ", ".join(sorted(MOUNT_KEYS)))
        option = MOUNT_KEYS[key]
        if option in _MOUNT_SWITCHES:
            if equals and value.lower() not in ("true", "false", "1", "0"):
                raise InvalidInput("--mount", item, f"{key}=true or {key}=false")
            found[option] = not equals or value.lower() in ("true", "1")
        elif not value:
            raise InvalidInput("--mount", item, f"{key}=value")
        elif option in _MOUNT_MAPS:
            name, _equals, setting = value.partition("=")
            found.setdefault(option, {})[name] = setting
        elif option == "tmpfs_options":
            name, _equals, setting = value.partition("=")
            found.setdefault(option, []).append({name: setting or None})
        elif option == "bind-recursive":
            _put_recursive(found, item, value)
        else:
            found[option] = value
    if "rw" in found:
        found.setdefault("read_only", not found.pop("rw"))
    if "target" not in found:
        raise UsageError(f"--mount {text!r} names no target")
    return found


def _put_recursive(found: dict[str, Any], item: str, value: str) -> None:
    if value not in BIND_RECURSIVE:
        raise InvalidInput("--mount", item, "bind-recursive=" + ", ".join(BIND_RECURSIVE))
    if BIND_RECURSIVE[value]:
        found[BIND_RECURSIVE[value]] = True


# {what a row says of its flag: (the flag's long name, what was said) -> the option's value}.
# What is "apart" is read with others, in `options`.
READERS = {
    "": _same,
    "int": _integer,
    "float": _decimal,
    "=": _settings,
    ":": _hosts,
    "path:rate": _rates,
    "path:number": _counts,
    "path:weight": _weights,
    "mount": _mounts,
    "program": _program,
    "gpus": _gpus,
    "shell": _shell,
    "pull": _pull,
}


# -- flags that are read together


def environment(items: Sequence[str], files: Sequence[str]) -> dict[str, str]:
    """Variables of ``--env`` over those of ``--env-file``.

    ``NAME`` alone takes the value from this process, and is left out where there is none, as Docker
    does.
    """
    found = {}
    for path in files:
        for number, line in enumerate(_lines("--env-file", path), 1):
            line = line.lstrip()
            name, equals, value = line.partition("=")
            if not line or line.startswith("#"):
                continue
            if not name or name != name.strip() or " " in name:
                # Only the line's number: what stands there may be part of a secret.
                raise InvalidInput("--env-file", f"{path} line {number}", "NAME=value, or NAME")
            if equals or name in os.environ:
                found[name] = value if equals else os.environ[name]
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise InvalidInput("--env", item, "NAME=value, or NAME")
        if equals or name in os.environ:
            found[name] = value if equals else os.environ[name]
    return found


def _labels(items: Sequence[str], files: Sequence[str]) -> dict[str, str]:
    lines = [line.strip() for path in files for line in _lines("--label-file", path)]
    return _settings(
        "--label", [*(line for line in lines if line and not line.startswith("#")), *items]
    )


def _lines(flag: str, path: str) -> list[str]:
    from ..containers.options.process import lines_of  # most commands need no options

    return lines_of(path, flag)


def _restart(text: str) -> dict[str, Any]:
    """``policy[:n]``."""
    policy, _colon, retries = text.partition(":")
    found: dict[str, Any] = {"restart_policy": policy}
    if retries:
        found["restart_retries"] = _integer("--restart", retries)
    return found


def _networks(
    names: Sequence[str] | None,
    address: str | None,
    address6: str | None,
    aliases: Sequence[str] | None,
) -> dict[str, Any]:
    entries = [_network(name) for name in names or ["bridge"]]
    first = entries[0]["name"]
    mode = first in ("none", "host", "bridge", "default") or first.startswith("container:")
    if mode and entries == [{"name": first}] and not (address or address6 or aliases):
        return {"network_mode": "bridge" if first == "default" else first}
    if aliases:
        entries[0]["aliases"] = [*entries[0].get("aliases", ()), *aliases]
    if address:
        entries[0]["ipv4_address"] = address
    if address6:
        entries[0]["ipv6_address"] = address6
    return {"networks": entries, "network_mode": first}


NETWORK_KEYS = {
    "name": "name",
    "ip": "ipv4_address",
    "ip6": "ipv6_address",
    "mac-address": "mac_address",
    "alias": "aliases",
    "link": "links",
    "gw-priority": "gw_priority",
    "driver-opt": "driver_opts",
    "bandwidth-in": "bandwidth.in",
    "bandwidth-out": "bandwidth.out",
}


def _network(text: str) -> dict[str, Any]:
    """``front``, or ``name=front,ip=172.30.0.9``, as an entry of the module's ``networks``."""
    if "=" not in text:
        return {"name": text}
    found: dict[str, Any] = {}
    for item in _fields(text):
        key, _equals, value = item.partition("=")
        if key not in NETWORK_KEYS or not value:
            raise InvalidInput(
                "--network", text, "a name, or " + ",".join(f"{name}=..." for name in NETWORK_KEYS)
            )
        option, dot, way = NETWORK_KEYS[key].partition(".")
        if key in ("alias", "link"):
            found.setdefault(option, []).append(value)
        elif key == "driver-opt":
            found.setdefault(option, {}).update(pairs([value]))
        elif dot:
            found.setdefault(option, {})[way] = value
        else:
            found[option] = value
    if "name" not in found:
        raise InvalidInput("--network", text, "one with name=")
    return found


def _fields(text: str) -> list[str]:
    """Split a flag's value at its commas, but for those in a part in quotation marks."""
    if '"' not in text:
        return text.split(",")
    import csv

    return next(csv.reader([text]))


def _no_health(said: dict[str, Any]) -> dict[str, Any]:
    if said:
        key = sorted("cmd" if key == "test" else key for key in said)[0]
        raise InvalidInput(
            "--no-healthcheck",
            True,
            f"either --no-healthcheck, or --health-{key.replace('_', '-')}",
        )
    return {"test": ["NONE"]}
