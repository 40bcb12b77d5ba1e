# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the host a container is shown by bind mounts: found by the maker, before there is a
process, and copied for it.

The copy is made in the host's mount namespace, so that its propagation is the host's own. Since
Linux 6.8 mountinfo lists mounts in the order in which they were made, and the specification wants
them in the document's. So it is the container's process that makes the copy, when it is that
mount's turn, going to the host's mount namespace for a moment: 5 us, however many follow one
another. A process in a user namespace can't go there. Its copies are made before, and where the
order is asked for replaced by copies of themselves (mounts.attach), which costs 30 us each.
"""

from __future__ import annotations

import errno
import os

from ...errors import ContainerFailed, Unsupported, reason, required
from ...kernel import cgroups
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import capabilities, namespaces
from ...kernel.mounts import mounts, rootfs
from ...kernel.processes import procfs
from ..spec.mount_entries import CgroupMount, Mount
from .channel import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..spec.id_maps import Namespaces
    from ..spec.mount_entries import AnyMount
    from .launch import Launch

ORDER_SHOWS = (6, 8)  # Linux: mountinfo in the order of making


def find_all(launch: Launch, later: bool = False) -> None:
    """Find what the bind mounts of a launch show, but for what comes later: its groups, and what
    its user namespace maps.

    :param later: see ``find``.
    """
    spaces = None
    if any(isinstance(mount, Mount) and mount.mapped for mount in launch.mounts):
        from ..spec import id_maps  # few mounts map owners

        spaces = id_maps.Namespaces(launch.rights.maps, launch.rights.fd)
    try:
        for mount in launch.mounts:
            if isinstance(mount, CgroupMount):
                _find_groups(mount, launch, later)
            elif mount.bind:
                _find_one(mount, launch, spaces, later)
        if any(
            mount.waits() or (isinstance(mount, CgroupMount) and launch.group.later)
            for mount in launch.mounts
        ):
            launch.host_mounts = namespaces.open_namespace("self", "mount")
    finally:
        if spaces is not None:
            spaces.close()


def _find_groups(mount: CgroupMount, launch: Launch, later: bool) -> None:
    if launch.group.later:  # the process takes it from its maker
        return
    if not launch.group.paths:  # shown are its maker's
        mount.mount.attributes |= c.MOUNT_ATTR_RDONLY
    mount.find(launch.group.shown(), cgroups.mode() == "v2", later, cgroups.unified())


def _find_one(mount: Mount, launch: Launch, spaces: Namespaces | None, later: bool) -> None:
    open_image = launch.site.image_of(launch, mount)
    if open_image is not None:
        if not launch.rights.maps_afterwards(mount):
            mount.fd = open_image()
        return
    source = mount.source = os.path.join(launch.site.bundle, _source(mount))
    if launch.rights.looks_within(mount):
        mount.within = launch.site.within(source)
    if mount.within and mount.mapped:
        mount.owners = os.dup(owners(mount, spaces))
    if not mount.within and not launch.rights.maps_afterwards(mount):
        find(mount, spaces, later)


def find(mount: Mount, spaces: Namespaces | None, later: bool = False) -> None:
    """Open what a bind shows, with its owners mapped where that is asked for.

    :param spaces: the start's id_maps.Namespaces, for a mount whose owners are mapped.
    :param later: only find it, ``copy`` follows in the container's process; ``mount.place`` then is
        open on it, else ``mount.fd`` on a copy.
    :raises ContainerFailed: when it is not there, or its ids can't be mapped.
    """
    source, follow = _source(mount), "src-nofollow" not in mount.words
    try:
        if mount.beneath is not None:
            _find_beneath(mount, mount.beneath, source, later)
        elif "copy-symlink" in mount.words and os.path.islink(source):
            mount.link = os.readlink(source)
        elif later and not mount.mapped:
            mount.place = mounts.place(source, follow)
        else:
            mount.fd = mounts.bind(source, mount.recursive_bind, follow)
    except OSError as error:
        raise ContainerFailed(_sentence(mount, error)) from None
    if mount.mapped and mount.link is None:
        _map_ids(mount, owners(mount, spaces))


def _find_beneath(mount: Mount, directory: str, source: str, later: bool) -> None:
    """Find a source below a directory whose files are the container's: their links lead nowhere
    else.
    """
    base = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        place = rootfs.open_in_root(base, os.path.relpath(source, directory), os.O_PATH)
    finally:
        os.close(base)
    if later and not mount.mapped:
        mount.place = place
        return
    try:
        mount.fd = mounts.bind(place, mount.recursive_bind)
    finally:
        os.close(place)


def _source(mount: Mount) -> str:
    """Return what a bind mount shows: its document was refused if it named nothing."""
    return required(mount.source, f"mount {mount.destination}: the source")


def _sentence(mount: AnyMount, error: OSError) -> str:
    return f"mount {mount.destination}: can't bind {mount.source} of the host: {reason(error, named=True)}"


def owners(mount: Mount, spaces: Namespaces | None) -> int:
    """Return a descriptor, of ``spaces``, of the user namespace that is to map a mount's files.

    :raises Unsupported: there is none.
    """
    found = spaces.fd(mount.map) if spaces is not None else None
    if found is None:
        raise Unsupported(
            f"mount {mount.destination}: idmap needs uidMappings and gidMappings, because the "
            "container has no user namespace"
        )
    return found


def _map_ids(mount: Mount, userns_fd: int) -> None:
    try:
        fd = required(mount.fd, f"mount {mount.destination}: the copy")
        mounts.set_attributes(fd, recursive=mount.recursive_map, userns_fd=userns_fd)
    except OSError as error:
        reasons = {
            errno.EINVAL: "its file system does not have that",
            errno.EPERM: "they are already",
        }
        raise ContainerFailed(
            f"mount {mount.destination}: the ids of {mount.source} of the host can't be mapped: "
            f"{reasons.get(error.errno or 0) or reason(error, named=True)}"
        ) from None


def copy_within(mount: Mount, root_fd: int) -> None:
    """Make the copy of what a mount shows of the container's own root (``mount.within``), as that
    is by now, with its owners mapped by ``mount.owners``.
    """
    within = required(mount.within, f"mount {mount.destination}: the source")
    place = rootfs.open_in_root(
        root_fd, within, os.O_PATH | (os.O_NOFOLLOW if "src-nofollow" in mount.words else 0)
    )
    try:
        mount.fd = mounts.bind(place, mount.recursive_bind)
    finally:
        os.close(place)
    if mount.owners is not None:
        _map_ids(mount, mount.owners)


def can_be_copied_later() -> bool:
    """Whether the container's process may go to this one's mount namespace (setns(2))."""
    return bool(syscalls.capget()[0] & capabilities.mask(("CAP_SYS_CHROOT",)))


class Order:
    """In the container's process: the mounts of ``launch`` as they come, each to be made at its
    turn.

    :ivar early: whether each was made before its turn.
    :ivar passed: whether the order is not asked for any more, or not seen.
    :ivar inside: whether one was made in this process.
    """

    def __init__(self, launch: Launch):
        self.launch = launch
        self.early = [mount.given() for mount in launch.mounts]
        self.passed = not launch.site.in_order or procfs.kernel_version() < ORDER_SHOWS
        self.inside = False

    def come(self, number: int) -> bool:
        """Have ready what mount ``number`` shows.

        Returns whether it has to be made anew when it is attached.
        """
        mount = self.launch.mounts[number]
        if isinstance(mount, Mount) and mount.bind and mount.within:
            copy_within(mount, self.launch.root_fd)
        if mount.waits():
            following = self.launch.mounts[number:]
            end = next(
                (index for index, other in enumerate(following) if not other.waits()),
                len(following),
            )
            _copy(following[:end], self.launch)
        anew = self.early[number] and self.inside and not self.passed
        self.inside = self.inside or not self.early[number]
        self.passed = (
            self.passed or mount.shared()
        )  # in a place that others have too it would come, go and come
        return anew


def _copy(run: Sequence[AnyMount], launch: Launch) -> None:
    """Make the copies that these mounts wait for.

    Root and working directory, which a change of the mount namespace moves, are put back.
    """
    host = required(launch.host_mounts, "the host's mount namespace")
    home = launch.joined.get("mount")
    own = namespaces.open_namespace("self", "mount") if home is None else home
    root, directory = (os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in "/.")
    try:
        namespaces.join(host, "mount")
        try:
            for mount in run:
                mount.copy()
        except OSError as error:
            raise Failure(_sentence(mount, error)) from None
        finally:
            namespaces.join(own, "mount")
            os.fchdir(root)
            os.chroot(".")
            os.fchdir(directory)
    finally:
        for fd in {root, directory, own} - {home}:
            os.close(fd)
