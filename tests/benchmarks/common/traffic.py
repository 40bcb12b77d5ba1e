# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic between network namespaces: processes that send, take and answer, and what they measure."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import time

from pycontainer.kernel.calls import syscalls

CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
SECONDS, CHUNK, ECHOES = 2.0, bytes(1 << 17), 2000


def namespace() -> tuple[int, int]:
    """A process in a network namespace of its own, and a descriptor of it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.unshare(CLONE_NEWNET)
        os.write(writer, b"!")
        signal.pause()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return pid, namespace_of(pid)


def namespace_of(pid: int | str) -> int:
    """A descriptor of a process's network namespace."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def inside(netns: int, function, *arguments):
    """Fork a process that calls a function in a namespace; its pid and what it writes."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.setns(netns, CLONE_NEWNET)
        with os.fdopen(writer, "w") as file:
            function(file, *arguments)
        os._exit(0)
    os.close(writer)
    return pid, os.fdopen(reader)


def told(started) -> str:
    """What a process that :func:`inside` started has written, once it has ended."""
    pid, file = started
    answer = file.read()
    os.waitpid(pid, 0)
    return answer


def end(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def run(command: str) -> str:
    return subprocess.run(
        ["sh", "-ec", command], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout.decode()


def receive(ready, family: int, port: int) -> None:
    """Take one connection after the other, and all that comes by it."""
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("", port))
        server.listen(20)
        ready.write("ready\n")
        ready.flush()
        buffer = bytearray(1 << 18)
        while True:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                while connection.recv_into(buffer):
                    pass


def stream(said, address: str, port: int) -> None:
    """Send as much as goes in some seconds; write Gbit/s."""
    with socket.create_connection((address, port), 5) as connection:
        connection.settimeout(None)
        sent, start = 0, time.monotonic()
        while time.monotonic() - start < SECONDS:
            sent += connection.send(CHUNK)
        said.write(f"{sent * 8 / (time.monotonic() - start) / 1e9:.2f}")


def connects(said, address: str, port: int, count: int = 300) -> None:
    """Connect again and again; write the median in microseconds."""
    times = []
    for _time in range(count):
        start = time.perf_counter()
        socket.create_connection((address, port), 5).close()
        times.append(time.perf_counter() - start)
    said.write(f"{statistics.median(times) * 1e6:.0f}")


def echo(ready, family: int, port: int) -> None:
    """Send back what comes, a datagram at a time."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        ready.write("ready\n")
        ready.flush()
        while True:
            data, sender = sock.recvfrom(2048)
            sock.sendto(data, sender)


def round_trips(said, address: str, port: int) -> None:
    """Write the median of a datagram's way there and back, in microseconds."""
    times = []
    with socket.socket(
        socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM
    ) as sock:
        sock.connect((address, port))
        sock.settimeout(5)
        for _number in range(ECHOES):
            start = time.perf_counter()
            sock.send(b"x")
            sock.recv(16)
            times.append(time.perf_counter() - start)
    said.write(f"{statistics.median(times) * 1e6:.1f}")


def median(netns: int, rounds: int, function, address: str, port: int) -> float:
    """The median of some rounds of a function that measures, in a namespace."""
    return statistics.median(
        float(told(inside(netns, function, address, port))) for _round in range(rounds)
    )


class Listeners:
    """Who takes and who answers at a port of a namespace, as a context."""

    def __init__(self, netns: int, family: int, port: int) -> None:
        self.arguments = netns, family, port

    def __enter__(self) -> None:
        netns, family, port = self.arguments
        self.started = [inside(netns, function, family, port) for function in (receive, echo)]
        for _pid, ready in self.started:
            ready.readline()

    def __exit__(self, *_reason: object) -> None:
        end(*[pid for pid, _ready in self.started])
