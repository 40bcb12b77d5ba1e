# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive CRIU by its RPC (criu(8) ``swrk``, images/rpc.proto): a process of it for each request,
over a socket of ours.

    options = {"pid": 4711, "images_dir_fd": fd, ...}
    answer = Criu().ask("DUMP", options, {"post-dump": before_they_are_killed})

The descriptors of directories in a request are this process's, those of ``inherit_fd`` CRIU's. The
process that RESTORE makes is this one's child. CRIU tells of each step by a notice, and waits for
the answer, which undoes all when it is not good.
"""

from __future__ import annotations

import os

from ...errors import HostError, Unsupported, reason
from ...kernel.calls import constants as c
from ...kernel.calls import fds, fork, syscalls
from ...kernel.processes import pidfd
from ..launch import channel
from . import protobuf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    # Called with the pid and the descriptors of a notice.
    Notices = Mapping[str, Callable[[int, list[int]], object]]
    Streams = Sequence["int | None"]

# In CRIU's process: the socket, and the first of the descriptors that are handed to it.
SOCKET, FIRST = 3, 4
LOG_LEVEL = 4  # of criu(8): what runc asks for
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # it runs tar, ip, iptables
# --manage-cgroups-mode; "" is CRIU's own choice.
MODES = {"": 6, "ignore": 0, "soft": 3, "full": 4, "strict": 5}
_TYPES = {"DUMP": 1, "RESTORE": 2, "PRE_DUMP": 4, "NOTIFY": 6, "FEATURE_CHECK": 9}
_FEATURES = {"mem_track": 1, "lazy_pages": 2}
_OPTIONS = {
    "images_dir_fd": 1,
    "pid": 2,
    "leave_running": 3,
    "ext_unix_sk": 4,
    "tcp_established": 5,
    "evasive_devices": 6,
    "shell_job": 7,
    "file_locks": 8,
    "log_level": 9,
    "log_file": 10,
    "ps": (11, {"address": 1, "port": 2}),
    "notify_scripts": 12,
    "root": 13,
    "parent_img": 14,
    "track_mem": 15,
    "auto_dedup": 16,
    "work_dir_fd": 17,
    "link_remap": 18,
    "manage_cgroups": 24,
    "cg_root": (25, {"ctrl": 1, "path": 2}),
    "rst_sibling": 26,
    "inherit_fd": (27, {"key": 1, "fd": 2}),
    "ext_masters": 30,
    "manage_cgroups_mode": 34,
    "external": 37,
    "empty_ns": 38,
    "join_ns": (39, {"ns": 1, "ns_file": 2}),
    "freeze_cgroup": 44,
    "tcp_skip_in_flight": 46,
    "lazy_pages": 48,
    "status_fd": 49,
    "orphan_pts_master": 50,
    "config_file": 51,
    "lsm_profile": 53,
    "lsm_mount_context": 63,
}
_REQUEST = {"type": 1, "opts": (2, _OPTIONS), "notify_success": 3, "features": (5, _FEATURES)}
_ANSWER = {
    "type": 1,
    "success": 2,
    "restore": (4, {"pid": 1}),
    "notify": (5, {"script": 1, "pid": 2}),
    "cr_errno": 7,
    "features": (8, _FEATURES),
    "cr_errmsg": 9,
}


class Refused(HostError):
    """CRIU could not do it. ``code``: an errno, or 0."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Criu:
    """The program at ``path``, by default that of this process's PATH or of the usual places.

    :raises Unsupported: there is none.
    """

    def __init__(self, path: str | None = None) -> None:
        places = os.environ.get("PATH", "").split(":") + PATH.split(":")
        found = [
            place
            for place in (
                [path] if path else [os.path.join(place, "criu") for place in places if place]
            )
            if os.access(place, os.X_OK)
        ]
        if not found:
            raise Unsupported(
                f"CRIU is not installed: there is no program {path or f'criu in {PATH}'}"
            )
        self.path = os.path.abspath(found[0])

    def check(self) -> None:
        """Have CRIU check that it works here.

        :raises Unsupported: CRIU's own check says that it does not work on this kernel.
        """
        import subprocess  # here: it is not lean

        done = subprocess.run(
            [self.path, "check", "--no-default-config"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            env=dict(os.environ, PATH=PATH),
        )
        if done.returncode:
            said = _errors(os.fsdecode(done.stdout).splitlines())
            raise Unsupported(
                f"CRIU at {self.path} does not work with this kernel, Linux {os.uname().release}, "
                f"by its own check{said and ': ' + said}"
            )

    def need(self, feature: str, option: str) -> None:
        """Refuse ``option`` where a feature is missing.

        :param feature: ``mem_track`` or ``lazy_pages``. :raises Unsupported:
        """
        try:
            found = self.ask("FEATURE_CHECK", features={feature: True})
        except Refused:
            found = {}
        if not found.get("features", {}).get(feature):
            raise Unsupported(f"{option}: CRIU or this kernel lacks what it needs ({feature})")

    def ask(
        self,
        kind: str,
        options: Mapping[str, Any] | None = None,
        notices: Notices | None = None,
        *,
        features: Mapping[str, bool] | None = None,
        streams: Streams | None = None,
        handed: Iterable[int] = (),
        before: Callable[[], object] | None = None,
        started: Callable[[int], Mapping[str, Any] | None] | None = None,
    ) -> dict[str, Any]:
        """Make one request; return the answer.

        :param kind: one of ``_TYPES``.
        :param options: CRIU's, by the names of ``_OPTIONS``.
        :param features: which to check.
        :param notices: ``{notice's name: function(pid, descriptors)}``.
        :param streams: its standard streams; by default /dev/null.
        :param handed: descriptors that it gets, from FIRST on, whatever their numbers here.
        :param before: called in its process before it is executed.
        :param started: called with its pid before it is asked: returns further options, or None.
        :raises Refused: CRIU could not do it.
        """
        socket, process = self._start(streams, handed, before)
        try:
            if options is not None and started is not None:
                options = {**options, **(started(process[0]) or {})}
            request = {"type": _TYPES[kind], "opts": options, "features": features}
            try:
                socket.send(protobuf.encode(_REQUEST, request))
            except BrokenPipeError:  # it has ended, and left word why
                pass
            return self._converse(socket, notices or {})
        except ConnectionResetError:
            raise Refused("it ended without an answer") from None
        finally:
            socket.close()
            self._end(process)

    def _start(
        self, streams: Streams | None, handed: Iterable[int], before: Callable[[], object] | None
    ) -> tuple[Socket, tuple[int, int]]:
        """Start CRIU; return the socket to it, and its pid and pidfd."""
        ours, its = channel.pair()
        process = syscalls.clone3(0)
        if process[0] == 0:
            fork.end(lambda: self._become_or_tell(its, streams, handed, before))
        its.close()
        return ours, process

    def _become_or_tell(
        self,
        its: Socket,
        streams: Streams | None,
        handed: Iterable[int],
        before: Callable[[], object] | None,
    ) -> None:
        """In CRIU's process: execute it, or answer in its place why not."""
        try:
            self._become(its, streams, handed, before)
        except BaseException as error:  # pylint: disable=broad-except # the other side raises it
            word = {"type": 0, "success": False, "cr_errmsg": reason(error)}
            its.send(protobuf.encode(_ANSWER, word))

    def _become(
        self,
        socket: Socket,
        streams: Streams | None,
        handed: Iterable[int],
        before: Callable[[], object] | None,
    ) -> None:
        """In CRIU's process: execute it."""
        from ..launch import executing  # here: the other processes of this file do without

        executing.default_signals()
        if before is not None:
            before()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        wanted = (
            [null if fd is None else fd for fd in streams or (None,) * 3]
            + [socket.fileno()]
            + list(handed)
        )
        wanted = [_above(fd) for fd in wanted]
        for number, fd in enumerate(wanted):
            os.dup2(fd, number, inheritable=True)
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID")
        }
        environment["PATH"] = PATH
        os.execve(self.path, [self.path, "swrk", str(SOCKET)], environment)

    @staticmethod
    def _converse(socket: Socket, notices: Notices) -> dict[str, Any]:
        """Answer notices until CRIU has answered; return that. :raises Refused:"""
        while True:
            data, descriptors = fds.receive(socket, 1 << 16, 4)
            answer = protobuf.decode(_ANSWER, data)
            if not answer.get("success"):
                said = os.fsdecode(answer.get("cr_errmsg") or b"")
                code = answer.get("cr_errno", 0)
                if not said and 0 < code < 4096:
                    said = os.strerror(code).lower()
                raise Refused(said or "it ended without an answer", code)
            if answer.get("type") != _TYPES["NOTIFY"]:
                return answer
            notice = answer.get("notify", {})
            action = notices.get(os.fsdecode(notice.get("script", b"")))
            try:
                if action is not None:
                    action(notice.get("pid", 0), descriptors)
            finally:
                for fd in descriptors:
                    os.close(fd)
            socket.send(
                protobuf.encode(_REQUEST, {"type": _TYPES["NOTIFY"], "notify_success": True})
            )

    @staticmethod
    def _end(process: tuple[int, int]) -> None:
        """Wait for CRIU's end, which follows the socket's; who was restored is not its child."""
        if not pidfd.ended(process[1], 30.0):
            pidfd.send(process[1], c.SIGKILL)
        os.waitid(os.P_PIDFD, process[1], os.WEXITED)
        os.close(process[1])


def _above(fd: int) -> int:
    """Return a copy of a descriptor above those that CRIU is to have."""
    import fcntl  # here: in CRIU's process alone

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 128)


def errors(directory: str, name: str) -> str:
    """Return the first lines of CRIU's log that tell of an error, in one text; "" where there are
    none.
    """
    try:
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            return _errors(file)
    except OSError:
        return ""


def _errors(lines: Iterable[str], most: int = 2) -> str:
    # A log's lines begin with the time. That it can't have more files does not stop it.
    found = (
        line.partition(") ")[2] if line.startswith("(") else line
        for line in lines
        if "Error (" in line and "RLIMIT_NOFILE" not in line
    )
    return "; ".join([line.strip() for line in found if line.strip()][:most])
