# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process in a user namespace of its own can't make itself, made outside and handed to it.

Such a process has all rights over its own namespaces, and none over the host. So the maker, while the process waits,
    writes the namespace's maps,
    opens what is bind-mounted, with its owners mapped by the container's own namespace,
    makes /dev with its nodes, because mknod(2) works in the host's namespace only,
    opens the host's sysfs, procfs and mqueue where the container has not the namespace that they show (only its owner may mount them),
    sets what needs the host's rights: oom_score_adj, scheduling, higher rlimits,
    gives the standard streams to the container's user.
What is made before clone3 the process has by being forked. The rest goes over the channel by SCM_RIGHTS; userns_inside.py is the other side.
"""

from __future__ import annotations

import _struct as struct
import os

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.calls import constants as c
from ...kernel.calls import fds as descriptors
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts, userns
from ..spec import devices, id_maps
from ..spec import mounts as mounting
from . import bind_sources, channel, child, terminal, userns_inside

# File systems that show a namespace -> (its type, where the host has them)
_OF_NAMESPACES = {
    "sysfs": ("network", "/sys"),
    "proc": ("pid", "/proc"),
    "mqueue": ("ipc", "/dev/mqueue"),
}


def fork(launch, flags):
    """clone3 for a container with a user namespace: ``(pid, pidfd)``.

    Other namespaces that are joined are joined before, with the host's rights, which the new user namespace has not.
    """
    kinds = [kind for kind in namespaces.TYPES if kind in launch.joined and kind != "user"]
    if "user" in launch.joined:
        return _fork_inside(launch, flags, kinds)
    homes, pid = {kind: namespaces.open_namespace("self", kind) for kind in kinds}, -1
    try:
        for kind in kinds:
            namespaces.join(launch.joined[kind], kind)
        pid, pidfd = launch.clone3(flags)
        return pid, pidfd
    finally:
        for kind, fd in homes.items():
            if pid != 0:
                namespaces.join(fd, kind)
            os.close(fd)


def _fork_inside(launch, flags, kinds):
    """By a helper, because nobody comes back from a user namespace: it joins, and makes the process as its own parent's child."""
    ours, theirs = channel.pair()
    helper, helper_fd = syscalls.clone3(0)
    if helper == 0:
        ours.close()
        answer, sent, pid = b"", (), -1
        try:
            for kind in kinds + ["user"]:
                namespaces.join(launch.joined[kind], kind)
            pid, pidfd = syscalls.clone3(flags | c.CLONE_PARENT, 0)
            answer, sent = b"%d" % pid, (pidfd,)
        except BaseException as error:  # pylint: disable=broad-except # it must not return into the maker's code
            answer = reason(error).encode("utf-8", "replace")
        if pid != 0:
            descriptors.send(theirs, answer, sent)
            os._exit(0)
        theirs.close()
        return 0, -1
    theirs.close()
    data, received = descriptors.receive(ours, 4096, 1)
    ours.close()
    os.waitid(os.P_PIDFD, helper_fd, os.WEXITED)
    os.close(helper_fd)
    if not received:
        raise ContainerFailed(
            f"the container's namespaces can't be joined: {data.decode('utf-8', 'replace')}"
        )
    return int(data), received[0]


def prepare(launch):
    """What can be made before there is a process."""
    open_substitutes(launch)
    _make_dev(launch)
    _delegate(launch)


def furnish(launch, outside):
    """Write the maps, make what is mapped by the new namespace, and send it."""
    if launch.maps.path is None:
        userns.write(launch.pid, launch.maps.uids, launch.maps.gids)
    launch.userns_fd = userns.open_of(launch.pid)
    launch.root_fd = launch.open_root()
    numbers, fds, spaces = (
        [userns_inside.ROOT],
        [launch.root_fd],
        id_maps.Namespaces(launch.maps, launch.userns_fd),
    )
    for number, mount in enumerate(launch.mounts):
        if (
            not isinstance(mount, mounting.CgroupMount)
            and mount.bind
            and mount.mapped_by_container()
        ):
            bind_sources.find(mount, spaces)
            numbers.append(number)
            fds.append(mount.fd)
    while fds:
        size = min(len(fds), userns_inside.AT_ONCE)
        word = struct.pack("=c?%di" % size, b"u", size < len(fds), *numbers[:size])
        descriptors.send(outside, word, fds[:size])
        del fds[:size], numbers[:size]


def open_substitutes(launch):
    """Of the host, for file systems whose namespace is the host's; of a read-only one what is mounted in it is read-only as well."""
    for mount in launch.mounts:
        kind, place = (
            _OF_NAMESPACES.get(mount.type, (None, None)) if not mount.bind else (None, None)
        )
        if kind and not launch.document.private(kind) and os.path.isdir(place):
            mount.substitute = mounts.bind(place)
            if mount.attributes & c.MOUNT_ATTR_RDONLY:
                try:
                    mounts.set_attributes(mount.substitute, c.MOUNT_ATTR_RDONLY, recursive=True)
                except Unsupported:  # before Linux 5.12: then without what is mounted in it
                    os.close(mount.substitute)
                    mount.substitute = mounts.bind(place, recursive=False)


def _make_dev(launch):
    """The tmpfs at /dev with the nodes below it; ``launch.nodes`` gets those elsewhere, each as a mount of the host's node."""
    dev = next((mount for mount in launch.mounts if mount.destination.rstrip("/") == "/dev"), None)
    elsewhere = launch.devices
    if dev is not None and not dev.bind and dev.type == "tmpfs":
        uid, gid = launch.maps.host_root()
        data = dict({"uid": 0, "gid": 0}, **dev.data)
        try:
            data.update(
                uid=uid if not dev.data.get("uid") else launch.maps.uid(int(dev.data["uid"])),
                gid=gid if not dev.data.get("gid") else launch.maps.gid(int(dev.data["gid"])),
            )
        except ValueError:
            raise ContainerFailed(f"mount {dev.destination}: uid and gid must be numbers") from None
        dev.fd = mounts.new_fs(dev.type, data, dev.attributes, dev.source or None)
        below = [node for node in launch.devices if node[0].startswith("/dev/")]
        before = os.umask(0)
        try:
            with userns.as_owner(uid, gid):
                refused = devices.make(
                    dev.fd,
                    [
                        (node[0][len("/dev") :], *node[1:5], *_owner(launch.maps, node))
                        for node in below
                    ],
                )
        finally:
            os.umask(before)
        if not refused:  # all are where the maker is itself in a user namespace
            elsewhere = [node for node in launch.devices if node not in below]
    elif dev is not None and dev.bind:
        return
    launch.nodes = [(node[0], devices.of_host(node)) for node in elsewhere]


def _owner(maps, node):
    uid, gid = maps.uid(node[5]), maps.gid(node[6])
    root = maps.host_root()
    return root[0] if uid is None else uid, root[1] if gid is None else gid


def _delegate(launch):
    """On cgroup v2 its group is the container's to divide, where it can write to it (config-linux.md, "Cgroup ownership")."""
    mount = next(
        (mount.mount for mount in launch.mounts if isinstance(mount, mounting.CgroupMount)), None
    )
    if (
        mount is None
        or mount.attributes & c.MOUNT_ATTR_RDONLY
        or not launch.document.private("cgroup")
    ):
        return
    launch.group.chown(launch.maps.uid((launch.document.process.get("user") or {}).get("uid", 0)))


def grant(launch):
    """What needs the host's rights over the process, and is not lost by what it does until its program runs."""
    program = launch.program
    child.set_oom_score(program, launch.warnings.append, launch.pid)
    program.scheduling.apply(launch.pid)
    for resource, _soft, hard in program.limits:
        try:
            soft, most = syscalls.prlimit(launch.pid, resource)
            if most != -1 and hard > most:
                syscalls.prlimit(launch.pid, resource, soft, -1 if hard >= 2**64 - 1 else hard)
        except OSError:
            pass  # the process itself says what it gets


def own_streams(maps, descriptors, uid, gid):
    """Give FIFOs and terminals to the container's user; closes the descriptors."""
    for fd in descriptors:
        terminal.own_one(fd, maps.uid(uid), maps.gid(gid))
        os.close(fd)
