# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the command of a RUN in a container of its own, over the layers so far.

The build forks a runner with a mount namespace of its own for ``--mount``. The runner makes the
container as the engine makes all of them (oci/launch/launch.py) and waits for its end. The
command's output comes through a pipe. The kernel removes the mounts and the namespaces with the
last process in them. The build, or recovery, removes the cgroup and the link.
"""

from __future__ import annotations

import _signal
import errno
import json
import os
import stat

from ...errors import ContainerFailed, EngineError, reason, required
from ...kernel.calls import constants as c
from ...kernel.calls import fork, syscalls
from ...kernel.mounts import mounts, overlay, rootfs
from ...kernel.processes import pidfd
from ...networks import container_links
from ...oci.launch import steps
from ...oci.launch.launch import Launch
from ...oci.launch.site import Site
from ...oci.spec.document import Document
from ...oci.spec.program import Program
from ...rootless import keeper_client
from ..trees.layers_view import open_layers
from ..trees.placer import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ...kernel.cgroups import Group
    from ...networks.container_links import Attachment
    from ...oci.spec.config_types import Config
    from .workspace import StepPlace


ALWAYS = ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup")


class Job:
    """What is run.

    :ivar config: the OCI document.
    :ivar user: ``user[:group]``, or None.
    :ivar layers: directories, topmost first.
    :ivar upper, work: the writable layer.
    :ivar place: an empty directory for mounts.
    :ivar attachment: of networks, or None.
    :ivar prepared: sources of binds. :ivar secrets: files that are shown below ``place``/secrets.
    """

    def __init__(
        self,
        config: Config,
        user: str | None,
        layers: Sequence[str],
        place: StepPlace,
        group: Group,
        attachment: Attachment | None,
        prepared: Iterable[Prepared],
        secrets: Iterable[SecretFile],
    ) -> None:
        self.config, self.user, self.layers = config, user, layers
        self.upper, self.work, self.place = place.upper, place.work, place.scratch
        self.group, self.attachment = group, attachment
        self.prepared, self.secrets = list(prepared), list(secrets)


class SecretFile:
    """A secret as a file.

    ``name``: below the job's place; ``data``; ``mode``, ``uid``, ``gid``: its attributes.
    """

    __slots__ = ("name", "data", "mode", "uid", "gid")

    def __init__(self, name: str, data: bytes, mode: int, uid: int, gid: int) -> None:
        self.name, self.data, self.mode, self.uid, self.gid = name, data, mode, uid, gid


class Prepared:
    """A bind's source that has to be made first: the file or directory ``source`` of a tree at
    ``name`` below the job's place.

    :param layers: directories that make the tree, topmost first, or None.
    :param directory: one of the host that is the tree, where there are no layers.
    :param scratch: a directory for what is written to it and lost, or None for read-only.
    """

    def __init__(
        self,
        name: str,
        source: str,
        layers: Sequence[str] | None = None,
        directory: str | None = None,
        scratch: str | None = None,
    ) -> None:
        self.name, self.source, self.layers, self.directory, self.scratch = (
            name,
            source,
            layers,
            directory,
            scratch,
        )


class StepSite(Site):
    """Where the container of one RUN is launched, in the runner.

    :param output: the descriptor of its standard output and error.
    :ivar tree: a descriptor of its root, once that is open.
    :ivar missing: mount points that the root does not have, with the directories above them.
    """

    def __init__(self, job: Job, output: int) -> None:
        super().__init__("", job.place, os.path.join(job.place, "root"))
        self.job, self.output = job, output
        self.open_to_maker = keeper_client.without_root()
        self.tree: int | None = None
        self.missing: list[str] = []

    def make_group(self, _launch: Launch) -> Group:
        return self.job.group

    def open_root(self, _launch: Launch) -> int:
        fd: int = overlay.overlay(self.job.layers, self.job.upper, self.job.work)
        self.tree = os.dup(fd)
        wanted = [*ALWAYS, *(entry["destination"] for entry in self.job.config["mounts"])]
        self.missing = [path for path in _with_parents(wanted) if not _there(fd, path)]
        return fd

    def open_streams(self, _launch: Launch) -> tuple[None, int, int]:
        return None, self.output, self.output

    def connect(self, launch: Launch) -> None:
        if not launch.document.private("network"):
            return
        netns = os.open(f"/proc/{launch.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if self.job.attachment:
                container_links.connect(netns, self.job.attachment, "eth0")
            else:
                container_links.loopback(netns)
        finally:
            os.close(netns)


def run(job: Job, heard: Callable[[bytes], None]) -> int:
    """Run a command to its end.

    :param heard: called with pieces of its output. :returns: its exit code, 128 + n after signal n.
    :raises ContainerFailed: when it could not be started.
    :raises KeyboardInterrupt: nothing of it is left then.
    """
    out, out_end = os.pipe()
    answer, answer_end = os.pipe()
    pid = fork.child(lambda: _runner(job, (out, answer), out_end, answer_end), with_parent=True)
    os.close(out_end)
    os.close(answer_end)
    try:
        while True:
            piece = os.read(out, 1 << 16)
            if not piece:
                break
            heard(piece)
        result = b""
        while True:
            piece = os.read(answer, 1 << 16)
            if not piece:
                break
            result += piece
    except BaseException:
        os.kill(pid, _signal.SIGKILL)
        raise
    finally:
        os.close(out)
        os.close(answer)
        os.waitpid(pid, 0)
        job.group.kill()
        job.group.remove()
    found: dict[str, Any] = {"error": "it was killed while it ran"}
    if result:
        found = json.loads(result)
    if "error" in found:
        raise ContainerFailed(found["error"], exit_code=found.get("code"))
    code: int = found["code"]
    return code


def _runner(job: Job, others: Iterable[int], output: int, answer: int) -> None:
    """Live as the runner. :param others: descriptors of the builder's."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)  # the build is told, and takes the runner along
    _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
    for fd in others:
        os.close(fd)
    found: dict[str, Any]
    try:
        found = {"code": _attend(job, output)}
    except ContainerFailed as error:
        found = {"error": str(error), "code": error.exit_code}
    except EngineError as error:
        found = {"error": str(error)}
    except OSError as error:
        found = {"error": reason(error)}
    except BaseException as error:  # pylint: disable=broad-except # the build must hear of it, and the child must not return
        found = {"error": f"{type(error).__name__}: {reason(error)}"}
    os.write(answer, json.dumps(found).encode())


def _attend(job: Job, output: int) -> int:
    """Make the container, and wait for its end.

    :returns: its exit code, 128 + n after signal n.
    """
    syscalls.unshare(c.CLONE_NEWNS)
    mounts.leave_host()
    os.mkdir(os.path.join(job.place, "root"), 0o700)
    for prepared in job.prepared:
        _prepare(job, prepared)
    if job.secrets:
        _write_secrets(job)
    site, document = StepSite(job, output), Document(job.config)
    program = Program(document.process, document.linux, job.user)
    launch = Launch(document, program, site, trace=steps.trace())
    try:
        launch.run()
    except BaseException:
        if site.tree is not None:
            os.close(site.tree)
        raise
    os.close(output)
    process, tree = required(launch.pidfd, "the process of a RUN"), required(site.tree, "its root")
    pidfd.ended(process, None)
    code, signal = pidfd.reap(process)
    # its children end with its pid namespace; here for those that are left when there is none
    job.group.kill()
    _remove_stubs(tree, site.missing)
    os.close(tree)
    return code if code is not None else 128 + (signal or 0)


# ------------------------------------------------------------------------------------ mounts


def _prepare(job: Job, prepared: Prepared) -> None:
    place = os.path.join(job.place, prepared.name)
    os.mkdir(place + ".tree", 0o700)
    if prepared.directory is not None:
        fd = mounts.bind(prepared.directory, recursive=False)
    else:
        fd = open_layers(prepared.layers or ())
    mounts.attach_root(fd, place + ".tree")
    try:
        handle = rootfs.open_in_root(fd, prepared.source or "/", os.O_PATH)
    except OSError as error:
        raise ContainerFailed(
            f"RUN --mount: source {prepared.source}: {reason(error, named=True)}"
        ) from None
    bound = mounts.bind(handle, recursive=False)
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        os.mkdir(place, 0o700)
    else:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if prepared.scratch:
            raise ContainerFailed(
                f"RUN --mount: source {prepared.source}: readwrite is for directories; this is a "
                "file"
            )
    mounts.attach_root(bound, place)
    if prepared.scratch:
        for name in ("upper", "work"):
            os.makedirs(os.path.join(prepared.scratch, name), 0o700, exist_ok=True)
        status = os.fstat(handle)
        upper = os.path.join(prepared.scratch, "upper")
        os.chown(upper, status.st_uid, status.st_gid)
        os.chmod(upper, stat.S_IMODE(status.st_mode))
        mounts.attach_root(
            overlay.overlay([place], upper, os.path.join(prepared.scratch, "work")), place
        )


def _write_secrets(job: Job) -> None:
    """Write the secrets into a file system in memory that ends with the runner."""
    place = os.path.join(job.place, "secrets")
    os.mkdir(place, 0o700)
    mounts.attach_root(
        mounts.new_fs(
            "tmpfs", {"mode": "700"}, c.MOUNT_ATTR_NOSUID | c.MOUNT_ATTR_NODEV | c.MOUNT_ATTR_NOEXEC
        ),
        place,
    )
    for secret in job.secrets:
        path = os.path.join(place, secret.name)
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        write_all(fd, secret.data)
        os.fchown(fd, secret.uid, secret.gid)
        os.fchmod(fd, secret.mode)
        os.close(fd)


def _with_parents(paths: Iterable[str]) -> list[str]:
    """Return paths without the first slash, each after the directories above it."""
    found: dict[str, None] = {}
    for path in paths:
        parts = [part for part in path.split("/") if part]
        for count in range(1, len(parts) + 1):
            found["/".join(parts[:count])] = None
    return list(found)


def _remove_stubs(root: int, missing: Iterable[str]) -> None:
    """Remove mount points that were made for the container only, unless something was written into
    them.
    """
    for path in sorted(missing, key=lambda each: each.count("/"), reverse=True):
        parent, dummy, name = path.rpartition("/")
        try:
            fd = rootfs.open_in_root(root, parent or ".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        try:
            status = os.lstat(name, dir_fd=fd)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=fd)
            elif stat.S_ISREG(status.st_mode) and status.st_size == 0:
                os.unlink(name, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY):
                raise
        finally:
            os.close(fd)


def _there(root: int, path: str) -> bool:
    try:
        os.close(rootfs.open_in_root(root, path, os.O_PATH))
        return True
    except OSError:
        return False
