# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Join a container's network namespace to a bridge, and part it again.

It is on the hot path of a start: about half a millisecond. The monitor imports this file, so it
needs nothing but ``kernel/calls``, ``kernel/net`` and ``isolation``.
"""

from __future__ import annotations

import contextlib
import errno
import os

from ..errors import HostError, required
from ..kernel.calls import constants as c
from ..kernel.calls import syscalls
from ..kernel.net import netlink
from . import isolation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Optional, TypedDict

    class Attachment(TypedDict):
        """A container's place on a network, as run.json and state.json have it."""

        network: str  # name of the network
        bridge: str  # name of its bridge
        ifname: str  # of the veth pair's end on the host; the container's is eth0, eth1 ...
        address: str  # "172.20.0.2/16"
        gateway: Optional[str]  # an address; None on an internal network
        mac: str
        mtu: int  # bytes


def connect(netns: int, attachment: Attachment, index: int) -> None:
    """Make ``eth<index>`` in a namespace: link, address, and the default route where there is none.

    A link of the same name that an earlier run of the container left behind is replaced. The
    caller must have one thread: it visits the namespace.

    :param netns: a descriptor of the container's network namespace.
    :raises HostError: naming the step that the kernel refused; no link is left then.
    """
    name, inside = attachment["ifname"], "eth%d" % index
    with netlink.Socket() as host:
        bridge = netlink.link(host, attachment["bridge"])
        if bridge is None:
            raise HostError(
                f"network {attachment['network']}: its bridge {attachment['bridge']} is not there"
            )
        try:
            isolation.admit(attachment)
            _make_pair(host, netns, attachment, bridge["index"], inside)
            with _visit(netns):
                _configure(attachment, inside)
        except OSError as error:
            with contextlib.suppress(OSError):
                host.request([netlink.delete_link(name)])
            raise HostError(
                f"network {attachment['network']}: can't connect {inside}: {error.strerror}"
            ) from None


def _make_pair(
    host: netlink.Socket, netns: int, attachment: Attachment, bridge: int, inside: str
) -> None:
    name = attachment["ifname"]
    messages = [
        netlink.new_veth(name, inside, netns, attachment["mtu"], attachment["mac"]),
        netlink.no_ipv6_address(name),  # refused by kernels without IPv6, which is as good
        netlink.set_link(name, up=True, master=bridge),
    ]
    try:
        host.request(messages, tolerate=(errno.EAFNOSUPPORT,))
    except netlink.Refused as error:
        if error.errno != errno.EEXIST:
            raise
        host.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))
        host.request(messages, tolerate=(errno.EAFNOSUPPORT,))


def _configure(attachment: Attachment, inside: str) -> None:
    address, dummy, prefix = attachment["address"].partition("/")
    _no_ipv6(inside)
    with netlink.Socket() as container:
        index = required(netlink.link(container, inside), f"the link {inside}")["index"]
        messages = [
            netlink.set_link("lo", up=True),
            netlink.new_address(index, address, int(prefix)),
            netlink.set_link(inside, up=True),
        ]
        if attachment["gateway"]:
            messages.append(netlink.default_route(attachment["gateway"]))
        container.request(
            messages, tolerate=(errno.EEXIST,)
        )  # an earlier network's default route stays


def _no_ipv6(inside: str) -> None:
    """Have a link take no IPv6 addresses.

    Networks are IPv4, and router advertisements would lead around them (CVE-2020-13401).
    """
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        fd = os.open(f"/proc/sys/net/ipv6/conf/{inside}/disable_ipv6", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"1")
        finally:
            os.close(fd)


def loopback(netns: int) -> None:
    """Bring ``lo`` up in a namespace that gets no other link (network mode none).

    :raises HostError: the kernel refuses.
    """
    try:
        with _visit(netns), netlink.Socket() as container:
            container.request([netlink.set_link("lo", up=True)])
    except OSError as error:
        raise HostError(f"can't bring up the container's loopback link: {error.strerror}") from None


def disconnect(
    attachment: Attachment, netns: int | None = None, remaining: Iterable[Attachment] = ()
) -> None:
    """Remove an attachment's link pair, also when the container and its namespace are gone.

    One that is gone already is no error.

    :param netns: where the container runs on, its namespace: its default route then moves to the
        first of the ``remaining`` attachments that has a gateway.
    :raises HostError: the kernel refuses.
    """
    try:
        with netlink.Socket() as host:
            host.request([netlink.delete_link(attachment["ifname"])], tolerate=(errno.ENODEV,))
        isolation.dismiss(attachment)
        gateway = next((one["gateway"] for one in remaining if one["gateway"]), None)
        if netns is not None and gateway:
            with _visit(netns), netlink.Socket() as container:
                container.request([netlink.default_route(gateway)], tolerate=(errno.EEXIST,))
    except OSError as error:
        raise HostError(
            f"network {attachment['network']}: can't disconnect {attachment['ifname']}: "
            f"{error.strerror}"
        ) from None


@contextlib.contextmanager
def _visit(netns: int) -> Iterator[None]:
    """Run the block in the network namespace of a descriptor."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(netns, c.CLONE_NEWNET)
        try:
            yield
        finally:
            syscalls.setns(home, c.CLONE_NEWNET)
    finally:
        os.close(home)
