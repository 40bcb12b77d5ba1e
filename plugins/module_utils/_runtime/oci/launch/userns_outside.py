# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process in a user namespace of its own can't make itself, made outside and handed to it.

Such a process has all rights over its own namespaces, and none over the host. So the maker, while
the process waits,
    writes the namespace's maps,
    opens what is bind-mounted, with its owners mapped by the container's own namespace,
    makes /dev with its nodes, because mknod(2) works in the host's namespace only,
    opens the host's sysfs, procfs and mqueue where the container has not the namespace that they
    show (only its owner may mount them),
    sets what needs the host's rights: oom_score_adj, scheduling, higher rlimits,
    gives the standard streams to the container's user.
What is made before clone3 the process has by being forked. The rest goes over the channel by
SCM_RIGHTS; userns_inside.py is the other side.
"""

from __future__ import annotations

import _struct as struct
import os

from ...errors import ContainerFailed, Unsupported, reason, required
from ...kernel.calls import constants as c
from ...kernel.calls import fds, fork, syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts, userns
from ..spec import devices, id_maps
from ..spec import mount_entries as mounting
from . import bind_sources, channel, terminal, userns_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Sequence

    from ..spec.devices import Node
    from ..spec.id_maps import Maps
    from ..spec.program import Program
    from .child import FirstProcess
    from .clone import Clone
    from .launch import Launch
    from .steps import Steps

# File systems that show a namespace -> (its type, where the host has them)
_OF_NAMESPACES = {
    "sysfs": ("network", "/sys"),
    "proc": ("pid", "/proc"),
    "mqueue": ("ipc", "/dev/mqueue"),
}


class UserNamespace:
    """The container has a user namespace of its own, or another container's.

    Its methods are rights.Direct's.

    :ivar maps: the ids of it.
    :ivar fd: a descriptor of it, once it is there.
    """

    attended = True

    def __init__(self, maps: Maps):
        self.maps = maps
        self.fd: int | None = None

    # -------------------------------------------------------------------------------------- outside

    def check(self, program: Program) -> None:
        """See that the program's user exists, where it is given by its number."""
        if program.user is None and not program.groups:
            self.maps.check_user(program.uid, program.gid, program.additional)

    def copies_later(self) -> bool:
        """Return False: the process may not go to the host's mount namespace."""
        return False

    def looks_within(self, mount: mounting.Mount) -> bool:
        """A process in a user namespace may not map owners: such a source is the host's, without
        what is mounted in the root.
        """
        return not mount.mapped

    def maps_afterwards(self, mount: mounting.Mount) -> bool:
        """Whether it is the container's own namespace that maps the mount's owners, and that is not
        there yet.
        """
        return self.fd is None and mount.mapped_by_container()

    def exist(self, launch: Launch) -> None:
        """Open the namespace, or make it, before there is a process."""
        if self.maps.path:
            self.fd = os.open(self.maps.path, os.O_RDONLY | os.O_CLOEXEC)
        else:
            self.fd = userns.namespace(self.maps.uids, self.maps.gids)
        prepare(launch, self.maps)

    def open_files(self, launch: Launch) -> None:
        """Open what is bind-mounted but for what the namespace maps: that, and the root, come with
        it.
        """
        bind_sources.find_all(launch)
        prepare(launch, self.maps)

    def fork(self, clone: Clone, flags: int) -> tuple[int, int]:
        """Make the container's process.

        Other namespaces that are joined are joined before, with the host's rights, which the new
        user namespace has not.
        """
        joined = clone.launch.joined
        kinds = [kind for kind in namespaces.TYPES if kind in joined and kind != "user"]
        if "user" in joined:
            return _fork_inside(joined, flags, kinds)
        homes = {kind: namespaces.open_namespace("self", kind) for kind in kinds}
        pid = -1
        try:
            for kind in kinds:
                namespaces.join(joined[kind], kind)
            pid, pidfd = clone.clone3(flags)
            return pid, pidfd
        finally:
            for kind, fd in homes.items():
                if pid != 0:
                    namespaces.join(fd, kind)
                os.close(fd)

    def furnish(self, launch: Launch, outside: _socket.socket) -> None:
        """Write the maps, make what is mapped by the new namespace, and send it."""
        if self.maps.path is None:
            userns.write(launch.pid, self.maps.uids, self.maps.gids)
        self.fd = userns.open_of(launch.pid)
        launch.root_fd = launch.site.open_root(launch)
        found = [(userns_inside.ROOT, launch.root_fd)]
        spaces = id_maps.Namespaces(self.maps, self.fd)
        for number, mount in enumerate(launch.mounts):
            if isinstance(mount, mounting.Mount) and mount.bind and mount.mapped_by_container():
                open_image = launch.site.image_of(launch, mount)
                if open_image is not None:
                    mount.fd = open_image()
                else:
                    bind_sources.find(mount, spaces)
                found.append((number, required(mount.fd, f"mount {mount.destination}: the copy")))
        _send(outside, found)

    def grant(self, launch: Launch) -> None:
        """Give the process what needs the host's rights over it, and is not lost by what it does
        until its program runs.
        """
        program = launch.program
        program.set_oom_score(launch.warnings.append, launch.pid)
        program.scheduling.apply(launch.pid)
        for resource, _soft, hard in program.limits:
            try:
                soft, most = syscalls.prlimit(launch.pid, resource)
                if most != -1 and hard > most:
                    syscalls.prlimit(launch.pid, resource, soft, -1 if hard >= 2**64 - 1 else hard)
            except OSError:
                pass  # the process itself says what it gets

    def own_streams(self, descriptors: Sequence[int], uid: int, gid: int) -> None:
        """Give FIFOs and terminals to the container's user; closes the descriptors."""
        for fd in descriptors:
            terminal.own_one(fd, self.maps.uid(uid), self.maps.gid(gid))
            os.close(fd)

    def owners(self) -> tuple[int, int, int] | None:
        """Return what maps the owners of the root's files: the namespace's descriptor, and the
        host's ids of its root.
        """
        return (required(self.fd, "the user namespace"), *self.maps.host_root())

    def close(self) -> None:
        """Close the namespace's descriptor."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    # --------------------------------------------------------------------------------------- inside

    def receive(self, process: FirstProcess) -> Steps:
        """Take what ``furnish`` has sent."""
        yield (
            "take the root and the mounts that its maker has made",
            lambda: userns_inside.receive(process.launch, process.inside),
        )

    def attach_root(self, root_fd: int, place: str) -> None:
        """Attach the root where the host has it.

        A process in a user namespace may not come that far; on top of the host's root directory is
        as good for itself.
        """
        try:
            mounts.attach_root(root_fd, place)
        except PermissionError:
            mounts.attach_root(root_fd, "/")

    def join(self, process: FirstProcess) -> Steps:
        """Do nothing: the namespaces were joined before it was made, and its maker sets its
        oom_score_adj.
        """
        yield from ()

    def become_root(self, process: FirstProcess) -> Steps:
        """Become the namespace's root, whose files these are from now on."""
        keep_groups = process.program.additional is None
        yield (
            "become the root of its user namespace",
            lambda: userns_inside.become_root(self.maps, keep_groups),
        )

    def make_nodes(self, launch: Launch, root_fd: int) -> None:
        """Do nothing: the maker has made the nodes."""

    def hand_streams(self, process: FirstProcess) -> Steps:
        """Have the maker give the streams to the program's user."""
        program = process.program
        yield (
            "see that its user is in the user namespace",
            lambda: self.maps.check_user(program.uid, program.gid, program.additional),
        )
        yield (
            "have its maker give the streams to its user",
            lambda: userns_inside.hand_streams(process.inside, program, process.streams),
        )

    def schedule(self, process: FirstProcess) -> Steps:
        """Do nothing: the maker does it (``grant``)."""
        yield from ()


def _fork_inside(joined: dict[str, int], flags: int, kinds: Iterable[str]) -> tuple[int, int]:
    """Fork by a helper, because nobody comes back from a user namespace: it joins, and makes the
    process as its own parent's child.
    """
    ours, theirs = channel.pair()
    helper, helper_fd = syscalls.clone3(0)
    if helper == 0:
        ours.close()
        pid, answer, sent = _join_and_fork(joined, flags, kinds)
        if pid == 0:
            theirs.close()
            return 0, -1
        fork.end(lambda: fds.send(theirs, answer, sent))  # nobody looks at its status
    theirs.close()
    data, found = fds.receive(ours, 4096, 1)
    ours.close()
    os.waitid(os.P_PIDFD, helper_fd, os.WEXITED)
    os.close(helper_fd)
    if not found:
        raise ContainerFailed(
            f"the container's namespaces can't be joined: {data.decode('utf-8', 'replace')}"
        )
    return int(data), found[0]


def _join_and_fork(
    joined: dict[str, int], flags: int, kinds: Iterable[str]
) -> tuple[int, bytes, list[int]]:
    """In the helper: join, and fork the process.

    Return its pid (0 in itself, -1 where it can't be), and what the maker is told: the pid and its
    pidfd, or why not.
    """
    try:
        for kind in [*kinds, "user"]:
            namespaces.join(joined[kind], kind)
        pid, pidfd = syscalls.clone3(flags | c.CLONE_PARENT, 0)
        return pid, b"%d" % pid, [pidfd]
    except BaseException as error:  # pylint: disable=broad-except # it must not return into the maker's code
        return -1, reason(error).encode("utf-8", "replace"), []


def _send(outside: _socket.socket, found: list[tuple[int, int]]) -> None:
    """Send descriptors with their numbers, in as many messages as it takes."""
    while found:
        now, found = found[: userns_inside.AT_ONCE], found[userns_inside.AT_ONCE :]
        numbers = [number for number, _fd in now]
        head = struct.pack(f"=c?{len(now)}i", b"u", bool(found), *numbers)
        fds.send(outside, head, [fd for _number, fd in now])


def prepare(launch: Launch, maps: Maps) -> None:
    """Make what can be made before there is a process."""
    open_substitutes(launch)
    _make_dev(launch, maps)
    _delegate(launch, maps)


def open_substitutes(launch: Launch) -> None:
    """Open the host's file systems for those whose namespace is the host's; of a read-only one what
    is mounted in it is read-only as well.
    """
    for mount in launch.mounts:
        if not isinstance(mount, mounting.Mount) or mount.bind:
            continue
        kind, place = _OF_NAMESPACES.get(mount.type, ("", ""))
        if not kind or launch.document.private(kind) or not os.path.isdir(place):
            continue
        mount.substitute = mounts.bind(place)
        if mount.attributes & c.MOUNT_ATTR_RDONLY:
            try:
                mounts.set_attributes(mount.substitute, c.MOUNT_ATTR_RDONLY, recursive=True)
            except Unsupported:  # before Linux 5.12: then without what is mounted in it
                os.close(mount.substitute)
                mount.substitute = mounts.bind(place, recursive=False)


def _make_dev(launch: Launch, maps: Maps) -> None:
    """Make the tmpfs at /dev with the nodes below it; ``launch.nodes`` gets those elsewhere, each
    as a mount of the host's node.
    """
    dev = next((mount for mount in launch.mounts if mount.destination.rstrip("/") == "/dev"), None)
    elsewhere = launch.devices
    if isinstance(dev, mounting.Mount) and not dev.bind and dev.type == "tmpfs":
        uid, gid = maps.host_root()
        _make_dev_fs(dev, maps)
        fd = required(dev.fd, "the file system of /dev")
        below = [node for node in launch.devices if node[0].startswith("/dev/")]
        before = os.umask(0)
        try:
            with userns.as_owner(uid, gid):
                refused = devices.make(
                    fd,
                    [(node[0][len("/dev") :], *node[1:5], *_owner(maps, node)) for node in below],
                )
        finally:
            os.umask(before)
        if not refused:  # all are where the maker is itself in a user namespace
            elsewhere = [node for node in launch.devices if node not in below]
    elif dev is not None and dev.bind:
        return
    launch.nodes = [(node[0], devices.of_host(node)) for node in elsewhere]


def _make_dev_fs(dev: mounting.Mount, maps: Maps) -> None:
    """Make the tmpfs, whose owner is the container's root unless it has another one."""
    uid, gid = maps.host_root()
    given_uid, given_gid = dev.data.get("uid"), dev.data.get("gid")
    try:
        data = {
            **dev.data,
            "uid": maps.uid(int(given_uid)) if given_uid else uid,
            "gid": maps.gid(int(given_gid)) if given_gid else gid,
        }
    except ValueError:
        raise ContainerFailed(f"mount {dev.destination}: uid and gid must be numbers") from None
    dev.fd = mounts.new_fs(dev.type, data, dev.attributes, dev.source or None)


def _owner(maps: Maps, node: Node) -> tuple[int, int]:
    uid, gid = maps.uid(node[5]), maps.gid(node[6])
    root = maps.host_root()
    return root[0] if uid is None else uid, root[1] if gid is None else gid


def _delegate(launch: Launch, maps: Maps) -> None:
    """Give the container its group of cgroup v2 to divide, where it can write to it
    (config-linux.md, "Cgroup ownership").
    """
    mount = next(
        (mount.mount for mount in launch.mounts if isinstance(mount, mounting.CgroupMount)), None
    )
    if (
        mount is None
        or mount.attributes & c.MOUNT_ATTR_RDONLY
        or not launch.document.private("cgroup")
    ):
        return
    owner = maps.uid((launch.document.process.get("user") or {}).get("uid", 0))
    if owner is not None:
        launch.group.chown(owner, beside_v1=mount.type == "cgroup2")
