# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's process 1 made by CRIU from what criu_dump.py has written, in place of
oci/launch/clone.py's: cgroup, limits, root and what of the host it uses are made as at a start,
CRIU makes namespaces, mounts and processes.

What CRIU is to mount lies in a mount namespace of its process's own, so that nothing of it is left
on the host, whoever is killed. Its working directory must be of that namespace as well, and it is
this process that opens it, so this one goes there for a while.
    <place>/root    the root file system
    <place>/m/<n>   the mounts of files of the host's, in the order of the record
    <place>/images  what was saved, for a container with a user namespace
"""

from __future__ import annotations

import contextlib
import os
import stat

from ...errors import ContainerFailed, InvalidInput, Unsupported, reason
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import mounts, rootfs
from ...kernel.net import loopback
from ...kernel.processes import pidfd, procfs
from ..launch import bind_sources
from ..launch.steps import perform
from ..spec import devices
from ..spec import mount_entries as mounting
from . import criu, criu_dump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..launch.launch import Launch

LOG = "restore.log"
# A directory that everybody comes to, processes in the container's user namespace too; it is
# covered in CRIU's mount namespace.
PLACE = next(
    (path for path in ("/mnt", "/media") if os.path.isdir(path) and not os.path.islink(path)),
    "/tmp",
)


class Restore:
    """The origin (oci/launch) of a process 1 that CRIU makes.

    :param images: the directory of what was saved.
    :param work: the directory for CRIU's log, None for that of the images.
    :param engine: the criu.Criu.
    :param wanted: further options for it.
    :param streams: called with the Launch for what the restored process gets for the standard
        streams that it had: three descriptors of this process's.
    :param cgroups_mode: one of criu.MODES.
    """

    groups_later = False  # CRIU is told of the groups
    launch: Launch

    def __init__(
        self,
        images: str,
        work: str | None,
        engine: criu.Criu,
        wanted: Mapping[str, Any],
        streams: Callable[[Launch], tuple[int, int, int]] = lambda _launch: (0, 1, 2),
        cgroups_mode: str = "",
    ):
        self.images, self.work, self.engine, self.wanted = images, work, engine, wanted
        self.streams, self.cgroups_mode = streams, cgroups_mode

    def open_files(self, launch: Launch) -> None:
        """Open the root and what is bind-mounted, in a user namespace that is made before the
        process.
        """
        launch.rights.exist(launch)
        launch.root_fd = launch.site.open_root(launch)
        bind_sources.find_all(launch)

    def make(self, launch: Launch) -> None:
        """Have CRIU make the processes. Set the launch's pid and pidfd.

        :raises EngineError: with the sentence why not.
        """
        self.launch = launch
        record = criu_dump.read(self.images, criu_dump.RECORD) or self._record_of_others()
        inherited = self._inherited(record)
        options = self._options(record["mounts"], [key for key, _fd in inherited])
        if launch.trace is not None:
            launch.trace.tell("have CRIU make the processes")
        notices = {
            "setup-namespaces": self._set_up,
            "post-restore": self._restored,
            "orphan-pts-master": self._take_terminal,
        }
        try:
            with _Stage(self, record["mounts"]) as stage:
                self.engine.ask(
                    "RESTORE",
                    dict(options, **stage.directories.options),
                    notices,
                    handed=[fd for _key, fd in inherited],
                    before=stage.enter,
                    started=self._enter_group,
                )
        except criu.Refused as error:
            raise criu_dump.told(
                "it can't be restored", error, self.work or self.images, LOG
            ) from None
        if launch.pidfd is None:
            raise ContainerFailed("it can't be restored: its process has ended")

    def _record_of_others(self) -> dict[str, Any]:
        """Return what the record of a checkpoint would say that runc has made."""
        found = [
            mount.destination
            for mount in self.launch.mounts
            if mount.bind and not isinstance(mount, mounting.CgroupMount)
        ]
        return {"mounts": [*found, criu_dump.NULL], "files": []}

    def _options(self, mounts: list[str], inherited: list[str]) -> dict[str, Any]:
        """Return CRIU's options.

        :param mounts: keys of what is mounted from outside. :param inherited: keys of the files.
        """
        mode = self.cgroups_mode if self.launch.group.paths else "ignore"
        return dict(
            self.wanted,
            root=PLACE + "/root",
            log_level=criu.LOG_LEVEL,
            log_file=LOG,
            notify_scripts=True,
            rst_sibling=True,
            evasive_devices=True,
            orphan_pts_master=True,
            manage_cgroups=True,
            config_file=criu_dump.config_file(self.launch.document),
            empty_ns=c.CLONE_NEWNET,
            manage_cgroups_mode=criu.MODES[mode],
            external=[f"mnt[{key}]:{PLACE}/m/{number}" for number, key in enumerate(mounts)],
            inherit_fd=[
                {"key": key, "fd": criu.FIRST + number} for number, key in enumerate(inherited)
            ],
            join_ns=self._joins(),
        )

    def _joins(self) -> list[dict[str, str]]:
        document = self.launch.document
        kinds = [kind for kind in self.launch.joined if kind not in criu_dump.EXTERNAL]
        if "cgroup" in kinds:
            raise InvalidInput(
                "linux.namespaces", "cgroup", "no path of a cgroup namespace: CRIU can't join one"
            )
        return [
            {
                "ns": namespaces.TYPES[kind][1],
                "ns_file": document.namespace_path(kind, document.namespaces[kind] or ""),
            }
            for kind in kinds
        ]

    def _inherited(self, record: Mapping[str, Any]) -> list[tuple[str, int]]:
        """``[(what CRIU calls it, descriptor)]``: namespaces that are joined, and where the streams
        that the container was given lead now.

        CRIU drops a path's first letter, so by the second name of a file it finds the descriptor
        first of all and takes it as it is; by the whole name it would open the file again, and
        refuse a log that has become longer.
        """
        found = {
            criu_dump.EXTERNAL[kind]: fd
            for kind, fd in self.launch.joined.items()
            if kind in criu_dump.EXTERNAL
        }
        streams = self.streams(self.launch)
        for key, number in record["files"]:
            found[key] = found[key[1:]] = streams[number]
        for number, text in enumerate(criu_dump.read(self.images, criu_dump.STREAMS) or ()):
            if text.startswith("pipe:"):
                found.setdefault(text, streams[number])
        return list(found.items())

    def _enter_group(self, pid: int) -> dict[str, Any]:
        """Move CRIU's process into the container's cgroup, where those that it makes are then."""
        if not self.launch.group.paths:
            return {}
        self.launch.group.attach(pid)
        return {
            "cg_root": [
                {"ctrl": name, "path": path}
                for names, path in procfs.cgroups(pid).items()
                for name in names.split(",")
            ]
        }

    # ------------------------------------------------------------------------------- CRIU's notices

    def _set_up(self, pid: int, _descriptors: Sequence[int]) -> None:
        """Connect the namespaces, which are there, and empty."""
        launch = self.launch
        launch.pid = pid
        launch.site.announce(launch)
        if launch.document.private("network"):
            with _Inside(pid, "network"):
                loopback.up()
        launch.site.connect(launch)
        perform(launch.hand_over(), launch.trace)
        launch.run_runtime_hooks()

    def _restored(self, pid: int, _descriptors: Sequence[int]) -> None:
        """Take the process, of which all is there; it does not run yet."""
        launch, start = self.launch, procfs.start_time(pid)
        launch.pid = pid
        if start is not None:
            launch.pidfd = pidfd.open_process(pid, start)
        launch.site.announce(launch)

    def _take_terminal(self, _pid: int, descriptors: Sequence[int]) -> None:
        self.launch.terminal = os.dup(descriptors[0])


class _Inside:  # pylint: disable=too-few-public-methods
    """``with _Inside(pid, kind)``: this process is in that process's namespace."""

    home: int

    def __init__(self, pid: int, kind: str):
        self.pid, self.kind = pid, kind

    def __enter__(self) -> None:
        self.home = namespaces.open_namespace("self", self.kind)
        other = namespaces.open_namespace(self.pid, self.kind)
        namespaces.join(other, self.kind)
        os.close(other)

    def __exit__(self, *_error: object) -> None:
        namespaces.join(self.home, self.kind)
        os.close(self.home)


class _Stage:
    """``with _Stage(restore, keys) as stage``: there is a mount namespace with what CRIU is to
    find.

    ``directories``: the saving.Directories of the images and of its log, opened there. ``enter``:
    for CRIU's process, before it is executed.
    """

    namespace: int

    def __init__(self, restore: Restore, keys: Sequence[str]):
        self.launch, self.images, self.keys = restore.launch, restore.images, keys
        self.directories = criu_dump.Directories(restore.images, restore.work or restore.images)

    def __enter__(self) -> _Stage:
        home, directory = (
            namespaces.open_namespace("self", "mount"),
            os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC),
        )
        try:
            syscalls.unshare(c.CLONE_NEWNS)
            self.namespace = namespaces.open_namespace("self", "mount")
            mounts.leave_host()
            self.directories.__enter__()
            self._make()
        finally:
            namespaces.join(home, "mount")
            os.fchdir(directory)
            os.close(directory)
            os.close(home)
        return self

    def __exit__(self, *error: object) -> None:
        self.directories.__exit__(*error)
        os.close(self.namespace)

    def enter(self) -> None:
        """Join that namespace."""
        namespaces.join(self.namespace, "mount")

    def _make(self) -> None:
        launch, place = self.launch, PLACE
        images = (
            None
            if launch.rights.fd is None
            else mounts.bind(self.directories.options["images_dir_fd"], recursive=False)
        )
        mounts.attach_root(mounts.new_fs("tmpfs", {"mode": "755"}), place)
        for name in ("root", "m", "trial"):
            os.mkdir(f"{place}/{name}", 0o755)
        if images is not None:
            self._show_images(images)
        mounts.attach_root(launch.root_fd, place + "/root")
        trial = mounts.bind(launch.root_fd)
        mounts.attach_root(trial, place + "/trial")
        self._try(trial)
        for number, key in enumerate(self.keys):
            self._put(trial, key, f"{place}/m/{number}")
        syscalls.umount2(place + "/trial", c.MNT_DETACH)
        os.close(trial)
        mounting.separate_root(launch.root_fd, launch.document.linux.get("rootfsPropagation"))
        if (launch.document.config.get("root") or {}).get("readonly"):
            mounts.set_attributes(launch.root_fd, c.MOUNT_ATTR_RDONLY)

    def _show_images(self, fd: int) -> None:
        """Show the images with the container's ids as the owners, since it is the restored
        processes that read them.

        The first of them reads the offsets of its clocks, and may do so before CRIU has given it
        ids: anybody may read these.
        """
        self._open_up("", 0o001)
        self._open_up("timens-0.img", 0o004)
        try:
            mounts.set_attributes(fd, userns_fd=self.launch.rights.fd)
        except OSError:
            raise Unsupported(
                f"the file system of {self.images} can't map owners: move the checkpoint "
                "to one that can, or the container has to have the host's user namespace"
            ) from None
        os.mkdir(PLACE + "/images")
        mounts.attach_root(fd, PLACE + "/images")
        os.dup2(fd, self.directories.options["images_dir_fd"], inheritable=False)
        os.close(fd)

    def _open_up(self, name: str, mode: int) -> None:
        path = os.path.join(self.images, name)
        with contextlib.suppress(FileNotFoundError):
            os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | mode)

    def _try(self, root_fd: int) -> None:
        """Mount all as at a start, something empty where CRIU mounts itself: all mount points of
        the root are there then.
        """
        for mount in self.launch.mounts:
            if isinstance(mount, mounting.CgroupMount) and not self.launch.document.private(
                "cgroup"
            ):
                mount.make(root_fd)
                mount.finish()
            elif isinstance(mount, mounting.CgroupMount) or not mount.bind and mount.fd is None:
                if isinstance(mount, mounting.Mount) and "remount" in mount.words:
                    continue
                fd = mounts.new_fs("tmpfs", {"mode": "755"})
                mounts.attach(fd, root_fd, mount.destination)
                os.close(fd)
            else:
                if mount.bind and mount.within:
                    bind_sources.copy_within(mount, root_fd)
                mount.make(root_fd)
                if criu_dump.made_outside(mount, self.launch.rights.fd is not None):
                    devices.make_links(root_fd)
        for path, fd in self.launch.nodes:
            mounts.attach(fd, root_fd, path, attributes=c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NOEXEC)

    def _put(self, root_fd: int, key: str, place: str) -> None:
        """Show a mount of the host's at ``place``."""
        try:
            found = (
                mounts.open_null()
                if key == criu_dump.NULL
                else rootfs.open_in_root(root_fd, key, os.O_PATH)
            )
            fd = mounts.bind(found, recursive=False)
        except OSError as error:
            raise ContainerFailed(
                f"mount {key}: the checkpoint has files of the host's there, and now there are "
                f"none ({reason(error, named=True)})"
            ) from None
        if stat.S_ISDIR(os.fstat(found).st_mode):
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        mounts.set_attributes(fd, propagation=c.MS_PRIVATE)
        mounts.attach_root(fd, place)
        for each in (fd, found):
            os.close(each)
