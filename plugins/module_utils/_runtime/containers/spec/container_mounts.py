# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's mounts: what every container gets, and what the task asked for on top of it."""

from __future__ import annotations

import os

from ...oci.spec.mount_entries import BENEATH
from ..options import mount_options, secret_files, storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...oci.spec.config_types import MountEntry
    from ...options.rows import Definition
    from ..options.storage import Mount
    from .surroundings import Surroundings


ALL_READ_ONLY = (5, 12)  # Linux: mount_setattr(2), which changes all mounts below one
FILES = {"/etc/hostname": "hostname", "/etc/hosts": "hosts", "/etc/resolv.conf": "resolv.conf"}


NOTIFY, NOTIFY_NAME = "notify", "notify.sock"  # in the directory of this boot (sdnotify)
NOTIFY_PLACE = "/run/notify"  # in the container, as runc has it
IMAGES = "images"  # in the container's directory: a directory for each image that it mounts
ZONE = "localtime"  # the file of a container that is its /etc/localtime


def mounts(definition: Definition, host: Surroundings, systemd: bool = False) -> list[MountEntry]:
    """Return all mounts in the order in which they are made.

    A path's parents come before it, and the user's mounts over the engine's.

    :param systemd: whether it is set up for systemd as its process 1.
    """
    user = [_user(entry, host) for entry in host.mounts]
    user += [_tmpfs(entry) for entry in definition.get("tmpfs", ())]
    user += [
        _mount(destination, "bind", source, "rbind", "rprivate", "ro", "nosuid", "nodev", "noexec")
        for destination, source in secret_files.mounts(definition, f"{host.run}/secrets").items()
    ]
    taken = {entry["destination"] for entry in user}
    user += [entry for entry in _chroots(definition, host) if entry["destination"] not in taken]
    engine = [
        entry
        for entry in _defaults(definition, host, systemd) + _files(definition, host)
        if entry["destination"] not in taken
    ]
    return engine + sorted(user, key=lambda entry: entry["destination"].count("/"))


def _mount(destination: str, kind: str, source: str, *options: str | None) -> MountEntry:
    return {
        "destination": destination,
        "type": kind,
        "source": source,
        "options": [option for option in options if option],
    }


def _defaults(definition: Definition, host: Surroundings, systemd: bool) -> list[MountEntry]:
    read_only = "rw" if definition.get("privileged") else "ro"
    if definition.get("pid_mode") == "host":
        proc = _mount("/proc", "bind", "/proc", "rbind", "nosuid", "noexec", "nodev")
    else:
        proc = _mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev")
    found = [
        proc,
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5" if (host.highest_gid() or 0) >= 5 else None,
        ),
        _sys(definition, read_only),
        # cgroup2: on a host that has both versions, systemd gets its groups of version 2 alone, which
        # every version of it knows, and none of the controllers.
        _mount("/sys/fs/cgroup", "cgroup2", "cgroup", "rw", "nosuid", "noexec", "nodev")
        if systemd
        else _mount("/sys/fs/cgroup", "cgroup", "cgroup", read_only, "nosuid", "noexec", "nodev"),
    ]
    return found + (_of_systemd() if systemd else []) + _ipc(definition, host)


def _of_systemd() -> list[MountEntry]:
    """Make what systemd expects to be there anew at each start, with the image's files in it."""
    options = ("nosuid", "nodev", "strictatime", "tmpcopyup")
    return [
        _mount("/run", "tmpfs", "tmpfs", *options, "mode=755"),
        _mount("/run/lock", "tmpfs", "tmpfs", "nosuid", "nodev", "noexec", "mode=1777"),
        _mount("/tmp", "tmpfs", "tmpfs", *options, "mode=1777"),
    ]


def _sys(definition: Definition, read_only: str) -> MountEntry:
    if (definition.get("network_mode") or "").startswith("host"):
        # sysfs shows the network namespace that it is mounted in, and only the owner of that may
        # mount it: show the host's.
        return _mount("/sys", "bind", "/sys", "rbind", read_only, "nosuid", "noexec", "nodev")
    return _mount("/sys", "sysfs", "sysfs", read_only, "nosuid", "noexec", "nodev")


def _ipc(definition: Definition, host: Surroundings) -> list[MountEntry]:
    """Make /dev/shm and /dev/mqueue by ipc_mode: a container's own, the host's, another
    container's, or none.
    """
    mode = definition.get("ipc_mode", "private")
    if mode == "none":
        return []
    queues = _mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
    if mode == "host":
        places = [place for place in ("/dev/mqueue", "/dev/shm") if os.path.isdir(place)]
        return [_bound(place, place) for place in places]
    if mode.startswith("container:"):
        return [queues, _bound("/dev/shm", shared_memory(host.joins["ipc"], host.run))]
    if mode == "shareable":
        return [queues, _bound("/dev/shm", os.path.join(host.run, "shm"))]
    size = f"size={definition.get('shm_size', 64 << 20)}"
    own = _mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", size)
    return [queues, own]


def _bound(destination: str, source: str) -> MountEntry:
    return _mount(destination, "bind", source, "rbind", "nosuid", "noexec", "nodev")


def shared_memory(other: str, run: str) -> str:
    """Return where the shareable /dev/shm of container ``other`` lies.

    :param run: any container's directory of this boot.
    """
    return os.path.join(os.path.dirname(run), other, "shm")


def _files(definition: Definition, host: Surroundings) -> list[MountEntry]:
    """Mount hosts, hostname and resolv.conf; those of the other container where its network is
    joined. Its time zone, too, where it has one.
    """
    files = {**FILES, "/etc/localtime": ZONE} if definition.get("timezone") else FILES
    found = _bound_files(files, host)
    if definition.get("sdnotify") == "container":
        source = os.path.join(host.run, NOTIFY)
        found.append(
            _mount(NOTIFY_PLACE, "bind", source, "bind", "ro", "nosuid", "nodev", "noexec")
        )
    return found


def _chroots(definition: Definition, host: Surroundings) -> list[MountEntry]:
    """Mount the same files below the directories that the process uses as roots."""
    roots = [root.rstrip("/") for root in definition.get("chrootdirs", "").split(",") if root]
    return _bound_files(
        {root + destination: name for root in roots for destination, name in FILES.items()}, host
    )


def _bound_files(files: dict[str, str], host: Surroundings) -> list[MountEntry]:
    found: list[MountEntry] = []
    for destination, name in sorted(files.items()):
        directory = host.directory
        if "network" in host.joins and name not in ("hostname", ZONE):
            directory = os.path.join(os.path.dirname(host.directory), host.joins["network"])
        found.append(
            _mount(
                destination,
                "bind",
                os.path.join(directory, name),
                "rbind",
                "rprivate",
                "idmap" if host.maps else None,
            )
        )
    return found


def _user(entry: Mount, host: Surroundings) -> MountEntry:
    if entry["type"] == "tmpfs" and entry.get("tmpfs_options"):
        return _tmpfs(storage.tmpfs(mount_options.tmpfs_text(entry), "mounts"))
    if entry["type"] == "tmpfs":
        return _mount(
            entry["target"],
            "tmpfs",
            "tmpfs",
            "noexec",
            "nosuid",
            "nodev",
            "ro" if entry["read_only"] else None,
            f"size={entry['tmpfs_size']}" if entry["tmpfs_size"] else None,
            f"mode={entry['tmpfs_mode'] or '1777'}",
        )
    if entry["type"] == "image":
        return _mount(
            entry["target"],
            "bind",
            image_place(host.directory, host.mounts, entry),
            "bind",
            "ro" if entry["read_only"] else "rw",
            "rprivate",
            "idmap" if host.maps else None,
        )
    recursive = "" if entry.get("non_recursive") else "r"
    return _mount(
        entry["target"],
        "bind",
        os.path.join(entry["source"], entry.get("subpath", "")).rstrip("/") or "/",
        recursive + "bind",
        "ro" if entry["read_only"] else "rw",
        "rro" if recursive and _all_read_only(entry, host) else None,
        entry["propagation"] or "rprivate",
        recursive + "idmap" if host.maps else None,
        f"{BENEATH}={entry['source']}" if entry.get("subpath") else None,
    )


def image_place(directory: str, mounts: Iterable[Mount], entry: Mount) -> str:
    """Return a container's own directory for one of the images that it mounts.

    :param directory: the container's. :param mounts: all of its mounts.
    """
    targets = [other["target"] for other in mounts if other["type"] == "image"]
    return os.path.join(directory, IMAGES, str(targets.index(entry["target"])))


def _all_read_only(entry: Mount, host: Surroundings) -> bool:
    """Tell whether what is mounted below a source is read-only too, as in Docker from 25 on."""
    return (
        entry["read_only"]
        and not entry.get("read_only_non_recursive")
        and host.kernel >= ALL_READ_ONLY
    )


def _tmpfs(entry: str) -> MountEntry:
    target, _colon, text = entry.partition(":")
    options = text.split(",")
    if not any(option.startswith("mode=") for option in options):
        options.append("mode=1777")
    return _mount(target, "tmpfs", "tmpfs", *options)


def root_propagation(user_mounts: Iterable[Mount]) -> str:
    """Return what the root must be for the user's mounts to propagate.

    It is shared above shared ones, slave above slave ones (mount_namespaces(7)).
    """
    asked = {entry.get("propagation", "").lstrip("r") for entry in user_mounts}
    return "rshared" if "shared" in asked else "rslave" if "slave" in asked else "rprivate"
