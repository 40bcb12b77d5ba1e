# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Join a container's network namespace to a bridge, and part it again. The hot path of a start: about half a millisecond.

The monitor imports this file, so it needs nothing but ``kernel/netlink`` and ``kernel/syscalls``. An attachment is
run.json's: ``{"network", "bridge", "ifname", "address": "172.20.0.2/16", "gateway": address or None, "mac", "mtu"}``;
``ifname`` is the host's end of the veth pair, the container's is ``eth0``, ``eth1`` ...
"""

from __future__ import annotations

import contextlib
import errno
import os

from ..errors import HostError
from ..kernel.calls import syscalls
from ..kernel.net import netlink

CLONE_NEWNET = 0x40000000


def connect(netns, attachment, index):
    """Make ``eth<index>`` in the namespace: link, address, and the default route unless there is one already.

    A link of the same name that an earlier run of the container left behind is replaced.

    :param netns: open fd of the container's network namespace. The caller must have one thread: it visits that namespace.
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
            _make_pair(host, netns, attachment, bridge["index"], inside)
            with _visit(netns):
                _configure(attachment, inside)
        except OSError as error:
            with contextlib.suppress(OSError):
                host.request([netlink.delete_link(name)])
            raise HostError(
                f"network {attachment['network']}: can't connect {inside}: {error.strerror}"
            ) from None


def _make_pair(host, netns, attachment, bridge, inside):
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


def _configure(attachment, inside):
    address, dummy, prefix = attachment["address"].partition("/")
    _no_ipv6(inside)
    with netlink.Socket() as container:
        index = netlink.link(container, inside)["index"]
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


def _no_ipv6(inside):
    """Networks are IPv4: a link that took IPv6 addresses from router advertisements would bypass them (CVE-2020-13401)."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        fd = os.open(f"/proc/sys/net/ipv6/conf/{inside}/disable_ipv6", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, b"1")
        finally:
            os.close(fd)


def loopback(netns):
    """Bring ``lo`` up in a namespace that gets no other link (network mode none). :raises HostError: when refused."""
    try:
        with _visit(netns), netlink.Socket() as container:
            container.request([netlink.set_link("lo", up=True)])
    except OSError as error:
        raise HostError(f"can't bring up the container's loopback link: {error.strerror}") from None


def disconnect(attachment, netns=None, remaining=()):
    """Remove the attachment's link pair, also when the container and its namespace are gone; gone already is no error.

    :param netns: where the container runs on, its namespace: its default route then moves to the first of the
        ``remaining`` attachments that has a gateway.
    :raises HostError: when the kernel refuses.
    """
    try:
        with netlink.Socket() as host:
            host.request([netlink.delete_link(attachment["ifname"])], tolerate=(errno.ENODEV,))
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
def _visit(netns):
    """The block runs in the namespace of an fd."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(netns, CLONE_NEWNET)
        try:
            yield
        finally:
            syscalls.setns(home, CLONE_NEWNET)
    finally:
        os.close(home)
