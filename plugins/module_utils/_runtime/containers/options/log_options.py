# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container's output goes, and how: log drivers and their options, Docker's by name."""

from __future__ import annotations

from ... import units
from ...errors import InvalidInput
from ...options import go_templates, log_address
from ...options.forms import absolute, boolean, choice, line, whole
from ...options.rows import LIVE, MAP, Flag, Option, Shown
from ...untrusted import expressions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...options.forms import Parser
    from ...options.rows import Definition

DEFAULT = "json-file"
# Fields that a tag may have, Docker's; spec/log_document.py fills them in.
FIELDS = ("ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "DaemonName", "Command")
ATTRIBUTES = "ExtraAttributes"  # a field, too: a map
# What drivers that keep the log on this host have in place of options that are not given, Docker's.
KEPT: dict[str, dict[str, Any]] = {
    "json-file": {"max-size": 0, "max-file": 1, "compress": False},
    "local": {"max-size": 20 << 20, "max-file": 5, "compress": True},
}
CACHE = KEPT["local"]  # and what the others keep beside, to be read back
BUFFER = 1 << 20  # bytes that wait in mode non-blocking, Docker's default
SYSLOG_PORT, GELF_PORT, FLUENTD_PORT = 514, 12201, 24224


def _size(value: Any, name: str) -> int:
    return 0 if str(value) == "-1" else units.size(value, name)


def _some(value: Any, name: str) -> int:
    size = units.size(value, name)
    if not size:
        raise InvalidInput(name, value, "a size of at least one byte")
    return size


def _facility(value: Any, name: str) -> str:
    """A facility's name, for its number too."""
    said = str(value)
    if said.isascii() and said.isdigit() and int(said[:3]) < len(log_address.FACILITIES):
        return log_address.FACILITIES[int(said)]
    if said not in log_address.FACILITIES:
        raise InvalidInput(
            name, value, "a number to 23, or one of " + ", ".join(log_address.FACILITIES)
        )
    return said


def _address(schemes: tuple[str, ...], port: int) -> Parser:
    """Make a parser for addresses; one without a port gets ``port``."""
    hosts = [scheme for scheme in schemes if scheme not in log_address.LOCAL]
    local = [scheme for scheme in schemes if scheme in log_address.LOCAL]
    accepted = " or ".join(
        [f"{scheme}://host:port" for scheme in hosts] + [f"{scheme}:///path" for scheme in local]
    )

    def parse(value: Any, name: str) -> str:
        said = line(value, name)
        try:
            whole_address = log_address.complete(said, port)
        except ValueError:
            raise InvalidInput(name, said, accepted) from None
        if whole_address.partition("://")[0] not in schemes:
            raise InvalidInput(name, said, accepted)
        return whole_address

    return parse


def _fluentd(value: Any, name: str) -> str:
    """An address, or Docker's short form of one: a host, with or without a port."""
    said = line(value, name)
    return _FLUENTD(said if "://" in said else f"tcp://{said}", name)


def _seconds(value: Any, name: str) -> float:
    return float(units.duration(value, name))


def _switch(value: Any, name: str) -> bool:
    """True or false; the command's ``--log-opt`` and the daemon's map say it as a text."""
    said = {"true": True, "false": False}.get(str(value).lower(), value)
    return boolean(said, name)


def _names(value: Any, name: str) -> str:
    """Names with commas between them; a list of them too."""
    names = value if isinstance(value, (list, tuple)) else line(value, name).split(",")
    return ",".join(line(entry, name).strip() for entry in names if str(entry).strip())


def _tag(value: Any, name: str) -> str:
    """A text with ``{{.Field}}`` in it, as the templates of Docker's tags are written."""
    said = line(value, name)
    accepted = "a text with any of " + ", ".join(f"{{{{.{field}}}}}" for field in FIELDS)
    if said.count("{{") != said.count("}}"):
        raise InvalidInput(name, said, accepted)
    try:
        tag(said, {**dict.fromkeys(FIELDS, "a-b"), ATTRIBUTES: {"a": "b"}})
    except go_templates.Fault as fault:
        raise InvalidInput(name, said, f"{accepted}, and functions on them ({fault})") from None
    return said


def tag(template: str, known: dict[str, Any]) -> str:
    """Fill in a tag, which is one line.

    :param known: what its fields stand for, by ``FIELDS`` and ``ATTRIBUTES``.
    :raises go_templates.Fault: it can't be filled in.
    """
    # In Docker's it is a function, {{.ExtraAttributes nil}}; what it gets would change the names.
    record = {**known, ATTRIBUTES: lambda *_changes: known[ATTRIBUTES]}
    return " ".join(go_templates.fill(template, record).split("\n")).strip()


def _expression(value: Any, name: str) -> str:
    """A regular expression, which is searched for in names that images may have brought."""
    said = line(value, name)
    try:
        expressions.Expression(said)
    except expressions.Unusable as error:
        raise InvalidInput(name, said, f"a regular expression ({error})") from None
    return said


_FLUENTD = _address(("tcp", "unix"), FLUENTD_PORT)
_PARSERS: dict[str, Parser] = {
    "mode": choice("blocking", "non-blocking"),
    "max-buffer-size": _some,
    "max-size": _size,
    "max-file": whole(1),
    "compress": _switch,
    "tag": _tag,
    "labels": _names,
    "labels-regex": _expression,
    "env": _names,
    "env-regex": _expression,
    "cache-disabled": _switch,
    "cache-max-size": _size,
    "cache-max-file": whole(1),
    "cache-compress": _switch,
    "syslog-address": _address(("udp", "tcp", "tcp+tls", "unix", "unixgram"), SYSLOG_PORT),
    "syslog-facility": _facility,
    "syslog-format": choice("rfc3164", "rfc5424", "rfc5424micro"),
    "syslog-tls-ca-cert": absolute,
    "syslog-tls-cert": absolute,
    "syslog-tls-key": absolute,
    "syslog-tls-skip-verify": _switch,
    "gelf-address": _address(("udp", "tcp"), GELF_PORT),
    "gelf-compression-type": choice("gzip", "zlib", "none"),
    "gelf-compression-level": whole(-1, 9),
    "gelf-tcp-max-reconnect": whole(0),
    "gelf-tcp-reconnect-delay": _seconds,
    "fluentd-address": _fluentd,
    "fluentd-async": _switch,
    "fluentd-max-retries": whole(0),
    "fluentd-retry-wait": _seconds,
    "fluentd-sub-second-precision": _switch,
    "fluentd-request-ack": _switch,
}
_EVERY = ("mode", "max-buffer-size")
_CACHE = ("cache-disabled", "cache-max-size", "cache-max-file", "cache-compress")
_TOLD = ("tag", "labels", "labels-regex", "env", "env-regex")
# The options of each driver.
ACCEPTED: dict[str, tuple[str, ...]] = {
    "json-file": ("max-size", "max-file", "compress", *_EVERY, *_TOLD),
    "local": ("max-size", "max-file", "compress", *_EVERY),
    **{
        driver: (
            *(key for key in _PARSERS if key.startswith(f"{driver}-")),
            *_EVERY,
            *_TOLD,
            *_CACHE,
        )
        for driver in ("journald", "syslog", "gelf", "fluentd")
    },
    "none": (),
}


def log_options(value: Any, name: str) -> dict[str, Any]:
    """The options that are named, in normal form: sizes in bytes, switches as booleans.

    A name may have underscores in place of dashes, as podman_container's have.
    """
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a map")
    result = {}
    for given, item in value.items():
        key = str(given).replace("_", "-")
        if key not in _PARSERS:
            raise InvalidInput(name, given, _accepted(DEFAULT))
        result[key] = _PARSERS[key](item, f"{name}.{key}")
    return result


def _accepted(driver: str) -> str:
    return f"with log_driver {driver}: {', '.join(ACCEPTED[driver])}"


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    given = definition.get("log_options", {})
    driver = definition.get("log_driver", DEFAULT)
    if given and driver == "none":
        raise InvalidInput("log_options", given, "nothing, with log_driver none")
    for key in given:
        if key not in ACCEPTED[driver]:
            raise InvalidInput("log_options", key, _accepted(driver))
    if "max-buffer-size" in given and given.get("mode") != "non-blocking":
        raise InvalidInput("log_options", "max-buffer-size", "it only next to mode: non-blocking")
    _check_files(KEPT.get(driver, {}), given)
    _check_cache(given)
    _check_tls(given)
    if driver == "gelf":
        _check_gelf(given)


def _check_gelf(given: dict[str, Any]) -> None:
    address = given.get("gelf-address")
    if address is None:
        raise InvalidInput(
            "log_options", given or "nothing", "a gelf-address, with log_driver gelf"
        )
    way = address.partition(":")[0]
    other = "gelf-tcp-" if way == "udp" else "gelf-compression-"
    for key in given:
        if key.startswith(other):
            raise InvalidInput(
                "log_options", key, f"it only with another gelf-address than of {way}://"
            )


def _check_cache(given: dict[str, Any]) -> None:
    more = [key for key in given if key.startswith("cache-") and key != "cache-disabled"]
    if given.get("cache-disabled") and more:
        raise InvalidInput("log_options", more[0], "it only without cache-disabled: true")
    kept = {key: given.get("cache-" + key, CACHE[key]) for key in CACHE}
    if "cache-compress" in given or "cache-max-file" in given:
        if kept["compress"] and (kept["max-file"] < 2 or not kept["max-size"]):
            raise InvalidInput(
                "log_options",
                "cache-compress",
                "false, or a cache-max-size and a cache-max-file of 2 or more",
            )


def _check_tls(given: dict[str, Any]) -> None:
    tls = [key for key in given if key.startswith("syslog-tls-")]
    if tls and not given.get("syslog-address", "").startswith("tcp+tls://"):
        raise InvalidInput("log_options", tls[0], "it only next to a syslog-address of tcp+tls://")
    if ("syslog-tls-cert" in given) != ("syslog-tls-key" in given):
        raise InvalidInput(
            "log_options", "syslog-tls-cert", "it and syslog-tls-key together, or neither"
        )


def _check_files(defaults: dict[str, Any], given: dict[str, Any]) -> None:
    size = given.get("max-size", defaults.get("max-size"))
    count = given.get("max-file", defaults.get("max-file", 1))
    if given.get("compress") and (count < 2 or not size):
        raise InvalidInput(
            "log_options", "compress", "it only next to max-size and a max-file of 2 or more"
        )


def warnings(definition: Definition) -> list[str]:
    """Return sentences about what a definition says that has no effect, as Docker does it."""
    given = definition.get("log_options", {})
    size = given.get(
        "max-size", KEPT.get(definition.get("log_driver", DEFAULT), {}).get("max-size")
    )
    if given.get("max-file", 1) > 1 and not size:
        return ["log_options: max-file has no effect without max-size: the log stays one file"]
    return []


def _as_texts(given: dict[str, Any]) -> dict[str, str]:
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in given.items()
    }


OPTIONS: tuple[Option, ...] = (
    Option(
        "log_driver",
        "str",
        choices=list(ACCEPTED),
        default=DEFAULT,
        change=LIVE,
        place="run.json log.driver",
        inspect="HostConfig.LogConfig.Type",
        flag=Flag("--log-driver", ", ".join(list(ACCEPTED)[:-1]) + " or none"),
        description="""
        Where the output goes. V(json-file) keeps it on the host, without a limit unless
        O(log_options) has one. V(local) keeps 5 files of 20 MiB, the older ones compressed.
        V(journald), V(syslog), V(gelf) and V(fluentd) take it elsewhere, and keep as much as
        V(local) beside it, for C(pycontainer logs). V(none) drops it.

        The default is V(json-file).
        """,
    ),
    Option(
        "log_options",
        "dict",
        log_options,
        aliases=["log_opt"],
        compare=MAP,
        change=LIVE,
        place=(
            "run.json log.max_size",
            "run.json log.max_file",
            "run.json log.compress",
            "run.json log.buffer",
            "run.json log.attributes",
        ),
        inspect=Shown("HostConfig.LogConfig.Config", _as_texts),
        flag=Flag("--log-opt", "Log option (max-size=10m, max-file=3)"),
        description="""
        Options of the driver, Docker's by name; underscores do for dashes.

        V(max-size), for example V(10m), and V(max-file), how many files of that size are kept;
        V(compress) has all but the newest compressed. They are for V(json-file) and V(local).

        V(mode) is V(blocking), so that the container waits where its output can't be written yet,
        or V(non-blocking), so that it never does: V(max-buffer-size) of output, V(1m) if not said,
        may wait, and what comes beyond that is dropped and counted.

        V(tag), V(labels) and V(env) are for every driver but V(local): what is written beside each
        line, Docker's template for a tag such as C({{.Name}} or C({{truncate .ImageName 20}}), and
        the names of labels and of environment variables, with commas between them. V(labels-regex)
        and V(env-regex) are regular expressions that are searched for in these names, without
        references and look-around.

        V(syslog-address) is for example V(tcp+tls://logs.example.com:6514); without it, it is the
        host's own. V(syslog-facility), V(syslog-format) (V(rfc3164), V(rfc5424), V(rfc5424micro)),
        V(syslog-tls-ca-cert), V(syslog-tls-cert), V(syslog-tls-key) and V(syslog-tls-skip-verify)
        are beside it.

        V(gelf-address), which V(gelf) needs, is V(udp://host:port) or V(tcp://host:port). Over UDP
        there are V(gelf-compression-type) (V(gzip), V(zlib), V(none)) and
        V(gelf-compression-level), over TCP V(gelf-tcp-max-reconnect) and
        V(gelf-tcp-reconnect-delay).

        V(fluentd-address) is a host with a port, V(tcp://127.0.0.1:24224) if not said, or
        V(unix:///path). Beside it are V(fluentd-async), with which a start needs no server,
        V(fluentd-max-retries), V(fluentd-retry-wait), V(fluentd-sub-second-precision) and
        V(fluentd-request-ack).

        V(cache-disabled), V(cache-max-size), V(cache-max-file) and V(cache-compress) are about what
        is kept beside, where the output goes elsewhere.
        """,
    ),
)
