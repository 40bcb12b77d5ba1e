# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find where the database and the host disagree.

That is: directories, processes, groups, mounts, links and rules without a row, and rows whose
objects are missing. Several engines may share a kernel. So an object counts as ours only when it
leads to this engine's directories or networks.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import ipaddress
import os

from .. import containers, secrets, volumes
from ..containers.lifecycle import cleanup
from ..containers.records import run_state
from ..containers.spec import container_files
from ..errors import EngineError, HostError, NoSpace
from ..kernel import cgroups
from ..kernel.calls import syscalls
from ..kernel.cgroups.hierarchy import freezer, removal
from ..kernel.net import netlink, nftables
from ..kernel.processes import procfs
from ..networks import addresses, catalog, links, publish
from ..networks.drivers import wireguard_keys
from ..reconcile import Plan
from ..store import rowfiles, tree_removal
from . import rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..engine import Engine

    Tables = dict[str, list[dict[str, Any]]]  # rows by table

MNT_DETACH = 2
PATIENCE = 10.0  # seconds that processes get to end


class Stray:
    """An inconsistency.

    :ivar sentence: what is wrong.
    :ivar action: the repair, as an imperative, which ``apply`` does; None where a person has to
        decide.
    """

    def __init__(
        self,
        subject: str,
        sentence: str,
        action: str | None = None,
        apply: Callable[[], object] | None = None,
    ) -> None:
        self.subject, self.sentence, self.action, self.apply = subject, sentence, action, apply

    def plan(self) -> Plan:
        found = Plan(self.subject)
        if self.action:
            found.add("store", self.sentence, None, self.action, self.apply)
        return found


def strays(engine: Engine) -> list[Stray]:
    """List all strays. What tasks create and remove meanwhile is not listed, because it is not seen
    twice.
    """
    first = _look(engine)
    if not first:
        return []
    known = {stray.sentence for stray in first}
    return [stray for stray in _look(engine) if stray.sentence in known]


def _look(engine: Engine) -> list[Stray]:
    if not os.path.isdir(engine.paths.containers):
        return []
    busy = _busy(engine)
    return (
        _directories(engine, busy)
        + _broken(engine)
        + _left(engine, busy)
        + _mounts(engine, busy)
        + _made_links(engine)
        + _keys(engine)
        + _links(engine)
        + _elements(engine)
        + _secrets(engine)
        + _copies(engine)
    )


def _busy(engine: Engine) -> frozenset[str]:
    """Return the ids and names of what running operations are about."""
    found = engine.operations.subjects()
    for row in engine.db.all("SELECT id, name FROM containers"):
        if row["name"] in found:
            found.add(row["id"])
    return frozenset(found)


# --------------------------------------------------------------------------------------------------------------- directories


def _tables(engine: Engine) -> Tables:
    return {table: engine.db.all(f"SELECT * FROM {table}") for table in rowfiles.KEYS}


def _directories(engine: Engine, busy: frozenset[str]) -> list[Stray]:
    """List directories of containers and volumes without a row, rows without a directory, and
    addresses, ports and ids of containers that are gone.
    """
    rows = _tables(engine)
    said: list[str] = []
    before = {table: list(entries) for table, entries in rows.items()}
    rebuild.complete(engine, rows, said, rowfiles.load(engine.paths.records)[0], busy)
    found = _without_directory(engine, before, rows) + _kept_for_nobody(engine, before, rows)
    added = {table: [row for row in rows[table] if row not in before[table]] for table in rows}
    if not any(added.values()):
        return found + [
            Stray("store", sentence) for sentence in said if "can't be read" in sentence
        ]
    sentences = [sentence for sentence in said if not sentence.endswith("its directory is gone")]
    entered = Stray(
        "store",
        "; ".join(sentences)
        or "addresses, ports or user ids of containers are not in the database",
        "enter in the database what the directories hold",
        lambda: engine.db.fill(added),
    )
    return [*found, entered]


def _without_directory(engine: Engine, before: Tables, rows: Tables) -> list[Stray]:
    """List the containers and volumes that have a row and no directory."""
    found = []
    for table, key, remove in (
        ("containers", "name", _remove_container),
        ("volumes", "name", volumes.remove),
    ):
        for row in before[table]:
            if row not in rows[table]:
                what = f"{table[:-1]} {row[key]}"
                mend = functools.partial(remove, engine, row[key])
                said = f"{what}: its directory is gone"
                found.append(Stray(what, said, "remove " + what, mend))
    return found


def _kept_for_nobody(engine: Engine, before: Tables, rows: Tables) -> list[Stray]:
    """Report the addresses, ports and ids of containers that are gone: one Stray for all."""
    gone = [
        row["container"]
        for table in ("addresses", "ports", "id_ranges")
        for row in before[table]
        if row not in rows[table]
    ]
    named = set(gone) - {row["id"] for row in before["containers"]}
    if not named:
        return []
    shown = ", ".join(sorted(ident[:12] for ident in named))
    return [
        Stray(
            "addresses",
            f"addresses, ports or user ids are kept for containers that are not there: {shown}",
            "free the addresses, ports and user ids of containers that are not there",
            lambda: _free(engine, named),
        )
    ]


def _remove_container(engine: Engine, name: str) -> None:
    containers.remove(engine, containers.find(engine, name), force=True)


def _free(engine: Engine, idents: Iterable[str]) -> None:
    with engine.db.freeing(), engine.db.transaction() as connection:
        for ident in idents:
            for table in ("addresses", "ports", "id_ranges"):
                connection.execute(f"DELETE FROM {table} WHERE container = ?", (ident,))


def _broken(engine: Engine) -> list[Stray]:
    """List containers whose documents can't be read. A task that names one replaces it; ``rm -f``
    removes it.
    """
    found = []
    for record in containers.every(engine):
        if not os.path.isdir(engine.paths.container(record["id"])):
            continue
        for read, name, key in (
            (container_files.read_config, "config.json", "process"),
            (container_files.read_run, "run.json", "network"),
        ):
            try:
                whole = key in read(engine, record["id"])
            except (EngineError, TypeError):
                whole = False
            if not whole:
                found.append(
                    Stray(
                        "container " + record["name"],
                        f"container {record['name']}: its {name} is gone or damaged; remove it "
                        "with rm -f and make it again",
                    )
                )
    return found


# ---------------------------------------------------------------------------------------------------- processes, groups, mounts


def _left(engine: Engine, busy: frozenset[str]) -> list[Stray]:
    """List processes, groups and run directories of containers that are neither in the database nor
    on the disk.
    """
    known = {row["id"] for row in engine.db.all("SELECT id FROM containers")} | busy
    found = []
    for ident in sorted(_of_this_boot(engine) - known):
        if os.path.isdir(engine.paths.container(ident)):
            continue  # it is told as a directory
        number = len(_pids(ident))
        what = f"{number} processes are" if number != 1 else "1 process is"
        found.append(
            Stray(
                "container " + ident[:12],
                f"container {ident[:12]} is gone, but "
                f"{what if number else 'its run directory is'} left of it",
                f"end and remove what is left of container {ident[:12]}",
                functools.partial(_end, engine, ident),
            )
        )
    return found


def _groups(ident: str) -> dict[str, str]:
    return {
        mount: os.path.join(path, ident)
        for mount, path in cgroups.base_paths().items()
        if os.path.isdir(os.path.join(path, ident))
    }


def _pids(ident: str) -> list[int]:
    return sorted({pid for path in _groups(ident).values() for pid in removal.processes(path)})


def _of_this_boot(engine: Engine) -> set[str]:
    """Return the ids in this engine's run directory, and those whose processes use one of its
    containers' directories.
    """
    found = (
        {name for name in os.listdir(engine.paths.running) if rebuild.IDENT.fullmatch(name)}
        if os.path.isdir(engine.paths.running)
        else set()
    )
    for path in cgroups.base_paths().values():
        for child in removal.children(path):
            ident = os.path.basename(child)
            if (
                rebuild.IDENT.fullmatch(ident)
                and ident not in found
                and any(_stands_on(engine, ident, pid) for pid in removal.processes(child))
            ):
                found.add(ident)
    return found


def _stands_on(engine: Engine, ident: str, pid: int) -> bool:
    try:
        return f"upperdir={engine.paths.container(ident)}/" in procfs.read(
            f"/proc/{pid}/mountinfo", 1 << 20
        )
    except OSError:
        return False


def _end(engine: Engine, ident: str) -> None:
    """End and remove what is left of a container.

    :raises HostError: where a process does not end.
    """
    group = cgroups.Group.open(_groups(ident))
    if group.exists:
        group.kill()
    if not freezer.until(
        lambda: not _pids(ident) and not run_state.monitored(engine.paths, ident), PATIENCE
    ):
        raise HostError(f"container {ident[:12]}: its processes don't end")
    cleanup.take_down(engine.paths, ident)
    if group.exists:
        group.remove()
    for place in _mounted(engine.paths.container_run(ident)):
        syscalls.umount2(place, MNT_DETACH)
    tree_removal.remove(engine.paths.container_run(ident))


def _mounted(top: str) -> list[str]:
    """List what is mounted below a directory, the innermost first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        places = [line.split(" ")[4] for line in file]
    return [place for place in reversed(places) if place.startswith(top + "/")]


def _mounts(engine: Engine, busy: frozenset[str]) -> list[Stray]:
    """List mounts of volumes that are not in the database."""
    known = {row["name"] for row in engine.db.all("SELECT name FROM volumes")} | busy
    return [
        Stray(
            "volumes",
            f"{place} is mounted, and no volume of that name is known",
            f"unmount {place}",
            functools.partial(syscalls.umount2, place, MNT_DETACH),
        )
        for place in _mounted(engine.paths.volumes)
        if place[len(engine.paths.volumes) + 1 :].partition("/")[0] not in known
    ]


# ------------------------------------------------------------------------------------------------------------------- network


def _made_links(engine: Engine) -> list[Stray]:
    """List the links of the host that this engine has made and that belong to no network: bridges,
    an overlay's links to other hosts, VLANs that are parents.
    """
    with netlink.Socket() as sock:
        made = [link for link in netlink.links(sock) if links.is_ours(link, engine.paths)]
    known = _names_of_links(engine)
    found = [link for link in made if link["name"] not in known]
    if found and engine.db.one("SELECT 1 FROM operations WHERE kind LIKE '%-network'"):
        return []  # a network is being made or removed
    named = [(link["kind"] if link["kind"] == "bridge" else "link", link["name"]) for link in found]
    return [
        Stray(
            "networks",
            f"the {kind} {name} is no network's",
            f"remove the {kind} {name}",
            functools.partial(_remove_made, engine, name),
        )
        for kind, name in named
    ]


def _names_of_links(engine: Engine) -> set[str]:
    return {name for config in catalog.every(engine) for name in links.names(config)}


def _remove_made(engine: Engine, name: str) -> None:
    """Remove a link that the engine has made, unless a network uses it by now."""
    with engine.locks.hold("networks"):
        if name not in _names_of_links(engine):
            _remove_link(name)


def _keys(engine: Engine) -> list[Stray]:
    """List private keys of overlay networks that are not there."""
    if not os.path.isdir(engine.paths.network_keys):
        return []
    kept = set(os.listdir(engine.paths.network_keys))
    left = sorted(kept - {config["id"] for config in catalog.every(engine)})
    if left and engine.db.one("SELECT 1 FROM operations WHERE kind LIKE '%-network'"):
        return []
    return [
        Stray(
            "networks",
            f"the key {name[:12]} in {engine.paths.network_keys} is no network's",
            f"remove the key {name[:12]}",
            functools.partial(wireguard_keys.forget, engine.paths, name),
        )
        for name in left
    ]


def _links(engine: Engine) -> list[Stray]:
    """List links of containers on bridges of this engine, whose container has no address there."""
    configs = {config["name"]: config for config in catalog.every(engine)}
    wanted = {
        addresses.link_name(configs[row["network"]], row["container"])
        for row in engine.db.all("SELECT * FROM addresses")
        if row["network"] in configs
    }
    for row in engine.db.all("SELECT id FROM containers"):
        with contextlib.suppress(EngineError, KeyError, TypeError):
            wanted.update(
                entry["ifname"]
                for entry in container_files.reserved(engine, row["id"])["attachments"]
            )
    with netlink.Socket() as sock:
        every = netlink.links(sock)
    bridges = {
        link["index"]: link["name"]
        for link in every
        if link["name"] in {config["bridge"] for config in configs.values()}
    }
    return [
        Stray(
            "networks",
            f"the link {link['name']} on the bridge {bridges[link['master']]} is no container's",
            f"remove the link {link['name']}",
            functools.partial(_remove_link, link["name"]),
        )
        for link in every
        if link["name"].startswith("pyv-")
        and link["master"] in bridges
        and link["name"] not in wanted
    ]


def _remove_link(name: str) -> None:
    with netlink.Socket() as sock:
        sock.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))


def _elements(engine: Engine) -> list[Stray]:
    """List published ports in the kernel that lead to an unused address in a network of this
    engine.
    """
    subnets = [
        ipaddress.ip_network(pool["subnet"])
        for config in catalog.every(engine)
        for pool in config["pools"]
    ]
    taken = {row["address"] for row in engine.db.all("SELECT address FROM addresses")}
    stale: list[tuple[int, str, bytes]] = []
    told = set()
    for family, size in ((nftables.FAMILY_IPV4, 4), (nftables.FAMILY_IPV6, 16)):
        with (
            contextlib.suppress(OSError),
            nftables.Connection() as connection,
        ):  # without nf_tables, or the table, there are none
            for name in (publish.ANY, publish.ONE, publish.OWN, publish.OPEN, *publish.PASSED):
                length = 20 - size if name in publish.PASSED else size
                for key, data in connection.elements(publish.TABLE, name, family).items():
                    address = ipaddress.ip_address((data if data is not None else key)[:length])
                    if str(address) not in taken and any(address in subnet for subnet in subnets):
                        stale.append((family, name, key))
                        told.add(str(address))
    return (
        [
            Stray(
                "networks",
                f"published ports lead to {', '.join(sorted(told))}, which no container has",
                "remove the rules of ports that nobody publishes",
                lambda: _remove_elements(stale),
            )
        ]
        if stale
        else []
    )


def _remove_elements(stale: list[tuple[int, str, bytes]]) -> None:
    with nftables.Connection() as connection:
        connection.commit(
            [
                message
                for family, name, key in stale
                for message in nftables.delete_elements(
                    publish.TABLE, name, [nftables.element(key)], family
                )
            ]
        )


# ------------------------------------------------------------------------------------------------------------------- secrets


def _secrets(engine: Engine) -> list[Stray]:
    """List what is wrong with secrets and configs, and with what containers name of them."""
    return [Stray(*fault) for fault in secrets.faults(engine)]


# -------------------------------------------------------------------------------------------------------------------- copies


def _copies(engine: Engine) -> list[Stray]:
    """Tell whether the copies of rows, from which a lost database is rebuilt, match the rows."""
    if _copied(engine):
        return []
    if not engine.check:
        with (
            contextlib.suppress(NoSpace),
            engine.db.transaction(),
        ):  # again, so that no other writes one but not yet the other
            if _copied(engine):
                return []
    return [
        Stray(
            "store",
            f"the copies of the database's rows in {engine.paths.records} are not as the rows",
            "write the copies of the rows again",
            engine.secure,
        )
    ]


def _copied(engine: Engine) -> bool:
    copies, broken = rowfiles.load(engine.paths.records)
    return not broken and all(
        _sorted(copies[table], table) == _sorted(rows, table)
        for table, rows in _tables(engine).items()
    )


def _sorted(rows: list[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str([row[key] for key in rowfiles.KEYS[table]]))
