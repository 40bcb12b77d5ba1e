# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers stacked by overlayfs, as a detached mount.

Linux 6.7 takes each layer as a parameter of its own (``lowerdir+``). Before it all of them are one string of at most a page
for mount(2); short names, relative to the directory of the layers, make room for the 500 that overlayfs allows.

A layer may also be an EROFS image in a file (erofs.py), which is mounted for the overlay alone and goes with it.

For a container with a user namespace the directories are shown with their owners mapped (Linux 5.19): on the disk of every layer,
the writable one too, the owners are as the container sees them. Overlayfs takes such mounts detached from Linux 6.15 on; before
it they are attached in a mount namespace that nobody else sees.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat

from ...errors import Unsupported, reason
from ..calls import constants as c
from ..calls import fds, fork, syscalls
from ..processes import procfs
from . import erofs, mounts, rootfs, userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import Union

    Options = dict[str, Union[str, None]]  # of overlayfs; None for a flag
    Owner = Union[tuple[int, int], tuple[()]]  # the host's ids of the container's root
    Names = tuple[Union[str, None], Union[str, None]]  # of upper and work
    from collections.abc import Callable


MAX_LAYERS = 500  # OVL_MAX_STACK
MAX_OPTIONS = 4095  # mount(2) copies one page, and its last byte is a NUL
MAX_VALUE = 255  # fsconfig(2)
FORCE_OLD = False  # tests: behave as a kernel without lowerdir+

# What the kernel's build may have turned on by default, and containers do not want: an upper layer must be readable without
# the layers below it (no metacopy, no redirects), and a lower one may serve several mounts (no index).
_OPTIONS = {"index": "off", "metacopy": "off", "redirect_dir": "nofollow"}


def overlay(
    layers: Sequence[str],
    upper: str | None = None,
    work: str | None = None,
    *,
    read_only: bool = False,
    volatile: bool = False,
    mapped: tuple[int, int, int] | None = None,
    spent: list[int] | None = None,
    label: str | None = None,
) -> int:
    """A detached mount of ``layers`` below a writable directory.

    :param layers: directories or EROFS images (absolute paths), topmost first, 1 to 500. Of one that is named several times the topmost counts:
        overlayfs takes none twice, and what the lower ones have, it has, above whatever is between them.
    :param upper: the writable layer; :param work: an empty directory on its file system. Both, or neither for a read-only view.
    :param read_only: mount it read-only even with an upper layer.
    :param volatile: never sync the upper layer (Linux 5.10); after a crash overlayfs refuses this work directory.
    :param mapped: ``(descriptor of a user namespace, uid, gid)``: its map for all directories, and the host's ids of its root.
        ``upper`` and ``work`` must lie in one directory then. :param spent: a list that takes descriptors which the caller is to
        close when it has time: the end of a detached mount waits for all CPUs.
    :param label: the SELinux context that all files have in it.
    :raises Unsupported: too many layers, or an old kernel. :raises OSError: with the kernel's explanation.
    """
    try:
        return _overlay(layers, upper, work, read_only, volatile, mapped, spent, label)
    except OSError as error:
        if error.errno != errno.EINVAL or upper is None or not obstacle(upper):
            raise
        raise Unsupported(obstacle(upper)) from None


def obstacle(directory: str) -> str:
    """Say why no writable layer can lie below a directory, which need not be there yet; "" where one can."""
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    device = os.stat(directory).st_dev
    if os.major(device):  # a disk's
        return ""
    name = f"0:{os.minor(device)}"
    if not any(mount["device"] == name and mount["type"] == "overlay" for mount in procfs.mounts()):
        return ""
    return (
        f"{directory} is on an overlay, as in a container, and overlayfs takes no writable layer there: "
        "mount a volume or a disk for it"
    )


def _overlay(
    layers: Sequence[str],
    upper: str | None,
    work: str | None,
    read_only: bool,
    volatile: bool,
    mapped: tuple[int, int, int] | None,
    spent: list[int] | None,
    label: str | None,
) -> int:
    stacked = list(dict.fromkeys(layers))
    if not stacked or len(stacked) > MAX_LAYERS:
        raise Unsupported(
            f"an image with {len(stacked)} layers can't be mounted: overlayfs stacks 1 to "
            f"{MAX_LAYERS}"
        )
    if volatile and procfs.kernel_version() < (5, 10):
        raise Unsupported("a volatile upper layer needs Linux 5.10")
    attributes = c.MOUNT_ATTR_RDONLY if read_only or upper is None else 0
    options: Options = dict(_OPTIONS)
    if volatile:
        options["volatile"] = None
    if label is not None:
        options["context"] = label
    if mapped is not None or any(is_image(layer) for layer in stacked):
        return _mount_handles(stacked, upper, work, options, attributes, mapped, spent)
    if FORCE_OLD or procfs.kernel_version() < (6, 7):
        return _in_own_namespace(lambda: _mount_old(stacked, upper, work, options, attributes))
    if upper is None and len(stacked) == 1:  # overlayfs refuses a single directory
        return _read_only(stacked[0])
    return _mount_new(stacked, upper, work, options, attributes)


def part(fd: int, path: str) -> int:
    """Return a detached mount of what is at a path of a detached mount; no link leads out of that.

    :raises OSError: there is nothing.
    """

    def make() -> int:
        mounts.attach_root(fd, "/")  # before Linux 6.15 nothing of a detached mount can be copied
        place = rootfs.open_in_root(fd, path, os.O_PATH)
        try:
            return mounts.bind(place, recursive=False)
        finally:
            os.close(place)

    return _in_own_namespace(make)


def is_image(layer: str) -> bool:
    """Whether a layer is an EROFS image: a file. :raises OSError: when there is nothing."""
    return stat.S_ISREG(os.stat(layer).st_mode)


@contextlib.contextmanager
def opened(layer: str) -> Iterator[int]:
    """Give a descriptor of one layer's root directory, to read a layer alone."""
    with contextlib.ExitStack() as stack:
        if is_image(layer):
            handle = erofs.mount(layer)
            stack.callback(os.close, handle)
            layer = f"/proc/self/fd/{handle}"
        fd = os.open(layer, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, fd)
        yield fd


def root_status(layer: str) -> os.stat_result:
    """stat(2) of a layer's root directory."""
    with opened(layer) as fd:
        return os.fstat(fd)


def _read_only(layer: str) -> int:
    fd = mounts.bind(layer, recursive=False)
    mounts.set_attributes(fd, c.MOUNT_ATTR_RDONLY)
    return fd


# ---------------------------------------------------------------------------------------------------- Linux 6.7 and later


def _mount_new(
    layers: list[str], upper: str | None, work: str | None, options: Options, attributes: int
) -> int:
    handles: list[int] = []
    try:
        parameters: dict[str, mounts.Option] = {
            "lowerdir+": [_value(layer, handles) for layer in layers]
        }
        if upper is not None and work is not None:
            parameters.update(upperdir=_value(upper, handles), workdir=_value(work, handles))
        return mounts.new_fs("overlay", {**parameters, **options}, attributes)
    finally:
        for fd in handles:
            os.close(fd)


def _value(directory: str, handles: list[int]) -> str:
    """A directory as a parameter: its path, or a descriptor's where that is too long or has a character that overlayfs splits at."""
    if len(os.fsencode(directory)) <= MAX_VALUE and not set(directory) & set(":,\\"):
        return directory
    handles.append(os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    return f"/proc/self/fd/{handles[-1]}"


# ------------------------------------------------------------------------------- of mounts: with mapped owners, EROFS images


def _mount_handles(
    layers: list[str],
    upper: str | None,
    work: str | None,
    options: Options,
    attributes: int,
    mapped: tuple[int, int, int] | None,
    spent: list[int] | None,
) -> int:
    """Mount layers that are mounts themselves.

    With mapped owners the process has the container's root for the owner of its files: overlayfs makes files of its own in
    ``work``, as the process that mounts it.
    """
    userns_fd = mapped[0] if mapped else None
    owner: Owner = mapped[1:] if mapped else ()
    if mapped is not None and procfs.kernel_version() < (5, 19):
        raise Unsupported("layers with mapped owners need Linux 5.19")
    handles: list[int] = []
    names: Names = (None, None)
    try:
        for layer in layers:
            handles.append(_handle(layer, userns_fd))
        if upper is not None and work is not None:
            handles.append(_handle(os.path.dirname(upper), userns_fd))
            names = os.path.basename(upper), os.path.basename(work)
        if FORCE_OLD or procfs.kernel_version() < (6, 15):
            return _in_own_namespace(
                lambda: _mount_attached(handles, names, options, attributes, owner)
            )
        return _mount_detached(handles, names, options, attributes, owner)
    finally:
        if spent is not None:
            spent += handles
        for fd in handles if spent is None else ():
            os.close(fd)


def _handle(layer: str, userns_fd: int | None) -> int:
    fd = erofs.mount(layer) if is_image(layer) else mounts.bind(layer, recursive=False)
    try:
        if userns_fd is not None:
            mounts.set_attributes(fd, userns_fd=userns_fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _as(owner: Owner) -> AbstractContextManager[None]:
    return userns.as_owner(*owner) if owner else contextlib.nullcontext()


def _mount_detached(
    handles: list[int], names: Names, options: Options, attributes: int, owner: Owner
) -> int:
    upper, work = names
    layers = handles if upper is None else handles[:-1]
    below: list[int] = []
    if upper is None and len(layers) == 1:
        mounts.set_attributes(layers[0], c.MOUNT_ATTR_RDONLY)
        return os.dup(layers[0])
    try:
        parameters: dict[str, mounts.Option] = {
            "lowerdir+": [f"/proc/self/fd/{fd}" for fd in layers]
        }
        for key, name in (("upperdir", upper), ("workdir", work)):
            if name is not None:
                below.append(
                    os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handles[-1])
                )
                parameters[key] = f"/proc/self/fd/{below[-1]}"
        with _as(owner):
            return mounts.new_fs("overlay", {**parameters, **options}, attributes)
    finally:
        for fd in below:
            os.close(fd)


def _mount_attached(
    handles: list[int], names: Names, options: Options, attributes: int, owner: Owner
) -> int:
    """Mount by mount(2), the directories being attached in a small file system of their own; runs in a mount namespace of its own."""
    upper, work = names
    place = mounts.new_fs("tmpfs", {"mode": "700"})
    mounts.attach_root(place, "/")
    os.fchdir(place)
    for number, fd in enumerate(handles):
        os.mkdir(str(number), 0o700)
        syscalls.move_mount(fd, "", c.AT_FDCWD, str(number), c.MOVE_MOUNT_F_EMPTY_PATH)
    if upper is None and len(handles) == 1:
        mounts.set_attributes(handles[0], c.MOUNT_ATTR_RDONLY)
        return mounts.bind("0", recursive=False)
    layers = [str(number) for number in range(len(handles))]
    if upper is not None:
        last = layers.pop()
        upper, work = f"{last}/{upper}", f"{last}/{work}"
    os.mkdir("all", 0o700)
    with _as(owner):
        flags = c.MS_RDONLY if attributes else 0
        text = _option_string(layers, upper, work, options)
        syscalls.mount("overlay", "all", "overlay", flags, text)
    return mounts.bind("all", recursive=False)


# -------------------------------------------------------------------------------------------------------- before Linux 6.7


def _mount_old(
    layers: list[str], upper: str | None, work: str | None, options: Options, attributes: int
) -> int:
    """Mount by mount(2) over one of the directories and take a detached copy; runs in a mount namespace of its own."""
    flags = c.MS_RDONLY if attributes else 0
    if upper is None and len(layers) == 1:
        target = layers[0]
        syscalls.mount(target, target, None, c.MS_BIND)
        syscalls.mount(None, target, None, c.MS_REMOUNT | c.MS_BIND | c.MS_RDONLY)
    else:
        target = layers[0] if work is None else work
        os.chdir(os.path.dirname(layers[0]))
        syscalls.mount(
            "overlay", target, "overlay", flags, _option_string(layers, upper, work, options)
        )
    return mounts.bind(target, recursive=False)


def _option_string(layers: list[str], upper: str | None, work: str | None, options: Options) -> str:
    """mount(2)'s options, with names relative to the first layer's parent where they are below it."""
    parent = os.path.dirname(layers[0])
    names = [
        os.path.basename(layer) if os.path.dirname(layer) == parent else layer for layer in layers
    ]
    parts = ["lowerdir=" + ":".join(_escaped(name, ":,\\") for name in names)]
    if upper is not None and work is not None:
        parts += ["upperdir=" + _escaped(upper, ",\\"), "workdir=" + _escaped(work, ",\\")]
    parts += [
        key
        if value is None
        else "%s=%s"
        % (key, f'"{value}"' if key == "context" else value)  # it has commas of its own
        for key, value in options.items()
    ]
    text = ",".join(parts)
    if len(os.fsencode(text)) > MAX_OPTIONS:
        raise Unsupported(
            f"an image with {len(layers)} layers can't be mounted: their names take "
            f"{len(os.fsencode(text))} bytes, and before Linux 6.7 mount options have at "
            f"most {MAX_OPTIONS}"
        )
    return text


def _escaped(name: str, special: str) -> str:
    return "".join("\\" + character if character in special else character for character in name)


def _in_own_namespace(make: Callable[[], int]) -> int:
    """Run ``make() -> descriptor`` in a child with a mount namespace of its own, so that the host never sees the mount.

    The child is made by os.fork and sends the descriptor: syscalls.clone3 is not for processes with threads, which a task with a
    list of containers has. Returns the descriptor.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = fork.child(lambda: _make_and_send(make, theirs))
    theirs.close()
    with ours:
        answer, sent = fds.receive(ours, 65536, 1)
    os.waitpid(pid, 0)
    kind, number, text = (
        os.fsdecode(answer) or f"error {errno.EIO} killed while it mounted"
    ).split(" ", 2)
    if kind == "unsupported":
        raise Unsupported(text)
    if kind == "error":
        raise OSError(int(number), text, "overlay")
    return sent[0]


def _make_and_send(make: Callable[[], int], channel: socket.socket) -> None:
    """In the child: send ``fd 0 `` with the descriptor, or ``unsupported 0 SENTENCE`` or ``error ERRNO SENTENCE``."""
    sent: list[int] = []
    try:
        syscalls.unshare(c.CLONE_NEWNS)
        mounts.leave_host()
        sent = [make()]
        answer = "fd 0 "
    except Unsupported as error:
        answer = f"unsupported 0 {error}"
    except OSError as error:
        answer = f"error {error.errno or errno.EIO} {reason(error, named=True)}"
    except BaseException as error:  # pylint: disable=broad-except # the parent raises it
        answer = f"error {errno.EIO} {reason(error) or type(error).__name__}"
    fds.send(channel, os.fsencode(answer), sent)
