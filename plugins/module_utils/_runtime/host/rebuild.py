# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rebuild a lost or damaged database.

Its sources are the copies of its rows (store/rowfiles.py), else the newest backup, and the
directories of containers, volumes, layers and blobs. The broken file is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import re
import time

from ..containers.options import security
from ..errors import EngineError
from ..images.library import layer_store
from ..images.model import manifest
from ..networks import container_links
from ..networks import definition as networks
from ..store import database, rowfiles
from ..store.atomic_files import read_json, sync_directory
from ..untrusted import json_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..networks.container_links import Attachment

    Tables = dict[str, list[dict[str, Any]]]  # rows of the database, by table
    from ..engine import Engine


IDENT = re.compile("[0-9a-f]{64}")
VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")
SMALL = 4 << 20  # bytes: what manifests and configurations have at most


def rebuild(engine: Engine) -> list[str]:
    """Replace the lost database by a new one. Return sentences about what was restored, and what
    could not be.
    """
    with engine.locks.hold("repair"):
        engine.db.close()
        rows, said = _rows(engine)
        complete(engine, rows, said)
        return _exchange(engine, rows) + said


def _rows(engine: Engine) -> tuple[Tables, list[str]]:
    """Return the rows as they were last written down, and sentences."""
    rows, said = rowfiles.load(engine.paths.records)
    if any(rows.values()):
        return rows, said + ["the rows are as they were written down beside the database"]
    try:
        names = sorted(
            name
            for name in os.listdir(engine.paths.backups)
            if not name.endswith((".partial", "-wal", "-shm"))
        )
    except FileNotFoundError:
        names = []
    for name in reversed(names):
        copy = database.Database(os.path.join(engine.paths.backups, name))
        try:
            rows = {table: copy.all(f"SELECT * FROM {table}") for table in rowfiles.KEYS}
            return rows, said + [f"the rows are those of the backup {name}"]
        except EngineError as error:
            said.append(f"the backup {name} can't be used: {error}")
        finally:
            copy.close()
    return rows, said + [
        "there are no copies of the rows, and no backup: what is known is what the directories "
        "say; images have lost their names"
    ]


def _exchange(engine: Engine, rows: Tables) -> list[str]:
    """Make the new database, move the old one aside, and move the new one to its place."""
    said, path = [], engine.paths.database
    fresh, aside = (
        path + ".new",
        "%s.damaged-%s" % (path, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())),
    )
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh + suffix)
    made = database.Database(fresh)
    try:
        for table, row, why in made.fill(rows):
            said.append(
                f"an entry of {table} was left out ({why}): "
                f"{', '.join((str(row[key]) for key in rowfiles.KEYS[table]))}"
            )
    finally:
        made.close()
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(path + suffix, aside + suffix)
            if not suffix:
                said.insert(0, f"the database that was there is kept as {aside}")
    rowfiles.unmark(engine.paths.records)
    os.rename(fresh, path)
    sync_directory(engine.paths.data)
    return said


def complete(
    engine: Engine,
    rows: Tables,
    said: list[str],
    recorded: Tables | None = None,
    busy: frozenset[str] = frozenset(),
) -> None:
    """Add to rows what the disk holds beside them, and leave those out whose directories are gone.

    :param said: gets sentences.
    :param recorded: the copies of rows, where ``rows`` are those of a database that is in use:
        layers and images are left alone then.
    :param busy: ids and names of what is being made or removed at this moment.
    """
    _Found(engine, rows, said, recorded, busy).complete()


class _Found:
    def __init__(
        self,
        engine: Engine,
        rows: Tables,
        said: list[str],
        recorded: Tables | None,
        busy: frozenset[str],
    ) -> None:
        self.engine, self.paths, self.rows, self.said = engine, engine.paths, rows, said
        self.recorded, self.busy = recorded, busy

    def complete(self) -> None:
        """Add to rows what the disk holds beside them, and leave those out whose directories are
        gone.

        :param said: gets sentences.
        :param recorded: the copies of rows, where ``rows`` are those of a database that is in use:
            layers and images are left alone then.
        :param busy: ids and names of what is being made or removed at this moment.
        """
        if self.recorded is None:
            self._images()
            self._layers()
        self._volumes()
        self._containers()
        for row in self.rows["containers"]:
            with contextlib.suppress(
                EngineError, ValueError, KeyError, TypeError, OSError, AttributeError
            ):
                self._holdings(row)
        known = self._keys("containers", "id") | self.busy
        for table in ("addresses", "ports", "id_ranges"):
            self.rows[table] = [row for row in self.rows[table] if row["container"] in known]

    def _keys(self, table: str, key: str) -> set[Any]:
        return {row[key] for row in self.rows[table]}

    def _directories(self, top: str, pattern: re.Pattern[str]) -> list[str]:
        names = sorted(set(os.listdir(top)) - self.busy) if os.path.isdir(top) else []
        return [
            name
            for name in names
            if pattern.fullmatch(name) and os.path.isdir(os.path.join(top, name))
        ]

    def _copy(self, table: str, key: str, value: str) -> dict[str, Any] | None:
        """Add the copy of a row that the database in use has lost. Return it, or None where there
        is no copy.
        """
        row = next((row for row in (self.recorded or {}).get(table, ()) if row[key] == value), None)
        if row is not None:
            self.rows[table].append(row)
            self.said.append(f"{table[:-1]} {row['name']} is not in the database")
        return row

    def _gone(
        self, table: str, key: str, what: str, there: Callable[[dict[str, Any]], bool]
    ) -> None:
        kept = []
        for row in self.rows[table]:
            if there(row) or row[key] in self.busy or row.get("id") in self.busy:
                kept.append(row)
            else:
                self.said.append(f"{what} {row[key]}: its directory is gone")
        self.rows[table] = kept

    def _images(self) -> None:
        """Where no image is recorded, add nameless ones whose manifest and configuration are among
        the blobs.
        """
        if self.rows["images"]:
            return
        top = os.path.join(self.paths.blobs, "sha256")
        for name in self._files(top):
            with contextlib.suppress(EngineError, OSError, KeyError, TypeError):
                data = self.engine.blobs.read("sha256:" + name)
                document = json_reader.load(data, "a manifest")
                if "layers" not in document or not isinstance(document.get("config"), dict):
                    continue
                parsed = manifest.parse(data, "a manifest")
                ident = parsed["config"]["digest"]
                manifest.parse_config(self.engine.blobs.read(ident), ident, len(parsed["layers"]))
                if ident not in self._keys("images", "id"):
                    self.rows["images"].append(
                        {
                            "id": ident,
                            "manifest": "sha256:" + name,
                            "size": sum(layer["size"] for layer in parsed["layers"]),
                            "added": database.now(),
                        }
                    )

    @staticmethod
    def _files(top: str) -> Iterator[str]:
        if not os.path.isdir(top):
            return
        for entry in os.scandir(top):
            if (
                IDENT.fullmatch(entry.name)
                and entry.is_file(follow_symlinks=False)
                and entry.stat().st_size <= SMALL
            ):
                with open(entry.path, "rb") as file:
                    if file.read(1) == b"{":
                        yield entry.name

    def _layers(self) -> None:
        self._gone(
            "layers",
            "diff_id",
            "layer",
            lambda row: layer_store.is_there(layer_store.path_of(self.engine, row["number"])),
        )
        known = {layer_store.base36(row["number"]) for row in self.rows["layers"]}
        for name in (
            sorted(os.listdir(self.paths.layers)) if os.path.isdir(self.paths.layers) else ()
        ):
            if name not in known and re.fullmatch("[0-9a-z]{1,12}", name):
                self.rows["layers"].append(
                    {
                        "diff_id": layer_store.LOST + name,
                        "number": int(name, 36),
                        "blob": None,
                        "size": 0,
                    }
                )

    def _volumes(self) -> None:
        self._gone(
            "volumes", "name", "volume", lambda row: os.path.isdir(self.paths.volume(row["name"]))
        )
        for name in self._directories(self.paths.volumes, VOLUME):
            if not os.path.isdir(os.path.join(self.paths.volume(name), "_data")):
                continue
            if name not in self._keys("volumes", "name") and not self._copy(
                "volumes", "name", name
            ):
                self.rows["volumes"].append(volume_row(self.engine, name))
                self.said.append(
                    f"volume {name}: its labels and driver options are not known any more"
                )

    def _containers(self) -> None:
        self._gone(
            "containers",
            "name",
            "container",
            lambda row: os.path.isdir(self.paths.container(row["id"])),
        )
        for ident in self._directories(self.paths.containers, IDENT):
            if ident in self._keys("containers", "id") or self._copy("containers", "id", ident):
                continue
            row = container_row(
                self.engine,
                ident,
                self.rows["layers"],
                self.rows["images"],
                self._keys("containers", "name"),
            )
            if row is None:
                self.said.append(
                    f"container {ident[:12]}: its documents can't be read; what is left of it is "
                    f"in {self.paths.container(ident)}"
                )
            else:
                self.rows["containers"].append(row)
                self.said.append(
                    f"container {row['name']}: the options that it was made with are not known "
                    "any more; a task that names it makes it anew"
                )

    def _holdings(self, row: dict[str, Any]) -> None:
        """Add addresses, ports, ids and networks of a container, as its documents say."""
        ident = row["id"]
        run, config = documents(self.engine, ident)
        for attachment in run.get("network", {}).get("attachments", ()):
            if attachment["network"] not in self._keys("networks", "name"):
                config_of = network_config(attachment)
                entry = {
                    "name": config_of["name"],
                    "id": config_of["id"],
                    "config": database.encode(config_of),
                    "created": row["created"],
                }
                self.rows["networks"].append(entry)
                self.said.append(
                    f"network {config_of['name']}: its options are not known any more, but its "
                    "subnets"
                )
            known = {(other["network"], other["address"]) for other in self.rows["addresses"]}
            for address in container_links.addresses(attachment):
                address = address.partition("/")[0]
                if (attachment["network"], address) not in known:
                    self.rows["addresses"].append(
                        {
                            "network": attachment["network"],
                            "address": address,
                            "container": ident,
                            "mac": attachment["mac"],
                        }
                    )
        for port in run.get("network", {}).get("ports", ()):
            if port.get("routed"):
                continue
            entry = {
                "protocol": port["protocol"],
                "host_ip": port["host_ip"],
                "host_port": port["host_port"],
                "container": ident,
            }
            if entry not in [dict(other, container=ident) for other in self.rows["ports"]]:
                self.rows["ports"].append(entry)
        extents = config.get("linux", {}).get("uidMappings") or []
        if (
            ident not in self._keys("id_ranges", "container")
            and len(extents) == 1
            and not security.maps(database.decode(row["definition"]))
        ):
            self.rows["id_ranges"].append(
                {"container": ident, "first": extents[0]["hostID"], "size": extents[0]["size"]}
            )


def documents(engine: Engine, ident: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read ``run.json`` and ``config.json`` of a container; {} stands for a missing one.

    :raises ValueError: for a file that is no JSON.
    """
    directory = engine.paths.container(ident)
    run = read_json(os.path.join(directory, "run.json"), {})
    return run, read_json(os.path.join(directory, "config.json"), {})


def volume_row(engine: Engine, name: str) -> dict[str, Any]:
    """Make the row of a volume that has only a directory."""
    return {
        "name": name,
        "options": database.encode({"driver_options": {}, "labels": {}}),
        "anonymous": int(bool(IDENT.fullmatch(name))),
        "created": os.stat(engine.paths.volume(name)).st_mtime,
    }


def _asked_for(ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what bindings were asked for as: one on all addresses of both families without any."""
    keys = ("container_port", "protocol", "host_ip", "host_port")
    found = [{key: port[key] for key in keys} for port in ports]
    for port in [port for port in found if port["host_ip"] == "::"]:
        other = {**port, "host_ip": "0.0.0.0"}
        if other in found:
            found.remove(port)
            found[found.index(other)]["host_ip"] = ""
    return found


def container_row(
    engine: Engine,
    ident: str,
    layer_rows: list[dict[str, Any]],
    image_rows: list[dict[str, Any]],
    names: set[str],
) -> dict[str, Any] | None:
    """Make the row of a container that has only a directory. Return None where its documents can't
    be read.

    :param layer_rows: rows of the store, with ``image_rows``, to find its image by its layers.
    :param names: names of containers, which are taken.
    """
    try:
        run, _config = documents(engine, ident)
        state = read_json(os.path.join(engine.paths.container(ident), "state.json"), {})
        name, image = run["name"], _image(engine, run["layers"], layer_rows, image_rows)
        mode, ports = run["network"]["mode"], run["network"]["ports"]
        definition = {"image": image or "", "network_mode": mode}
        if ports:
            definition["published_ports"] = _asked_for(ports)
        if mode == "bridge":
            definition["networks"] = [
                {"name": entry["network"], "ipv4_address": "", "mac_address": ""}
                for entry in run["network"]["attachments"]
            ]
        wanted = (
            "running"
            if state.get("status") in ("running", "starting", "restarting")
            else "stopped"
            if state.get("started_at")
            else "created"
        )
        if name in names:
            name = f"{name[:100]}-{ident[:12]}"
        return {
            "id": ident,
            "name": name,
            "definition": database.encode(definition),
            "image": image,
            "wanted": wanted,
            "created": os.stat(os.path.join(engine.paths.container(ident), "upper")).st_mtime,
        }
    except (KeyError, TypeError, ValueError, AttributeError, OSError):
        return None


def _image(
    engine: Engine,
    places: list[str],
    layer_rows: list[dict[str, Any]],
    image_rows: list[dict[str, Any]],
) -> str | None:
    """Return the id of the image that has the layers at these places, topmost first; None where
    there is none.
    """
    keys = {layer_store.path_of(engine, row["number"]): row["diff_id"] for row in layer_rows}
    wanted = [keys.get(place) for place in reversed(places)]
    for row in image_rows:
        with contextlib.suppress(EngineError, OSError):
            diff_ids = manifest.parse_config(engine.blobs.read(row["id"]), row["id"])["rootfs"][
                "diff_ids"
            ]
            chains = [layer_store.chain_key(chain) for chain in manifest.chain_ids(diff_ids)]
            if len(wanted) == len(diff_ids) and all(
                key in pair for key, pair in zip(wanted, zip(diff_ids, chains))
            ):
                return row["id"]
    return None


def network_config(attachment: Attachment) -> dict[str, Any]:
    """Make the configuration of a network that is known only from an attachment."""
    gateways = {":" in gateway: gateway for gateway in container_links.gateways(attachment)}
    pools: list[dict[str, Any]] = []
    for address in container_links.addresses(attachment):
        subnet = str(ipaddress.ip_interface(address).network)
        pools.append(
            {
                "subnet": subnet,
                "gateway": gateways.get(":" in subnet) or networks.default_gateway(subnet),
                "ip_range": None,
                "aux_addresses": {},
                "automatic": False,
            }
        )
    return {
        "name": attachment["network"],
        "id": hashlib.sha256(os.urandom(32)).hexdigest(),
        "driver": attachment.get("driver", "bridge"),
        "bridge": attachment["bridge"],
        "parent": attachment.get("parent", ""),
        "mode": attachment.get("mode", ""),
        "flag": attachment.get("flag", ""),
        "allow_spoofing": attachment.get("spoofing", False),
        "routes": attachment.get("routes", []),
        "pools": pools,
        "ipv4": any(":" not in pool["subnet"] for pool in pools),
        "ipv6": any(":" in pool["subnet"] for pool in pools),
        "internal": not gateways and not attachment.get("routed"),
        "attachable": False,
        "masquerade": True,
        "labels": {},
        "driver_options": {},
        "mtu": attachment["mtu"],
    }
