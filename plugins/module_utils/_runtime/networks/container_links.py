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

from ..errors import HostError, reason, required
from ..kernel.isolation import namespaces
from ..kernel.net import child_links, netlink
from .traffic import bandwidth, isolation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Optional, TypedDict

    from ..kernel.net.netlink import Message
    from .definition import Route
    from .traffic.bandwidth import Bandwidth

    class _Attachment(TypedDict):
        network: str  # name of the network
        bridge: str  # name of its bridge
        ifname: str  # of the veth pair's end on the host; the container's is eth0, eth1 ...
        address: str  # "172.20.0.2/16"; "" on a network without IPv4
        gateway: Optional[str]  # an address; None on an internal network
        mac: str
        mtu: int  # bytes

    class Attachment(_Attachment, total=False):
        """A container's place on a network, as run.json and state.json have it.

        Without IPv6 it is what a monitor of any version reads: :func:`addresses` and
        :func:`gateways` ask for both families.
        """

        address6: str  # "fd12:3456:789a::2/64"
        gateway6: Optional[str]
        apart: bool  # it reaches the host, but no other container of the network
        driver: str  # macvlan or ipvlan; a bridge's attachment has none of these five
        parent: str  # name of the link that it sends by
        mode: str
        flag: str
        routed: bool  # whether what is for others leaves by the link without a gateway
        bandwidth: Bandwidth
        spoofing: bool  # whether it may send under other addresses than its own
        routes: list[Route]  # static ones, beside the default one
        inside: str  # its name in the container, where one is asked for
        sysctls: dict[str, str]  # by the file below /proc/sys, which has IFNAME for the link's name


OF_TASK = ("bandwidth", "inside", "sysctls")  # what a container's own options say of it
ROUTER_ADVERTISEMENTS, DUPLICATES, OFF = "accept_ra", "accept_dad", "disable_ipv6"


def addresses(attachment: Attachment) -> list[str]:
    """Return an attachment's addresses with their prefixes: IPv4, then IPv6, as far as it has."""
    return [text for text in (attachment["address"], attachment.get("address6")) if text]


def gateways(attachment: Attachment) -> list[str]:
    """Return an attachment's gateways, IPv4's first; [] on an internal network."""
    return [text for text in (attachment["gateway"], attachment.get("gateway6")) if text]


def targets(attachments: Iterable[Attachment]) -> list[str]:
    """Return where published ports lead to: one address of each family at most, without prefix.

    It is on the first network of the family that has a gateway, else on the first.
    """
    # who is on a parent link has addresses of the parent's network, and the host can't reach him
    listed = [one for one in attachments if not one.get("parent")]
    found = []
    for family in (
        [(one["address"], one["gateway"]) for one in listed],
        [(one.get("address6", ""), one.get("gateway6")) for one in listed],
    ):
        having = [pair for pair in family if pair[0]]
        best = next((pair for pair in having if pair[1]), having[0] if having else None)
        if best is not None:
            found.append(best[0].partition("/")[0])
    return found


def connect(netns: int, attachment: Attachment, inside: str) -> None:
    """Make a link in a namespace, its address, and the default route where there is none.

    A link of the same name that an earlier run of the container left behind is replaced. The
    caller must have one thread: it visits the namespace.

    :param netns: a descriptor of the container's network namespace.
    :param inside: the link's name there.
    :raises HostError: naming the step that the kernel refused; no link is left then.
    """
    name = attachment["ifname"]
    if attachment.get("parent"):
        _connect_child(netns, attachment, inside)
        return
    with netlink.Socket() as host:
        bridge = netlink.link(host, attachment["bridge"])
        if bridge is None:
            raise HostError(
                f"network {attachment['network']}: its bridge {attachment['bridge']} is not there"
            )
        try:
            isolation.admit(attachment)
            _make_pair(host, netns, attachment, bridge["index"], inside)
            if attachment.get("bandwidth"):
                bandwidth.apply(attachment)
            with namespaces.visiting(netns):
                _configure(attachment, inside)
        except OSError as error:
            with contextlib.suppress(OSError):
                host.request([netlink.delete_link(name)])
            raise HostError(
                f"network {attachment['network']}: can't connect {inside}: {reason(error)}"
            ) from None


def _connect_child(netns: int, attachment: Attachment, inside: str) -> None:
    """Make a link of a parent in the namespace; its alias there is the attachment's ``ifname``."""
    parent, name, mtu = attachment["parent"], attachment["ifname"], attachment["mtu"]
    try:
        with netlink.Socket() as host:
            link = netlink.link(host, parent)
            if link is None:
                raise HostError(
                    f"network {attachment['network']}: this host has no link {parent}, which is "
                    "the network's parent"
                )
            _remove_child(netns, name)
            mode = attachment["mode"]
            if attachment["driver"] == "macvlan":
                message = child_links.new_macvlan(
                    inside, link["index"], netns, mode, attachment["mac"], mtu
                )
            else:
                flag = attachment["flag"]
                message = child_links.new_ipvlan(inside, link["index"], netns, mode, flag, mtu)
            host.request([message])
        with namespaces.visiting(netns):
            with netlink.Socket() as container:
                container.request([child_links.rename(inside, name)])
            _configure(attachment, inside)
    except OSError as error:
        with contextlib.suppress(OSError):
            _remove_child(netns, name)
        raise HostError(
            f"network {attachment['network']}: can't connect {inside} to {parent}: {reason(error)}"
        ) from None


def child(netns: int, name: str) -> str | None:
    """Return the name that a link has in a namespace, by its alias there; None: it is not there."""
    with namespaces.visiting(netns), netlink.Socket() as container:
        found = [link["name"] for link in netlink.links(container) if link["alias"] == name]
    return found[0] if found else None


def _remove_child(netns: int, name: str) -> None:
    inside = child(netns, name)
    if inside is not None:
        with namespaces.visiting(netns), netlink.Socket() as container:
            container.request([netlink.delete_link(inside)], tolerate=(errno.ENODEV,))


def _make_pair(
    host: netlink.Socket, netns: int, attachment: Attachment, bridge: int, inside: str
) -> None:
    name = attachment["ifname"]
    messages: list[Message] = [
        netlink.new_veth(name, inside, netns, attachment["mtu"], attachment["mac"]),
        netlink.no_ipv6_address(name),  # refused by kernels without IPv6, which is as good
        netlink.set_link(name, up=True, master=bridge),
    ]
    if attachment.get("apart"):
        messages.insert(2, netlink.set_link(name, master=bridge))  # a port first, then up
        messages.insert(3, netlink.isolated_port(name))
    try:
        host.request(messages, tolerate=(errno.EAFNOSUPPORT,))
    except netlink.Refused as error:
        if error.errno != errno.EEXIST:
            raise
        host.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))
        host.request(messages, tolerate=(errno.EAFNOSUPPORT,))


def _configure(attachment: Attachment, inside: str) -> None:
    if attachment.get("address6"):
        # An address works at once; router advertisements would lead around the network.
        _set(inside, ROUTER_ADVERTISEMENTS, b"0")
        _set(inside, DUPLICATES, b"0")
    else:
        # Others could give it addresses by router advertisements (CVE-2020-13401).
        _set(inside, OFF, b"1")
    with netlink.Socket() as container:
        index = required(netlink.link(container, inside), f"the link {inside}")["index"]
        messages = [netlink.set_link("lo", up=True), netlink.set_link(inside, up=True)]
        for text in addresses(attachment):
            address, dummy, prefix = text.partition("/")
            # of IPv6 when the link is up: only then is there a route to its neighbours at once
            messages.insert(
                1 if ":" not in address else len(messages),
                netlink.new_address(index, address, int(prefix)),
            )
        messages += [netlink.default_route(gateway) for gateway in gateways(attachment)]
        messages += [
            netlink.static_route(index, one["destination"], one["gateway"], one["metric"])
            for one in attachment.get("routes", ())
        ]
        if attachment.get("routed"):
            messages += [
                netlink.default_route_by(index, netlink.family_of(text))
                for text in addresses(attachment)
            ]
        container.request(
            messages, tolerate=(errno.EEXIST,)
        )  # an earlier network's default route stays
    _set_sysctls(inside, attachment.get("sysctls", {}))


def _set_sysctls(inside: str, wanted: dict[str, str]) -> None:
    """Write the sysctls of a link. :raises OSError: naming the one that the kernel refuses."""
    for name, value in wanted.items():
        path = f"/proc/sys/{name.replace('IFNAME', inside)}"
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, value.encode())
            finally:
                os.close(fd)
        except OSError as error:
            error.filename = path  # which a refused write does not tell
            raise


def _set(inside: str, name: str, value: bytes) -> None:
    """Write a link's setting of IPv6; a kernel without IPv6 has none."""
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(f"/proc/sys/net/ipv6/conf/{inside}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value)
        finally:
            os.close(fd)


def ways(attachments: Iterable[Attachment]) -> dict[int, Attachment]:
    """Return by which attachment a container leaves: the first with a gateway, by family."""
    found: dict[int, Attachment] = {}
    for one in attachments:
        routed = [text.partition("/")[0] for text in addresses(one)] if one.get("routed") else []
        for address in [*gateways(one), *routed]:
            found.setdefault(netlink.family_of(address), one)
    return found


def lead_out(netns: int, attachments: Sequence[Attachment]) -> None:
    """Give a running container the default routes of its first attachments with a gateway.

    :raises HostError: the kernel refuses.
    """
    chosen = ways(attachments)
    if not chosen:
        return  # on internal networks alone; the default routes have gone with their links
    try:
        with namespaces.visiting(netns), netlink.Socket() as container:
            messages = []
            for family, one in chosen.items():
                gateway = next((a for a in gateways(one) if netlink.family_of(a) == family), None)
                if gateway is not None:
                    messages.append(netlink.default_route(gateway, replace=True))
                    continue
                index = _index_of(container, one)
                messages.append(netlink.default_route_by(index, family, replace=True))
            container.request(messages)
    except OSError as error:
        raise HostError(f"can't change the container's default route: {reason(error)}") from None


def _index_of(container: netlink.Socket, attachment: Attachment) -> int:
    """Return the number of an attachment's link in its namespace, by the alias that it has there."""
    found = [one for one in netlink.links(container) if one["alias"] == attachment["ifname"]]
    if not found:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    index: int = found[0]["index"]
    return index


def limit(attachment: Attachment) -> None:
    """Give the link of a running container the limits that it is to have.

    :raises HostError: the kernel refuses.
    """
    bandwidth.apply(attachment)


def loopback(netns: int) -> None:
    """Bring ``lo`` up in a namespace that gets no other link (network mode none).

    :raises HostError: the kernel refuses.
    """
    try:
        with namespaces.visiting(netns), netlink.Socket() as container:
            container.request([netlink.set_link("lo", up=True)])
    except OSError as error:
        raise HostError(f"can't bring up the container's loopback link: {reason(error)}") from None


def disconnect(
    attachment: Attachment, netns: int | None = None, remaining: Iterable[Attachment] = ()
) -> None:
    """Remove an attachment's link pair, also when the container and its namespace are gone.

    One that is gone already is no error.

    :param netns: where the container runs on, its namespace: its default routes then move to the
        first of the ``remaining`` attachments that have a gateway of the family.
    :raises HostError: the kernel refuses.
    """
    try:
        if attachment.get("parent"):
            if netns is not None:  # else it has gone with its namespace
                _remove_child(netns, attachment["ifname"])
        else:
            with netlink.Socket() as host:
                host.request([netlink.delete_link(attachment["ifname"])], tolerate=(errno.ENODEV,))
                if attachment.get("bandwidth"):
                    bandwidth.remove(host, attachment["ifname"])
            isolation.dismiss(attachment)
        listed = [gateway for one in remaining for gateway in gateways(one)]
        if netns is not None and listed:
            with namespaces.visiting(netns), netlink.Socket() as container:
                container.request(
                    [netlink.default_route(gateway) for gateway in listed], tolerate=(errno.EEXIST,)
                )
    except OSError as error:
        raise HostError(
            f"network {attachment['network']}: can't disconnect {attachment['ifname']}: "
            f"{reason(error)}"
        ) from None


@contextlib.contextmanager
def visiting(pid: int) -> Iterator[None]:
    """Run the block in the network namespace of a process. The caller must have one thread."""
    netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with namespaces.visiting(netns):
            yield
    finally:
        os.close(netns)


def socket_of(pid: int) -> netlink.Socket:
    """Return a netlink socket of the network namespace of a process, to be used from here."""
    with visiting(pid):
        return netlink.Socket()


def names(attachments: Sequence[Attachment], there: Iterable[str] = ()) -> list[str]:
    """Return the names of a container's links: those asked for, else ``eth0``, ``eth1`` and so on.

    :param there: the names of links that it has already.
    """
    taken = {*there, *(one["inside"] for one in attachments if one.get("inside"))}
    found = []
    for one in attachments:
        index = 0
        while not one.get("inside") and f"eth{index}" in taken:
            index += 1
        found.append(one.get("inside") or f"eth{index}")
        taken.add(found[-1])
    return found


def free_name(pid: int, attachment: Attachment, attachments: Sequence[Attachment] = ()) -> str:
    """Return the name of a new link of a running container.

    :param attachments: all that it is to have. :raises FileNotFoundError: it has ended.
    """
    with open(f"/proc/{pid}/net/dev") as file:
        there = [line.partition(":")[0].strip() for line in file]
    asked = [one["inside"] for one in attachments if one.get("inside")]
    return names([attachment], [*there, *asked])[0]
