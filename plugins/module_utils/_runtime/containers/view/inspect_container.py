# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``inspect``: a container in Docker's form, from its record, its documents and the state of its
run.
"""

from __future__ import annotations

import datetime
import os

from ... import networks as stored_networks
from ... import volumes
from ...errors import EngineError, HostError, NotFound
from ...store.atomic_files import Damaged
from .. import options
from ..options import device_options, network_options, storage
from ..options import process as process_options
from ..records import catalog, status
from ..records import container_image as images
from ..spec import container_files, own_annotations
from . import audit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ...engine import Engine
    from ...networks.container_links import Attachment
    from ...networks.publish import Port
    from ...oci.spec.config_types import Config, IdMapping, MountEntry
    from ...options.rows import Definition
    from ..records.catalog import Record
    from ..records.status import Status
    from ..spec.run_file import HealthCheck, RunFile

REMEDY = "remove it with rm -f and make it again"
ZERO = "0001-01-01T00:00:00Z"  # Docker's "never"


def inspect(engine: Engine, record: Record) -> dict[str, Any]:
    """Return everything about one container, JSON-able.

    :raises HostError: its documents are damaged. :raises NotFound: it has been removed meanwhile.
    """
    with catalog.reading(engine, record):
        return _inspected(engine, record)


def _inspected(engine: Engine, record: Record) -> dict[str, Any]:
    try:
        return _inspect(engine, record)
    except Damaged as error:
        raise HostError(f"container {record['name']} is damaged: {error}; {REMEDY}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        for name in ("config.json", "run.json"):
            if not os.path.exists(os.path.join(engine.paths.container(record["id"]), name)):
                raise HostError(
                    f"container {record['name']} is damaged: its {name} is gone; {REMEDY}"
                ) from None
        if isinstance(
            container_files.read_config(engine, record["id"]).get("process"), dict
        ) and container_files.read_run(engine, record["id"]).get("network"):
            raise  # a fault of this program
        raise HostError(
            f"container {record['name']} is damaged: its documents lack {error}; {REMEDY}"
        ) from None


def inspect_even_damaged(engine: Engine, record: Record) -> dict[str, Any]:
    """As :func:`inspect`, for a list of containers.

    Of one that is damaged, return what is known all the same, and the sentence as ``Damaged``.
    """
    try:
        return inspect(engine, record)
    except NotFound:
        raise
    except EngineError as error:
        state, definition = status.shown(engine.paths, record["id"]), record["definition"]
        return {
            "Id": record["id"],
            "Name": "/" + record["name"],
            "Created": moment(record["created"]),
            "Path": "",
            "Args": [],
            "State": _state(state),
            "Image": record["image"],
            "Damaged": str(error),
            "Config": {"Image": definition.get("image"), "Labels": definition.get("labels", {})},
            "HostConfig": {"NetworkMode": definition.get("network_mode") or "bridge"},
            "Mounts": [],
            "NetworkSettings": {"Networks": {}, "Ports": {}},
        }


def _inspect(engine: Engine, record: Record) -> dict[str, Any]:
    config, run = (
        container_files.read_config(engine, record["id"]),
        container_files.read_run(engine, record["id"]),
    )
    state, definition = status.shown(engine.paths, record["id"]), record["definition"]
    image = images.config(engine, record["image"])
    process = config["process"]
    shown = _options(definition)
    return {
        "Id": record["id"],
        "Name": "/" + record["name"],
        "Created": moment(record["created"]),
        "Path": process["args"][0],
        "Args": process["args"][1:],
        "State": _state(state),
        "Image": record["image"],
        "Dependencies": _dependencies(engine, definition),
        "RestartCount": state.get("restarts", 0),
        "Platform": "linux",
        "Driver": "overlay2",
        "AppArmorProfile": process.get("apparmorProfile", ""),
        "ProcessLabel": process.get("selinuxLabel", ""),
        "MountLabel": config["linux"].get("mountLabel", ""),
        "LogPath": os.path.join(engine.paths.container(record["id"]), "log.json")
        if run["log"]["driver"] == "json-file"
        else "",
        "HostnamePath": os.path.join(engine.paths.container(record["id"]), "hostname"),
        "HostsPath": os.path.join(engine.paths.container(record["id"]), "hosts"),
        "ResolvConfPath": os.path.join(engine.paths.container(record["id"]), "resolv.conf"),
        "Config": dict(shown["Config"], **_config(record, image, config, run)),
        "HostConfig": dict(
            shown["HostConfig"],
            **_host_config(definition, config, run),
            Links=[
                f"/{other}:/{record['name']}/{alias}"
                for alias, other in definition.get("links", {}).items()
            ],
        ),
        "Security": audit.of_container(engine, record),
        "Mounts": _mounts(engine, record, config),
        "NetworkSettings": _network(engine, record, run, state, image),
    }


def _dependencies(engine: Engine, definition: Definition) -> list[str]:
    """Return the ids of the containers that one depends on, as Podman does."""
    found = [catalog.get(engine, name) for name in definition.get("depends_on", {})]
    return [record["id"] for record in found if record is not None]


def _options(definition: Definition) -> dict[str, Any]:
    """Return ``{"Config", "HostConfig"}`` with what the rows of the options show as it was asked
    for.
    """
    found: dict[str, Any] = {}
    for option in options.TABLE.options.values():
        option.show(definition, found)
    return found


def moment(seconds: float | None) -> str:
    """Write seconds since the epoch in RFC 3339, UTC; Docker's zero time for None."""
    if not seconds:
        return ZERO
    return (
        datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )


def _state(state: Status) -> dict[str, Any]:
    now = state["status"]
    found = {
        "Status": now,
        "Running": now in status.LIVING,
        "Paused": now == "paused",
        "Restarting": now == "restarting",
        "Dead": now == "dead",
        "OOMKilled": bool(state.get("oom_killed")),
        "Pid": state.get("pid") or 0,
        "ExitCode": status.exit_code(state),
        "Error": state.get("error") or "",
        "StartedAt": moment(state.get("started_at")),
        "FinishedAt": moment(state.get("finished_at")),
    }
    lost = state.get("log")
    if lost:
        found["LogDropped"] = {"Lines": lost["dropped"], "Error": lost["error"]}
    health = state.get("health")
    if health:
        found["Health"] = {
            "Status": health["status"],
            "FailingStreak": health["failing_streak"],
            "Log": [
                {
                    "Start": moment(entry["start"]),
                    "End": moment(entry["end"]),
                    "ExitCode": entry["exit_code"],
                    "Output": entry["output"],
                }
                for entry in health["log"]
            ],
        }
    return found


def _config(record: Record, image: dict[str, Any], config: Config, run: RunFile) -> dict[str, Any]:
    definition, process = record["definition"], config["process"]
    return {
        "Hostname": config.get("hostname", ""),
        "User": definition.get("user") or image.get("User") or "",
        "Env": process["env"],
        "Cmd": process_options.words(definition, image),
        "Entrypoint": definition.get("entrypoint", image.get("Entrypoint")),
        "Image": definition.get("image") or record["image"],
        "WorkingDir": process["cwd"],
        "Labels": labels(record, image),
        "Volumes": image.get("Volumes"),
        "StopSignal": run["stop"]["signal"],
        "SystemdMode": process_options.runs_systemd(definition, process["args"]),
        "StopTimeout": run["stop"]["timeout"],
        "ExposedPorts": {port: {} for port in exposed(definition, image)},
        "Healthcheck": _healthcheck(run["health"]),
        "StartupHealthCheck": _startup(run["health"]),
    }


def labels(record: Record, image: dict[str, Any]) -> dict[str, str]:
    """Return the image's labels, with the task's over them."""
    return dict(image.get("Labels") or {}, **record["definition"].get("labels", {}))


def exposed(definition: Definition, image: dict[str, Any]) -> list[str]:
    """Return the exposed ports of the image and the task, and what is published, as ``80/tcp``."""
    ports = {
        port if "/" in port else port + "/tcp" for port in image.get("ExposedPorts") or ()
    } | set(definition.get("exposed_ports", ()))
    return sorted(
        ports
        | {
            f"{port['container_port']}/{port['protocol']}"
            for port in definition.get("published_ports", ())
        }
    )


def _healthcheck(health: HealthCheck | None) -> dict[str, Any] | None:
    if health is None:
        return None
    return {
        "Test": health["test"],
        "Interval": int(health["interval"] * 1e9),
        "Timeout": int(health["timeout"] * 1e9),
        "StartPeriod": int(health["start_period"] * 1e9),
        "StartInterval": int(health["start_interval"] * 1e9),
        "Retries": health["retries"],
    }


def _startup(health: HealthCheck | None) -> dict[str, Any] | None:
    startup = health.get("startup") if health else None
    if startup is None:
        return None
    return {
        "Test": startup["test"],
        "Interval": int(startup["interval"] * 1e9),
        "Timeout": int(startup["timeout"] * 1e9),
        "Retries": startup["retries"],
        "Successes": startup["success"],
    }


def _host_config(definition: Definition, config: Config, run: RunFile) -> dict[str, Any]:
    memory = config["linux"]["resources"].get("memory", {})
    return {
        "PortBindings": bindings(run["network"]["ports"]),
        "MemorySwap": memory.get("swap", 0),
        "Runtime": "pycontainer",
        **_user_namespace(definition, config),
        "MaskedPaths": config["linux"]["maskedPaths"],
        "ReadonlyPaths": config["linux"]["readonlyPaths"],
        "DeviceRequests": device_options.device_requests(definition),
    }


def _user_namespace(definition: Definition, config: Config) -> dict[str, Any]:
    """Return ``UsernsMode`` as it is in force, and the maps in podman's form."""
    other, linux = own_annotations.joins(config).get("user"), config["linux"]
    if other:
        return {"UsernsMode": "container:" + other}
    if not linux.get("uidMappings"):
        return {"UsernsMode": "host"}
    mode = (
        "private"
        if definition.get("uidmap") or definition.get("gidmap")
        else definition.get("userns_mode") or "auto"
    )
    return {
        "UsernsMode": mode,
        "IDMappings": {
            "UidMap": _id_map(linux["uidMappings"]),
            "GidMap": _id_map(linux["gidMappings"]),
        },
    }


def _id_map(entries: Iterable[IdMapping]) -> list[str]:
    return [f"{entry['containerID']}:{entry['hostID']}:{entry['size']}" for entry in entries]


def bindings(ports: Iterable[Port]) -> dict[str, list[dict[str, str]]]:
    """Return published ports as Docker's ``{"80/tcp": [{"HostIp", "HostPort"}]}``."""
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        found.setdefault(f"{port['container_port']}/{port['protocol']}", []).append(
            {"HostIp": port["host_ip"], "HostPort": str(port["host_port"] or "")}
        )
    return found


def _mounts(engine: Engine, record: Record, config: Config) -> list[dict[str, Any]]:
    below = engine.paths.volumes + "/"
    shown = {entry["target"]: entry["source"] for entry in storage.images_of(record["definition"])}
    found: list[dict[str, Any]] = []
    for entry in config["mounts"]:
        said = entry["options"]
        if entry["destination"] in shown:
            found.append({"Type": "image", "Source": shown[entry["destination"]]})
        elif entry["type"] == "bind" and entry["source"].startswith(below):
            name = entry["source"][len(below) :].partition("/")[0]
            found.append(
                {
                    "Type": "volume",
                    "Name": name,
                    "Source": volumes.path(engine, name),
                    "Driver": "local",
                }
            )
        elif entry["type"] == "bind" and not _engines_own(engine, entry):
            found.append({"Type": "bind", "Source": entry["source"]})
        else:
            continue
        found[-1].update(
            Destination=entry["destination"],
            Mode="",
            RW="ro" not in said,
            Propagation=next(
                (option for option in said if option.lstrip("r") in ("private", "shared", "slave")),
                "",
            ),
        )
    return found


def _engines_own(engine: Engine, entry: MountEntry) -> bool:
    """Tell whether a bind mount is the engine's, not the user's: names and resolver, shared memory,
    the host's /proc and /sys.
    """
    place, source = entry["destination"], entry["source"]
    if place.endswith(("/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/localtime")):
        return source.startswith(engine.paths.containers + "/")
    if source.startswith(engine.paths.running + "/"):
        return True
    if place == "/dev/shm":
        return source == place
    return place in ("/proc", "/sys", "/dev/mqueue") and place == source


def _network(
    engine: Engine, record: Record, run: RunFile, state: Status, image: dict[str, Any]
) -> dict[str, Any]:
    living, definition = state["status"] in status.LIVING, record["definition"]
    attachments, ports = run["network"]["attachments"], run["network"]["ports"]
    asked = {entry["name"]: entry for entry in network_options.attachments(definition)}
    on = stored_networks.of_container(engine, record["id"]) if living else set()
    networks = {
        entry["network"]: dict(
            _endpoint(entry, entry["network"] in on),
            **_ids(engine, record, entry["network"], entry["network"] in on),
            **_asked(asked.get(entry["network"])),
            DNSNames=(run["network"].get("names") or {}).get(entry["network"]),
        )
        for entry in attachments
    }
    first = next(iter(networks.values()), {**_endpoint(None, False), "EndpointID": ""})
    mode = network_options.mode_of(definition)
    if mode in ("none", "host"):  # a network of its own in Docker
        networks[mode] = dict(
            _endpoint(None, living), NetworkID="", EndpointID="", **_asked(None), DNSNames=None
        )
    mapped = (
        dict.fromkeys(exposed(definition, image))
        if network_options.mode_of(definition) == "bridge"
        else {}
    )
    mapped.update(bindings(ports))
    return {
        "Bridge": "",
        "SandboxID": record["id"] if living else "",
        "EndpointID": first["EndpointID"],
        "Networks": networks,
        "Ports": mapped if living else {},
        "IPAddress": first["IPAddress"],
        "Gateway": first["Gateway"],
        "MacAddress": first["MacAddress"],
        "IPPrefixLen": first["IPPrefixLen"],
        "GlobalIPv6Address": first["GlobalIPv6Address"],
        "GlobalIPv6PrefixLen": first["GlobalIPv6PrefixLen"],
        "IPv6Gateway": first["IPv6Gateway"],
        "SandboxKey": f"/proc/{state['pid']}/ns/net" if living and state.get("pid") else "",
    }


def _asked(entry: network_options.Attachment | None) -> dict[str, Any]:
    """Return what a task said of a network, as far as its attachment does not have it."""
    links = entry.get("links") if entry else None
    return {
        "Aliases": entry.get("aliases") if entry else None,
        "IPAMConfig": _fixed(entry or {}),
        "Links": [f"{other}:{alias}" for alias, other in links.items()] if links else None,
        "GwPriority": entry.get("gw_priority", 0) if entry else 0,
        "DriverOpts": (entry and entry.get("driver_opts")) or None,
    }


def _ids(engine: Engine, record: Record, network_name: str, living: bool) -> dict[str, str]:
    """Return ``NetworkID`` and ``EndpointID``, as the network's own inspect has them; both are ""
    where the container is not on it, as Docker has it.
    """
    config = stored_networks.get(engine, network_name) if living else None
    if config is None:
        return {"NetworkID": "", "EndpointID": ""}
    return {
        "NetworkID": config["id"],
        "EndpointID": stored_networks.endpoint_id(config["id"], record["id"]),
    }


def _fixed(asked: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the addresses that were asked for, as ``IPAMConfig``."""
    given = {"IPv4Address": asked.get("ipv4_address"), "IPv6Address": asked.get("ipv6_address")}
    return {key: address for key, address in given.items() if address} or None


def _endpoint(entry: Attachment | None, living: bool) -> dict[str, Any]:
    address, dummy, prefix = entry["address"].partition("/") if entry else ("", "", "")
    address6, dummy, prefix6 = (entry.get("address6", "") if entry else "").partition("/")
    return {
        "IPAddress": address,
        "IPPrefixLen": int(prefix or 0),
        "Gateway": (entry and entry["gateway"]) or "",
        "GlobalIPv6Address": address6,
        "GlobalIPv6PrefixLen": int(prefix6 or 0),
        "IPv6Gateway": (entry and entry.get("gateway6")) or "",
        "MacAddress": entry["mac"] if entry else "",
        "Connected": living,
        "Bandwidth": (entry and entry.get("bandwidth")) or None,
    }
