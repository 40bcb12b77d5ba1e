# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers find each other by name. What goes over the wire is read by dig, glibc, musl and busybox."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import select
import signal
import socket
import subprocess
import time

import dns.message
import dns.rrset
import pytest
from pycontainer import cli, containers, networks
from pycontainer.containers import task
from pycontainer.containers.client import names_client
from pycontainer.containers.lifecycle import live_changes
from pycontainer.errors import InvalidInput, NotFound
from pycontainer.kernel.calls import syscalls
from pycontainer.networks import container_links
from pycontainer.networks.names.name_service import LOCK
from pycontainer.reconcile import carry_out
from support import unwatched, waiting
from support.own_network import do, get, in_own_network, network
from support.own_network import web as serving

CLONE_NEWNS = 0x20000
PLACE = "/etc/resolv.conf"
SIX = "fd12:3::/64"
MUSL = """
#include <netdb.h>
#include <stdio.h>
#include <arpa/inet.h>
int main(int argc, char **argv) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    char text[64];
    if (getaddrinfo(argv[1], 0, &hints, &found)) return 1;
    for (; found; found = found->ai_next)
        if (!getnameinfo(found->ai_addr, found->ai_addrlen, text, 64, 0, 0, NI_NUMERICHOST)) puts(text);
    return 0;
}
"""


def box(engine, name, **more):
    """Start a container; returns its pid."""
    more.setdefault("networks", [{"name": "front"}])
    found = do(engine, name=name, command=["sleep", "1000"], **more)
    return found["container"]["State"]["Pid"]


def front(engine, **aliases):
    """Make the network front and containers on it; returns their pids."""
    network(engine, "front", "10.77.1.0/24")
    return [
        box(engine, name, networks=[{"name": "front", "aliases": more}])
        for name, more in aliases.items()
    ]


def run(pid, *words):
    """Run a program of this machine in the network of a process."""
    return subprocess.run(
        ["nsenter", "-t", str(pid), "-n", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout


def dig(pid, *words):
    """All that dig says."""
    return run(pid, "dig", "+tries=1", "+time=8", "@127.0.0.11", *words)


def short(pid, *words):
    """The answers that dig gets, sorted."""
    return sorted(dig(pid, "+short", *words).split())


def code(pid, *words):
    """What dig gets in place of answers: ``NXDOMAIN``, ``SERVFAIL``; ``NOERROR`` for none."""
    text = dig(pid, *words)
    assert "ANSWER: 0" in text, text
    return text.partition("status: ")[2].partition(",")[0]


def with_resolver(engine, name, pid, *words):
    """Run a program of this machine as if it were in a container: its network, its resolv.conf."""
    file = os.path.join(engine.paths.container(containers.find(engine, name)["id"]), "resolv.conf")
    script = f'mount --bind {file} {PLACE} && exec "$@"'
    return run(pid, "unshare", "-m", "sh", "-c", script, "sh", *words)


# ------------------------------------------------------------------------------- names of containers


@in_own_network
def test_names_of_a_container(engine):
    network(engine, "front", "10.77.1.0/24")
    web = box(engine, "web", hostname="www", networks=[{"name": "front", "aliases": ["shop"]}])
    ask = box(engine, "ask")
    ident, address = containers.find(engine, "web")["id"], "10.77.1.2"
    for name in ("web", "www", "shop", ident[:12], "WeB", "web.front"):
        assert short(ask, name) == [address], name
        assert short(ask, "+tcp", name) == [address], name
    assert short(web, "ask") == ["10.77.1.3"] and short(web, "web") == [address]
    assert short(ask, "-x", address) == ["web.front."]
    assert code(ask, "web", "AAAA") == code(ask, "web", "MX") == "NOERROR"
    assert code(ask, "-x", "10.77.1.77") == "NXDOMAIN"
    shown = networks.inspect(engine, "front")["Containers"][ident]
    assert shown["Name"] == "web"
    found = do(engine, name="web")["container"]["NetworkSettings"]["Networks"]["front"]
    assert found["Aliases"] == ["shop"]
    assert found["DNSNames"] == ["web", "shop", ident[:12], "www"]


@in_own_network
def test_ipv6_addresses(engine):
    params = {"state": "present", "enable_ipv6": True}
    dual = dict(params, name="dual", ipam_config=[{"subnet": "10.77.6.0/24"}, {"subnet": SIX}])
    alone = dict(params, name="six", enable_ipv4=False, ipam_config=[{"subnet": "fd12:4::/64"}])
    for one in (dual, alone):
        carry_out(networks.plan(engine, one), False)
    box(engine, "web", networks=[{"name": "dual"}, {"name": "six", "aliases": ["shop"]}])
    ask, peer = (box(engine, name, networks=[{"name": name}]) for name in ("dual", "six"))
    assert short(ask, "web") == ["10.77.6.2"] and short(ask, "web", "AAAA") == ["fd12:3::2"]
    assert short(ask, "-x", "fd12:3::2") == ["web.dual."]
    assert code(ask, "-x", "fd12:3::77") == "NXDOMAIN"
    assert short(peer, "shop", "AAAA") == short(peer, "+tcp", "web", "AAAA") == ["fd12:4::2"]
    assert code(peer, "shop") == "NOERROR"  # it has no other: nothing, and not NXDOMAIN
    assert (
        with_resolver(engine, "six", peer, "getent", "ahostsv6", "shop").split()[0] == "fd12:4::2"
    )


@in_own_network
def test_a_name_ends_with_its_container(engine):
    _web, ask = front(engine, web=["shop"], ask=[])
    assert short(ask, "web") == ["10.77.1.2"]
    do(engine, name="web", state="stopped")
    assert code(ask, "web") == code(ask, "shop") == "NXDOMAIN"  # and nobody else was asked
    do(engine, name="web")
    assert short(ask, "web") == ["10.77.1.2"]
    do(engine, name="web", state="absent")
    assert code(ask, "web") != "NOERROR"


@in_own_network
def test_names_change_while_it_runs(engine):
    web, ask = front(engine, web=["shop"], ask=[])
    network(engine, "back", "10.77.2.0/24")
    peer = box(engine, "peer", networks=[{"name": "back"}])
    found = do(engine, name="web", networks=[{"name": "front", "aliases": ["store", "mart"]}])
    assert found["changed"] and found["container"]["State"]["Pid"] == web
    assert short(ask, "store") == short(ask, "mart") == ["10.77.1.2"]
    assert code(ask, "shop") != "NOERROR"
    again = do(engine, name="web", networks=[{"name": "front", "aliases": ["mart", "store"]}])
    assert not again["changed"]
    both = [{"name": "front"}, {"name": "back", "aliases": ["hind"]}]
    do(engine, name="web", networks=both)
    assert short(peer, "hind") == ["10.77.2.3"] and short(web, "peer") == ["10.77.2.2"]
    assert code(peer, "ask") != "NOERROR"  # on another network
    live_changes.rename(engine, containers.find(engine, "web"), "site")
    assert short(ask, "site") == ["10.77.1.2"] and code(ask, "web") != "NOERROR"
    do(engine, name="site", networks=[{"name": "back"}], network_mode="back")
    assert code(ask, "site") != "NOERROR"


@in_own_network
def test_several_under_one_alias_answer_in_turn(engine):
    *_some, ask = front(engine, one=["shop"], two=["shop"], three=["shop"], ask=[])
    firsts = [dig(ask, "+short", "shop").split()[0] for _again in range(6)]
    assert sorted(firsts) == sorted(["10.77.1.2", "10.77.1.3", "10.77.1.4"] * 2)
    do(engine, name="two", state="stopped")
    assert short(ask, "shop") == ["10.77.1.2", "10.77.1.4"]


@in_own_network
def test_links_are_of_one_container_alone(engine):
    _db, other = front(engine, db=[], other=[])
    ask = box(engine, "ask", links=["db:data"])
    assert short(ask, "data") == ["10.77.1.2"] and code(other, "data") != "NOERROR"
    box(engine, "old", networks=[{"name": "bridge"}])
    found = do(
        engine,
        name="young",
        command=["sleep", "1000"],
        networks=[{"name": "bridge"}],
        links=["old:elder"],
    )["container"]
    assert found["HostConfig"]["Links"] == ["/old:/young/elder"]
    with open(found["HostsPath"]) as file:
        line = next(line.split() for line in file if "elder" in line)
    old = do(engine, name="old")["container"]["NetworkSettings"]["IPAddress"]
    assert line == [old, "elder"]
    with open(found["ResolvConfPath"]) as file:
        assert "127.0.0.11" not in file.read()


@in_own_network
def test_links_of_one_network(engine):
    _db, other = front(engine, db=[], other=[])
    network(engine, "back", "10.77.2.0/24")
    box(engine, "db2", networks=[{"name": "back"}])
    both = [{"name": "front", "links": ["db:data"]}, {"name": "back", "links": ["db2:more"]}]
    ask = box(engine, "ask", networks=both)
    assert short(ask, "data") == ["10.77.1.2"] and short(ask, "more") == ["10.77.2.2"]
    assert code(other, "data") != "NOERROR"
    assert not do(engine, name="ask", networks=both)["changed"]
    both[1] = {"name": "back", "links": ["db2:most"]}
    found = do(engine, name="ask", networks=both)
    assert found["changed"] and found["container"]["State"]["Pid"] == ask
    assert short(ask, "most") == ["10.77.2.2"] and code(ask, "more") != "NOERROR"
    shown = found["container"]["NetworkSettings"]["Networks"]
    assert (shown["front"]["Links"], shown["back"]["Links"]) == (["db:data"], ["db2:most"])
    with pytest.raises(InvalidInput, match=r"^networks\.links: .*use the option links"):
        do(engine, True, name="new", networks=[{"name": "bridge", "links": ["db"]}])


@in_own_network
def test_a_network_without_names(engine):
    web, ask = front(engine, web=["shop"], ask=[])
    assert short(ask, "web") == ["10.77.1.2"]
    silent = {"name": "front", "state": "present", "disable_dns": True}
    found = carry_out(networks.plan(engine, silent), False)
    assert found["network"]["DisableDNS"] and "ask, web again" in found["actions"][0]
    assert code(ask, "web") != "NOERROR"
    shown = do(engine, name="ask")["container"]
    assert (
        shown["State"]["Pid"] == ask
        and shown["NetworkSettings"]["Networks"]["front"]["DNSNames"] is None
    )
    with open(shown["ResolvConfPath"]) as file:
        assert "127.0.0.11" not in file.read()
    late = box(engine, "late")
    assert "status:" not in run(late, "dig", "+tries=1", "+time=1", "@127.0.0.11", "web")
    assert not do(engine, name="late")["changed"]
    assert not carry_out(networks.plan(engine, silent), False)["changed"]
    with pytest.raises(InvalidInput, match=r"^networks\.aliases: .*\(disable_dns\)"):
        do(engine, True, name="new", networks=[{"name": "front", "aliases": ["x"]}])
    carry_out(networks.plan(engine, dict(silent, disable_dns=False)), False)
    assert short(late, "web") == short(late, "shop") == ["10.77.1.2"]  # as they run
    assert short(web, "late") == ["10.77.1.4"]
    with open(shown["ResolvConfPath"]) as file:
        assert "nameserver 127.0.0.11" in file.read()


def test_a_link_to_nobody_is_refused(engine, image):
    """Before anything is changed; where names are looked up it may come later, as with Docker."""
    bridge, sleep = [{"name": "bridge"}], ["sleep", "1000"]
    for check in (True, False):
        with pytest.raises(NotFound, match="^links: container nobody does not exist$"):
            do(engine, check, name="young", command=sleep, networks=bridge, links=["nobody:x"])
        assert containers.get(engine, "young") is None
    assert networks.get(engine, "bridge") is None


@in_own_network
def test_links_within_a_list_and_to_what_is_gone(engine):
    item = {"image": "box:1", "command": ["sleep", "1000"], "stop_timeout": 0}
    items = [dict(item, name="young", links=["old:elder"]), dict(item, name="old")]
    task.container(engine, {"containers": items})
    found = do(engine, name="young")["container"]
    old = do(engine, name="old")["container"]["NetworkSettings"]["IPAddress"]
    with open(found["HostsPath"]) as file:
        assert [old, "elder"] in [line.split() for line in file]
    do(engine, name="old", state="absent")
    assert not do(engine, name="young", links=["old:elder"])["changed"]
    assert do(engine, name="young", links=["old:elder"], restart=True)["changed"]
    network(engine, "front", "10.77.1.0/24")
    box(engine, "early", links=["late:db"])
    assert box(engine, "late") and do(engine, name="early")["container"]["State"]["Running"]


def test_the_default_network_has_no_aliases(engine, image):
    with pytest.raises(InvalidInput, match=r"^networks\.aliases"):
        do(engine, True, networks=[{"name": "bridge", "aliases": ["shop"]}])


@in_own_network
def test_a_replacement_has_the_name(engine):
    _web, ask = front(engine, web=["shop"], ask=[])
    found = do(engine, name="web", command=["sleep", "1001"])["container"]
    address = found["NetworkSettings"]["Networks"]["front"]["IPAddress"]
    assert short(ask, "web") == short(ask, "shop") == [address]


@in_own_network
def test_glibc_musl_and_busybox(engine):
    _web, ask = front(engine, web=["shop"], ask=[])
    assert with_resolver(engine, "ask", ask, "getent", "hosts", "shop").split() == [
        "10.77.1.2",
        "shop",
    ]
    assert with_resolver(engine, "ask", ask, "getent", "hosts", "10.77.1.2").split() == [
        "10.77.1.2",
        "web.front",
    ]
    assert "Address: 10.77.1.2" in with_resolver(engine, "ask", ask, "busybox", "nslookup", "web")
    program = os.path.join(engine.paths.tmp, "find")
    subprocess.run(
        ["musl-gcc", "-static", "-o", program, "-x", "c", "-"], input=MUSL.encode(), check=True
    )
    assert with_resolver(engine, "ask", ask, program, "web").split() == ["10.77.1.2"]
    assert with_resolver(engine, "ask", ask, program, "nobody").split() == []
    os.unlink(program)


@in_own_network
def test_a_container_may_have_a_dns_server(engine):
    _web, ask = front(engine, web=[], ask=[])
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 53));"
        "t = socket.socket(); t.bind(('0.0.0.0', 53)); t.listen(); print('bound', flush=True);"
        "d, a = s.recvfrom(512); s.sendto(d, a)"
    )
    with subprocess.Popen(
        ["nsenter", "-t", str(ask), "-n", "python3", "-c", script], stdout=subprocess.PIPE
    ) as server:
        assert server.stdout.readline() == b"bound\n"
        assert short(ask, "web") == ["10.77.1.2"]
        assert "10.77.1.2" not in run(ask, "dig", "+tries=1", "+time=1", "@127.0.0.1", "web")
        server.kill()


# ----------------------------------------------------------------------------------- names of others


def with_host_file(test):
    """As in_own_network, in a mount namespace of its own; ``test(engine, say)``.

    ``say(text)`` writes the host's resolv.conf.
    """

    @functools.wraps(test)
    def wrapper(engine):
        syscalls.unshare(CLONE_NEWNS)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        path = os.path.join(engine.paths.tmp, "host-file")

        def say(text):
            with open(path, "w") as file:
                file.write(text)

        say("")
        subprocess.run(["mount", "--bind", path, PLACE], check=True)
        try:
            test(engine, say)
        finally:
            os.unlink(path)

    del wrapper.__wrapped__
    return in_own_network(wrapper)


@with_host_file
def test_the_hosts_resolvers_of_ipv6_on_the_default_network(engine, say):
    say("nameserver 192.0.2.1\nnameserver fd00::1\n")
    texts = []
    for ipv6 in (False, True):
        params = {"name": "bridge", "state": "present", "enable_ipv6": ipv6}
        carry_out(networks.plan(engine, params), False)
        found = do(engine, command=["sleep", "1000"], restart=True)["container"]
        with open(found["ResolvConfPath"]) as file:
            texts.append([line.split()[1] for line in file if line.startswith("nameserver")])
    assert texts == [["192.0.2.1"], ["192.0.2.1", "fd00::1"]]


class Server:
    """A DNS server in this process's network, in a process of its own; each has an answer of its own.

    ``big.test`` has more than a datagram holds, ``refused.test`` and all of a ``silent`` one none.
    """

    def __init__(self, address, answer, silent=False):
        self.answer = answer
        self.reader, self.writer = os.pipe()
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket()
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for one in (udp, tcp):
            one.bind((address, 53))
        tcp.listen()
        self.pid = os.fork()
        if self.pid == 0:
            syscalls.prctl(1, signal.SIGKILL)  # with the test (PR_SET_PDEATHSIG)
            try:
                self._serve(udp, tcp, silent)
            finally:
                os._exit(1)
        udp.close()
        tcp.close()

    def _serve(self, udp, tcp, silent):
        while True:
            for one in select.select([udp, tcp], [], [])[0]:
                if one is udp:
                    data, peer = udp.recvfrom(4096)
                    os.write(self.writer, b".")
                    if not silent:
                        udp.sendto(self._reply(data, 512), peer)
                else:
                    stream, _peer = tcp.accept()
                    with stream, stream.makefile("rb") as file:
                        reply = self._reply(file.read(int.from_bytes(file.read(2), "big")), 65535)
                        stream.sendall(len(reply).to_bytes(2, "big") + reply)

    def _reply(self, data, size):
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        name = query.question[0].name
        if str(name) == "refused.test.":
            reply.set_rcode(5)
        elif query.question[0].rdtype == 1:
            many = [f"10.200.{n // 250}.{n % 250 + 1}" for n in range(200)]
            found = many if str(name) == "big.test." else [self.answer]
            reply.answer = [dns.rrset.from_text(name, 60, "IN", "A", *found)]
        try:
            return reply.to_wire(max_size=size)
        except dns.exception.TooBig:
            reply.answer, reply.flags = [], reply.flags | dns.flags.TC
            return reply.to_wire()

    def asked(self):
        """How often it was asked since the last time."""
        os.set_blocking(self.reader, False)
        try:
            return len(os.read(self.reader, 1 << 16))
        except BlockingIOError:
            return 0

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@with_host_file
def test_others_are_asked_of_the_hosts_servers(engine, say):
    """On the host's loopback too, as systemd-resolved has it; a change of the file is followed."""
    _web, ask = front(engine, web=[], ask=[])
    assert code(ask, "other.test") == "SERVFAIL"  # there is none
    first, second = Server("127.0.0.53", "10.1.1.1"), Server("127.0.0.54", "10.2.2.2")
    say("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.test\n")
    assert short(ask, "other.test") == short(ask, "+tcp", "other.test") == ["10.1.1.1"]
    say("nameserver 127.0.0.54\nnameserver 127.0.0.53\n")
    assert short(ask, "other.test") == ["10.2.2.2"]
    assert len(short(ask, "+ignore", "big.test")) == 0 and len(short(ask, "big.test")) == 200
    assert code(ask, "+noedns", "refused.test") == "REFUSED"
    first.asked()
    second.asked()
    assert short(ask, "web") == ["10.77.1.2"] and code(ask, "web", "AAAA") == "NOERROR"
    do(engine, name="web", state="stopped")
    assert code(ask, "web") == code(ask, "-x", "10.77.1.2") == "NXDOMAIN"
    assert first.asked() == second.asked() == 0  # what is ours is nobody else's
    second.close()
    assert short(ask, "other.test") == ["10.1.1.1"]  # refused there, so the next one
    first.close()


@with_host_file
def test_a_server_that_is_silent_is_asked_last(engine, say):
    _web, ask = front(engine, web=[], ask=[])
    dead, alive = Server("127.0.0.53", "", silent=True), Server("127.0.0.54", "10.2.2.2")
    say("nameserver 127.0.0.53\nnameserver 127.0.0.54\n")
    assert short(ask, "one.test") == ["10.2.2.2"] and dead.asked() == 1
    begun = time.monotonic()
    assert short(ask, "two.test") == ["10.2.2.2"] and dead.asked() == 0
    assert time.monotonic() - begun < 1.4
    # More questions than may wait: the rest is answered at once, and others are not kept waiting.
    alive.close()
    say("nameserver 127.0.0.53\n")
    flood = (
        "import os, socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "rest = b'\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4n%03d\\4test\\0\\0\\1\\0\\1'\n"
        "for n in range(600):\n"
        "    s.sendto(os.urandom(2) + rest % n, ('127.0.0.11', 53))\n"
        "    if n % 100 == 99: time.sleep(0.1)\n"
        "s.settimeout(0.5); n = 0\n"
        "try:\n"
        "    while s.recv(512): n += 1\n"
        "except OSError: print(n)\n"
    )
    refused = int(run(ask, "python3", "-c", flood))
    assert 0 < refused < 600
    assert short(ask, "web") == ["10.77.1.2"]
    (pid,) = named(engine)
    waiting.eventually(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 60)
    dead.close()


@with_host_file
def test_a_container_on_internal_networks_asks_nobody_else(engine, say):
    server = Server("127.0.0.53", "10.1.1.1")
    say("nameserver 127.0.0.53\n")
    params = {"name": "shut", "state": "present", "internal": True}
    params["ipam_config"] = [{"subnet": "10.77.9.0/24"}]
    carry_out(networks.plan(engine, params), False)
    network(engine, "front", "10.77.1.0/24")
    web = box(engine, "web", networks=[{"name": "shut"}])
    peer = box(engine, "peer", networks=[{"name": "shut"}])
    assert short(peer, "web") == ["10.77.9.2"]
    assert code(web, "other.test") == "SERVFAIL" and server.asked() == 0
    do(engine, name="web", networks=[{"name": "shut"}, {"name": "front"}])
    assert short(web, "other.test") == ["10.1.1.1"] and server.asked() == 1
    do(engine, name="web", networks=[{"name": "shut"}])
    assert code(web, "other.test") == "SERVFAIL" and server.asked() == 0
    server.close()


@with_host_file
def test_its_own_servers_are_asked_from_its_network(engine, say):
    host = Server("127.0.0.53", "10.1.1.1")
    say("nameserver 127.0.0.53\n")
    params = {"name": "front", "state": "present", "allow_host": True}
    params["ipam_config"] = [{"subnet": "10.77.1.0/24"}]
    carry_out(networks.plan(engine, params), False)
    box(engine, "web")
    own = Server("10.77.1.1", "10.3.3.3")
    ask = box(engine, "ask", dns_servers=["10.77.1.1"], dns_opts=["ndots:2"])
    assert short(ask, "other.test") == ["10.3.3.3"] and host.asked() == 0
    own.asked()
    assert code(ask, "word") == "NXDOMAIN" and own.asked() == 0  # ndots says where it belongs
    found = do(engine, name="ask")["container"]
    with open(found["ResolvConfPath"]) as file:
        assert file.read() == "nameserver 127.0.0.11\noptions ndots:2\n"
    host.close()
    own.close()


@with_host_file
def test_files_that_were_edited_in_the_container(engine, say):
    """An edited resolv.conf stays over a restart, hosts is made anew (as with Docker)."""
    say("nameserver 9.9.9.9\n")
    web = box(engine, "web", networks=[{"name": "bridge"}])
    found = do(engine, name="web")["container"]
    hosts, resolver = found["HostsPath"], found["ResolvConfPath"]

    def text(path):
        with open(path) as file:
            return file.read()

    def edit(path):
        with open(f"/proc/{web}/root{path}", "a") as file:
            file.write("# mine\n")

    made = text(hosts)
    edit("/etc/hosts")
    do(engine, name="web", memory="64m")  # while it runs, nothing of this is its business
    assert text(hosts) == made + "# mine\n"
    say("nameserver 8.8.8.8\n")
    do(engine, name="web", restart=True)
    assert text(hosts) == made and text(resolver) == "nameserver 8.8.8.8\n"
    web = do(engine, name="web")["container"]["State"]["Pid"]
    edit("/etc/resolv.conf")
    say("nameserver 9.9.9.9\n")
    do(engine, name="web", restart=True)
    assert text(resolver) == "nameserver 8.8.8.8\n# mine\n"
    do(engine, name="web", hostname="other")  # a new container has new files
    assert text(do(engine, name="web")["container"]["ResolvConfPath"]) == "nameserver 9.9.9.9\n"


# ---------------------------------------------------------------------------------- what can go wrong


def named(engine, name="pyc-names"):
    """The pids of this engine's processes of a name."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline") as command, open(f"/proc/{entry}/comm") as comm:
                    if comm.read().strip() == name and engine.paths.run in command.read():
                        found.append(int(entry))
            except OSError:
                pass
    return found


def answered(pid, name):
    """Tell whether a query is answered at once: dig would wait a second for one that is lost."""
    words = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
    query = b"\1\2\1\0\0\1\0\0\0\0\0\0" + words + b"\0\0\1\0\1"
    with container_links.visiting(pid), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.05)
        try:
            sock.connect(("127.0.0.11", 53))
            sock.send(query)
            return len(sock.recv(512)) > len(query)  # with an answer behind the question
        except OSError:
            return False


@in_own_network
def test_killed_it_is_back_within_a_second(engine):
    web, ask = front(engine, web=["shop"], ask=[])

    def kill():
        (pid,) = named(engine)
        os.kill(pid, signal.SIGKILL)
        waiting.eventually(lambda: answered(ask, "shop"), 20)
        assert named(engine) != [pid]
        assert short(ask, "shop") == ["10.77.1.2"]

    waiting.within("names are back", 1, kill)
    for _again in range(2):
        kill()
    live_changes.rename(engine, containers.find(engine, "web"), "site")
    assert short(ask, "site") == ["10.77.1.2"]
    assert do(engine, name="site")["container"]["State"]["Pid"] == web


@in_own_network
def test_with_the_zygote_killed_it_is_back_as_well(engine):
    _web, ask = front(engine, web=[], ask=[])
    (zygote,) = named(engine, "pyc-zygote")
    os.kill(zygote, signal.SIGKILL)
    assert short(ask, "web") == ["10.77.1.2"]  # who answers needs no zygote
    waiting.eventually(lambda: named(engine, "pyc-zygote") not in ([], [zygote]))
    waiting.eventually(lambda: named(engine, "pyc-guard"))  # it is watched over, too
    for name in ("pyc-zygote", "pyc-names"):
        for pid in named(engine, name):
            os.kill(pid, signal.SIGKILL)
    waiting.eventually(lambda: short(ask, "+time=1", "web") == ["10.77.1.2"])
    # or it comes while the others are killed
    waiting.eventually(lambda: named(engine, "pyc-guard"))
    unwatched.kill(engine.paths.run)
    for pid in named(engine):
        os.kill(pid, signal.SIGKILL)
    waiting.eventually(lambda: not named(engine))
    assert names_client.lost(engine.paths)
    place = ["--root", engine.paths.data, "--runroot", engine.paths.run]
    for said in (f"Warning: {names_client.MENDED}\n", ""):  # the next call of any kind says it
        with contextlib.redirect_stderr(io.StringIO()) as errors:
            assert cli.main([*place, "volume", "ls", "-q"]) == 0
        assert errors.getvalue() == said
        waiting.eventually(lambda: not names_client.lost(engine.paths))
    waiting.eventually(lambda: short(ask, "+time=1", "web") == ["10.77.1.2"])
    box(engine, "more")
    waiting.eventually(lambda: len(named(engine)) == 1)
    assert short(ask, "more") == ["10.77.1.4"] and short(ask, "web") == ["10.77.1.2"]


@in_own_network
def test_with_all_killed_names_and_ports_are_back_with_the_next_call(engine):
    network(engine, "front", "10.77.1.0/24")
    ask = box(engine, "ask")
    served = do(engine, **serving(networks=[{"name": "front"}], published_ports=["8080:80"]))
    pid, ident = served["container"]["State"]["Pid"], served["container"]["Id"]
    assert get(8080) == ident[:12] and short(ask, "web") == ["10.77.1.3"]
    with socket.create_connection(("10.77.1.3", 80)) as kept:
        ours = ("pyc-guard", "pyc-zygote", "pyc-names", "pyc-monitor")
        # who stands still starts nobody again
        for number in (signal.SIGSTOP, signal.SIGSTOP, signal.SIGKILL):
            for one in [pid for name in ours for pid in named(engine, name)]:
                os.kill(one, number)
        waiting.eventually(lambda: not named(engine))
        assert get(80, "10.77.1.3") == ident[:12], "the container and its network go on"
        kept.sendall(b"GET / HTTP/1.0\r\n\r\n")
        page = kept.makefile("rb").read()
        assert ident[:12].encode() in page, "and who is connected stays so"
    with contextlib.redirect_stderr(io.StringIO()):
        place = ["--root", engine.paths.data, "--runroot", engine.paths.run]
        assert cli.main([*place, "volume", "ls", "-q"]) == 0
    waiting.eventually(lambda: short(ask, "+time=1", "web") == ["10.77.1.3"])
    waiting.eventually(lambda: get(8080) == ident[:12])
    assert not do(engine, **serving(networks=[{"name": "front"}], published_ports=["8080:80"]))[
        "changed"
    ]
    assert containers.inspect(engine, containers.find(engine, "web"))["State"]["Pid"] == pid


@in_own_network
def test_it_ends_with_the_last_container(engine):
    front(engine, web=[])
    assert len(named(engine)) == 1
    do(engine, name="web", state="stopped")
    waiting.eventually(lambda: not named(engine))
    assert not os.path.exists(os.path.join(engine.paths.data, LOCK))
    box(engine, "ask")
    assert len(named(engine)) == 1


@in_own_network
def test_it_shares_the_memory_of_the_zygote(engine):
    front(engine, web=[])
    (pid,) = named(engine)
    with open(f"/proc/{pid}/smaps_rollup") as file:
        own = next(int(line.split()[1]) for line in file if line.startswith("Private_Dirty:"))
    assert own < 2800  # KB; 3300 with its modules in its own memory
