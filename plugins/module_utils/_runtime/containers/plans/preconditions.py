# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has to have for a definition to work, looked at before anything is changed.

Each check raises one sentence that names the option; none changes anything.
"""

from __future__ import annotations

import os
import resource

from ... import networks, volumes
from ...errors import Conflict, InvalidInput, NotFound, Unsupported
from ...kernel import cgroups
from ...kernel.files import project_quota
from ...kernel.isolation import apparmor
from ...kernel.mounts import overlay
from ...kernel.processes import procfs
from ..devices import device_nodes
from ..options import (
    device_options,
    network_options,
    process,
    publishing,
    resources,
    restart_and_health,
    secret_files,
    security,
    storage,
)
from ..records import catalog, port_bindings
from ..spec import config_json, confinement, container_files, limits, selinux_labels
from ..spec.container_mounts import ALL_READ_ONLY as RECURSIVELY_READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition
    from ..options.storage import Mount
    from ..records.catalog import Record


def everything(
    engine: Engine,
    definition: Definition,
    image: dict[str, Any],
    record: Record | None = None,
    coming: Collection[str] = (),
) -> None:
    """Check one container.

    :param image: its image's config.
    :param record: what is there now under its name: what that has may be taken over.
    :param coming: names of containers that the same task makes.
    :raises InvalidInput, Unsupported, NotFound, Conflict: naming the option.
    """
    _root(engine)
    _mounts(engine, definition)
    _secrets(engine, definition)
    config_json.arguments(definition, image)
    restart_and_health.check_health(definition, image.get("Healthcheck"))
    if definition.get("timezone"):
        process.zone(definition["timezone"])
    container_files.wanted_volumes(definition, image)
    device_nodes.nodes(definition)
    if device_options.wants_described(definition):
        from ..devices import cdi_edits  # few containers have such a device

        cdi_edits.Edits(definition)
    _networks(engine, definition, record["id"] if record else "")
    if (
        network_options.mode_of(definition) != "host"
    ):  # else they are not published: publishing.warnings
        run: Any = container_files.read_run(engine, record["id"]) if record else {}
        has = run.get("network", {}).get("ports", ())
        _ports(engine, port_bindings.bindings(engine, definition, image, record, has), record)
    _links(engine, definition, record, coming)
    _capabilities(definition)
    _rlimits(definition)
    _cpus(definition)
    wanted = limits.resources(definition, swap=False)
    if record is None or wanted != limits.resources(record["definition"], swap=False):
        problems = cgroups.check(wanted)
        if problems:
            raise Unsupported(problems[0][1])
        for path in definition.get("blkio_weight_device", ()):
            _weighing(path)
    if record is None or definition.get("storage_opts") != record["definition"].get("storage_opts"):
        _writable_layer(engine, definition)
    confinement.sysctls(definition)
    _apparmor(definition)
    selinux_labels.check(engine, definition)


def _root(engine: Engine) -> None:
    obstacle = overlay.obstacle(engine.paths.containers)
    if obstacle:
        raise Unsupported(obstacle)


def _mounts(engine: Engine, definition: Definition) -> None:
    for entry in storage.mounts_of(definition):
        option = next(
            (name for name in ("volumes", "mounts") if entry in definition.get(name, ())),
            "volumes_from",
        )
        if entry["type"] == "bind":
            _bind(option, entry)
        elif entry["type"] == "volume":
            if entry["source"]:
                volumes.check_name(entry["source"])
            _volume(engine, option, entry)


def _writable_layer(engine: Engine, definition: Definition) -> None:
    if definition.get("storage_opts"):
        obstacle = project_quota.obstacle(engine.paths.containers)
        if obstacle:
            raise Unsupported(f"storage_opts: {obstacle}")


def _bind(option: str, entry: Mount) -> None:
    if entry.get("create_mountpoint") and not os.path.exists(entry["source"]):
        above = entry["source"]
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise InvalidInput(
                option + ".source",
                entry["source"],
                f"a path that can be made on the host ({above} is no directory)",
            )
        return
    if not os.path.exists(entry["source"]):
        raise InvalidInput(
            option,
            entry["source"],
            "a path that exists on the host (make it first, e.g. with ansible.builtin.file, or name "
            "it in mounts with create_mountpoint)",
        )
    if entry.get("read_only_force_recursive") and procfs.kernel_version() < RECURSIVELY_READ_ONLY:
        raise Unsupported(
            f"{option}.read_only_force_recursive: this host's kernel can't make read-only what is "
            f"mounted below {entry['source']} (it needs Linux 5.12)"
        )
    _propagation(option, entry)


def _volume(engine: Engine, option: str, entry: Mount) -> None:
    """Check what a new volume is to be, and that a subpath is there."""
    there = volumes.get(engine, entry["source"]) if entry["source"] else None
    if there is None and entry.get("volume_options"):
        try:
            volumes.check_new(engine, entry["volume_options"])
        except InvalidInput as error:
            key = error.option.replace("driver_options", option + ".volume_options", 1)
            raise InvalidInput(key, error.value, error.accepted) from None
        except Unsupported as error:
            raise Unsupported(
                str(error).replace("driver_options", option + ".volume_options", 1)
            ) from None
    if not entry.get("subpath") or (
        there is not None and volumes.is_mount(there["driver_options"])
    ):
        return  # what is not mounted yet is seen at the start
    if there is None or not volumes.has(engine, entry["source"], entry["subpath"]):
        which = f"volume {entry['source']}" if entry["source"] else "the volume, which is new"
        raise InvalidInput(option + ".subpath", entry["subpath"], f"a path that is in {which}")


def _secrets(engine: Engine, definition: Definition) -> None:
    for option, entry in secret_files.references(definition):
        from ... import secrets  # here: few containers have any

        kind = secret_files.KIND[option]
        coming = engine.is_foretold(kind, entry["source"])
        if not coming and not secrets.exists(engine, kind, entry["source"]):
            raise NotFound(
                f"{option}: {kind} {entry['source']} does not exist (make it first, with "
                f"pycontainer.engine.{kind})"
            )


def _propagation(option: str, entry: Mount) -> None:
    """Check propagation: the kernel hands mounts on only from a mount that is shared itself
    (mount_namespaces(7)).
    """
    kind = entry["propagation"].lstrip("r")
    tags = _tags(os.path.realpath(entry["source"])) if kind in ("shared", "slave") else ""
    if kind == "shared" and "shared:" not in tags:
        raise InvalidInput(
            option,
            f"{entry['source']}:{entry['propagation']}",
            "a path on a shared mount of the host (mount --make-shared)",
        )
    if kind == "slave" and "shared:" not in tags and "master:" not in tags:
        raise InvalidInput(
            option,
            f"{entry['source']}:{entry['propagation']}",
            "a path on a shared or slave mount of the host",
        )


def _tags(path: str) -> str:
    """Return the optional fields of the mount that ``path`` is on (proc_pid_mountinfo(5), field 7)."""
    best, tags = "", ""
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields = line.split(" ")
            point = fields[4].replace("\\040", " ")
            if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(
                best
            ):
                best, tags = point, " ".join(fields[6 : fields.index("-")])
    return tags


def _networks(engine: Engine, definition: Definition, ident: str) -> None:
    closed: list[str] = []
    parents: list[str] = []
    count = len(network_options.attachments(definition))
    networks.require_library(
        engine, [entry["name"] for entry in network_options.attachments(definition)]
    )
    for entry in network_options.attachments(definition):
        if entry["name"] == networks.DEFAULT and networks.get(engine, entry["name"]) is None:
            continue  # made when it is first needed
        config = networks.get(engine, entry["name"])
        if config is None and engine.is_foretold("network", entry["name"]):
            continue  # its subnet and options are not known yet
        if config is None:
            raise NotFound(f"networks: network {entry['name']} does not exist")
        networks.check_address(
            engine,
            entry["name"],
            ident,
            entry["ipv4_address"],
            entry["mac_address"],
            entry.get("ipv6_address"),
            network_options.has_ipv6(definition),
        )
        _bandwidth(entry, config["parent"])
        for option in ("aliases", "links"):
            if entry.get(option) and config["disable_dns"]:
                raise InvalidInput(
                    f"networks.{option}",
                    ", ".join(entry[option]),
                    f"nothing on network {config['name']}, which has no names (disable_dns)",
                )
        closed += [config["name"]] if config["internal"] else []
        parents += [config["name"]] if config["parent"] else []
    if definition.get("published_ports") and parents and len(parents) == count:
        raise Conflict(
            f"published_ports: the container is on {', '.join(parents)} only, where other hosts "
            "reach it at its own address; leave published_ports out, or put it on a bridge network "
            "too"
        )
    if closed and len(closed) == len(network_options.attachments(definition)):
        if definition.get("published_ports"):
            raise Conflict(
                "published_ports: nothing enters an internal network, and the container is on "
                f"{', '.join(closed)} only"
            )
        if "host-gateway" in definition.get("etc_hosts", {}).values():
            raise Conflict(
                "etc_hosts: host-gateway: an internal network has none, and the container is on "
                f"{', '.join(closed)} only"
            )


def _ports(engine: Engine, ports: list[dict[str, Any]], record: Record | None) -> None:
    ident = record["id"] if record else ""
    fixed = [
        dict(port, host_port=0) if isinstance(port["host_port"], str) else port for port in ports
    ]
    networks.check_ports(engine, ident, fixed, ident)


def new_ports(
    engine: Engine, definition: Definition, image: dict[str, Any], record: Record
) -> None:
    """Check the ports of a container that takes the place of another one: they are bound anew.

    :param image: its image's config. :param record: of the one that is there.
    :raises InvalidInput, Unsupported, Conflict: naming the port.
    """
    _ports(engine, port_bindings.bindings(engine, definition, image, None, ()), record)


def why_not_beside(
    engine: Engine, definition: Definition, image: dict[str, Any], record: Record
) -> str:
    """Say why a container can't run beside the one whose place it takes; "" where it can.

    :param image: its image's config. :param record: of the one that is there.
    """
    mode = network_options.mode_of(definition)
    listed = network_options.attachments(definition)
    if not listed or not network_options.attachments(record["definition"]):
        return f"network_mode {mode} gives it no address of its own"
    for entry in listed:
        for option in ("ipv4_address", "ipv6_address", "mac_address"):
            if entry.get(option):
                return f"{option} {entry[option]} on network {entry['name']} is for one container"
        config = networks.get(engine, entry["name"])
        if config is not None and config["parent"]:
            return f"network {entry['name']} is no bridge, and the host switches none of its ports"
    for other in catalog.every(engine):
        if record["name"] in linked(other["definition"]).values():
            return f"container {other['name']} has a link to its address on the default network"
    has = container_files.reserved(engine, record["id"])["ports"]
    for port in port_bindings.bindings(engine, definition, image, None, ()):
        low, high = port_bindings.numbers(port)
        for old in has if port["host_port"] else ():
            apart = port["host_ip"] not in ("", old["host_ip"]) and low <= old["host_port"] <= high
            places = port["host_ip"], old["host_ip"]
            if apart and port["protocol"] == old["protocol"] and publishing.overlap(*places):
                return (
                    f"port {old['host_port']}/{old['protocol']} moves from {places[1]} to "
                    f"{places[0]}, and both can't be listened on"
                )
    return ""


def _bandwidth(entry: network_options.Attachment, parent: str) -> None:
    limits = entry.get("bandwidth")
    if limits and parent:
        raise InvalidInput(
            "networks.bandwidth",
            limits,
            f"none on network {entry['name']}: what its containers send leaves by {parent}, not by "
            "a link of the host's own",
        )
    if limits and not networks.limits_rates():
        raise Unsupported(
            "networks.bandwidth: this host's kernel can't limit a link (it needs the modules "
            "sch_tbf, sch_ingress, cls_u32, act_mirred and ifb)"
        )


def linked(definition: Definition) -> dict[str, str]:
    """Return the links to containers that have to be there, ``{alias: container}``.

    As with Docker, those on the default network. On others a link is a name that is looked up, and
    two containers may link to each other.
    """
    if any(one["name"] == networks.DEFAULT for one in network_options.attachments(definition)):
        return dict(definition.get("links", {}))
    return {}


def _links(
    engine: Engine, definition: Definition, record: Record | None, coming: Collection[str]
) -> None:
    """Check that who is linked to exists; what the container has already is kept without."""
    had = record["definition"].get("links", {}) if record else {}
    for alias, other in linked(definition).items():
        if other not in coming and had.get(alias) != other:
            try:
                catalog.find(engine, other)
            except NotFound:
                raise NotFound(f"links: container {other} does not exist") from None


def _capabilities(definition: Definition) -> None:
    missing = confinement.missing_capabilities(definition)
    if missing:
        raise Unsupported(
            f"capabilities: {', '.join(missing)}: this host's engine does not have it itself, so "
            "it can't hand it on"
        )


def _apparmor(definition: Definition) -> None:
    profile = security.settings(definition).get("apparmor", "unconfined")
    if profile == "unconfined":
        return
    found, reason = apparmor.default()
    if not apparmor.enabled() or (profile == "default" and not found):
        raise Unsupported(f"security_opts: apparmor={profile}: {reason} on this host")
    if profile != "default" and profile not in (apparmor.loaded() or {profile}):
        raise InvalidInput(
            "security_opts",
            "apparmor=" + profile,
            "default, unconfined, or a profile that is loaded on this host (apparmor_parser -r "
            "FILE)",
        )


def _rlimits(definition: Definition) -> None:
    if "CAP_SYS_RESOURCE" in confinement.available():
        return
    for limit in limits.rlimits(definition):
        hard = (
            resource.getrlimit(getattr(resource, limit["type"]))[1]
            if hasattr(resource, limit["type"])
            else resource.RLIM_INFINITY
        )
        if hard != resource.RLIM_INFINITY and limit["hard"] > hard:
            raise Unsupported(
                "ulimits: %s: a hard limit above this host's own (%d) needs CAP_SYS_RESOURCE, "
                "which the engine does not have here" % (limit["type"][7:].lower(), hard)
            )


def _cpus(definition: Definition) -> None:
    count = os.cpu_count() or 1
    if definition.get("cpus", 0) > count:
        raise InvalidInput("cpus", definition["cpus"], f"at most {count}, the CPUs of this host")
    for option, place in (
        ("cpuset_cpus", "/sys/devices/system/cpu/online"),
        ("cpuset_mems", "/sys/devices/system/node/online"),
    ):
        if definition.get(option):
            there = _read(place, "0")
            if set(resources.numbers_of(definition[option], option)) - set(
                resources.numbers_of(there, option)
            ):
                raise InvalidInput(
                    option, definition[option], "numbers of what this host has: " + there
                )


def _weighing(path: str) -> None:
    """Check that a disk has a scheduler with weights; a partition has none of its own."""
    number = limits.disk(path, "blkio_weight_device")
    place = "/sys/dev/block/%d:%d/queue/scheduler" % (os.major(number), os.minor(number))
    schedulers = _read(place, "")
    if "[bfq]" not in schedulers.split():
        raise Unsupported(
            f"blkio_weight_device: {path}: only a whole disk with the scheduler bfq has weights "
            f"(this has {schedulers or 'none'})"
        )


def _read(path: str, default: str) -> str:
    """Read a file of one line; ``default`` where there is none: a kernel without NUMA has no list
    of nodes.
    """
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return default
