# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log drivers against peers that read the wire: what arrives, and that none of them stops a container."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import threading
import time
import zlib

import pytest
from pycontainer.containers.view import logs
from support import waiting


def facts(box, tag="tag"):
    return {
        "id": box.ident,
        "name": "web",
        "image": "box:1",
        "image_id": "sha256:" + "ab" * 32,
        "command": "sh -c true",
        "created": 1000.5,
        "tag": tag,
    }


def log(box, driver, buffer=None, cache=True, attributes=None, **options):
    """A box's ``log`` of run.json."""
    return {
        "driver": driver,
        "max_size": 1 << 20,
        "max_file": 2,
        "compress": False,
        "buffer": buffer,
        "attributes": attributes or {},
        "cache": cache,
        "options": {f"{driver}-{key}": value for key, value in options.items()},
        "facts": facts(box),
    }


class Peer:
    """What listens: a socket and the threads that read; ``opened`` are those of the running test."""

    opened = []

    def _begin(self):
        self.threads, self.connections = [], []
        self.opened.append(self)

    def _follow(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def close(self):
        """Wake the threads, and wait for their end: no thread is left to the tests of the next file."""
        for each in (self.socket, *self.connections):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other end was first, or it was closed
        for thread in self.threads:
            thread.join(10)
        for each in (self.socket, *self.connections):
            each.close()

    @property
    def port(self):
        return self.socket.getsockname()[1]


@pytest.fixture(autouse=True)
def peers_end():
    """End the peers of a test."""
    yield
    while Peer.opened:
        Peer.opened.pop().close()


class Datagrams(Peer):
    """A socket of the host that takes datagrams, or UDP's; ``got`` is what has come."""

    def __init__(self, path=None, reads=True):
        self._begin()
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(str(path) if path else ("127.0.0.1", 0))
        self.got = []
        if reads:
            self._follow(self._read)

    def _read(self):
        while data := self.socket.recv(1 << 17):
            self.got.append(data)


class Server(Peer):
    """A TCP or local server that keeps what its connections send. ``tls``: a context."""

    def __init__(self, path=None, tls=None, port=0, reads=True, answers=None):
        self._begin()
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        if not path:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not reads:  # it takes little
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind(str(path) if path else ("127.0.0.1", port))
        self.socket.listen()
        self.tls, self.reads, self.answers = tls, reads, answers
        self.data = b""
        self._follow(self._accept)

    def _accept(self):
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            if self.reads:
                self._follow(self._read, connection)

    def _read(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while data := connection.recv(1 << 16):
                self.data += data
                if self.answers:
                    self.answers(connection, data)
        except OSError:
            pass


def fields(datagram):
    """Parse a datagram of the journal's protocol."""
    found = {}
    while datagram:
        line, _feed, datagram = datagram.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", datagram)
            value, datagram = datagram[8 : 8 + length], datagram[8 + length + 1 :]
        found[key.decode()] = value.decode()
    return found


@pytest.fixture
def journal():
    """The path of the journal's socket, on a machine that has none; what is made for it is removed."""
    path = "/run/systemd/journal/socket"
    if os.path.exists(path):
        pytest.skip("this machine has a journal")
    made, directory = [], os.path.dirname(path)
    while not os.path.exists(directory):
        made.append(directory)
        directory = os.path.dirname(directory)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    yield path
    if os.path.exists(path):
        os.unlink(path)
    for directory in made:
        os.rmdir(directory)


def ended(box):
    box.start()
    assert box.wait() == 0


def test_journal_gets_dockers_fields(boxes, journal):
    box = boxes.shell("echo out; echo err >&2; head -c 20000 /dev/zero | tr '\\0' y; echo")
    box.run["log"] = log(box, "journald", attributes={"com.example/role": "a\nb", "_x": "1"})
    peer = Datagrams(journal)
    ended(box)
    waiting.eventually(lambda: len(peer.got) == 4)
    found = [fields(each) for each in peer.got]
    by = {each["MESSAGE"][:3]: each for each in found[:]}
    assert by["out"]["PRIORITY"] == "6" and by["err"]["PRIORITY"] == "3"
    assert {key: by["out"][key] for key in sorted(by["out"]) if key[0] in "CIX"} == {
        "COM_EXAMPLE_ROLE": "a\nb",
        "CONTAINER_ID": box.ident[:12],
        "CONTAINER_ID_FULL": box.ident,
        "CONTAINER_NAME": "web",
        "CONTAINER_TAG": "tag",
        "IMAGE_NAME": "box:1",
        "X": "1",
    }
    long = [each for each in found if each["MESSAGE"].startswith("y")]
    assert [len(each["MESSAGE"]) for each in long] == [16384, 20000 - 16384]
    assert [each.get("CONTAINER_PARTIAL_MESSAGE") for each in long] == ["true", None]
    assert box.log().startswith(("out\n", "err\n")), "what goes elsewhere is kept here, too"
    assert "log" not in box.state


@pytest.mark.parametrize("scheme", ["udp", "tcp", "unix", "unixgram"])
def test_syslog_by_every_way(boxes, tmp_path, scheme):
    box = boxes.shell("echo out; echo err >&2")
    path = tmp_path / "s" if scheme.startswith("unix") else None
    peer = Datagrams(path) if scheme in ("udp", "unixgram") else Server(path)
    place = path or f"127.0.0.1:{peer.port}"
    box.run["log"] = log(
        box, "syslog", address=f"{scheme}://{place}", facility="local0", format="rfc3164"
    )
    ended(box)

    def lines():
        return sorted(peer.got) if isinstance(peer, Datagrams) else sorted(peer.data.splitlines())

    waiting.eventually(lambda: len(lines()) == 2)
    err, out = lines()
    month, _day, clock, host, tag, text = out.decode().split(">")[1].split()
    assert out.startswith(b"<134>") and err.startswith(b"<131>") and err.endswith(b"]: err")
    assert host == socket.gethostname() and tag.startswith("tag[") and text == "out"
    assert time.strptime(f"{month} {clock}", "%b %H:%M:%S")


def test_syslog_over_tls_in_frames(boxes, authority):
    import ssl

    box = boxes.shell("echo one; echo two")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority["cert"], authority["key"])
    peer = Server(tls=context)
    box.run["log"] = log(box, "syslog", address=f"tcp+tls://localhost:{peer.port}")
    box.run["log"]["options"].update(
        {"syslog-format": "rfc5424micro", "syslog-tls-ca-cert": authority["cert"]}
    )
    ended(box)
    waiting.eventually(lambda: peer.data.endswith(b"two"))
    left, texts = peer.data, []
    while left:
        length, _space, left = left.partition(b" ")
        texts.append(left[: int(length)].decode())
        left = left[int(length) :]
    head, moment, host, tag, _pid, again, data, text = texts[0].split(" ")
    assert (head, host, tag, again, data, text) == (
        "<30>1",
        socket.gethostname(),
        "tag",
        "tag",
        "-",
        "one",
    )
    assert len(moment) == len("2026-01-02T03:04:05.123456Z") and len(texts) == 2
    # A server that another authority vouches for gets nothing.
    other = boxes.shell("echo secret")
    other.run["log"] = log(other, "syslog", address=f"tcp+tls://localhost:{peer.port}", buffer=9)
    before = peer.data
    ended(other)
    assert peer.data == before and "verify" in other.state["log"]["error"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of localhost that vouches for itself."""
    import subprocess

    directory = tmp_path_factory.mktemp("tls")
    cert, key = str(directory / "cert.pem"), str(directory / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return {"cert": cert, "key": key}


def test_a_server_that_is_gone_for_a_moment_loses_nothing_in_mode_blocking(boxes, tmp_path):
    box = boxes.shell("echo 0; read x; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done")
    box.run["interactive"] = True
    peer = Server()
    box.run["log"] = log(box, "syslog", address=f"tcp://127.0.0.1:{peer.port}")
    box.start()
    waiting.eventually(lambda: b": 0\n" in peer.data)
    peer.close()
    with open(os.path.join(box.paths.container_run(box.ident), "stdin"), "w") as file:
        file.write("\n")
    waiting.eventually(lambda: box.log().count("\n") > 100)
    again = Server(port=peer_port(box))
    waiting.eventually(lambda: b": 5000\n" in again.data)
    assert again.data.count(b"\n") == 5000
    assert box.wait() == 0 and "log" not in box.state


def peer_port(box):
    return int(box.run["log"]["options"]["syslog-address"].rpartition(":")[2])


@pytest.mark.parametrize("what", ["hung server", "no server", "hung journal"])
def test_nothing_stops_a_container_in_mode_non_blocking(boxes, journal, what):
    box = boxes.shell("yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -n 100000")
    if what == "hung journal":
        box.run["log"] = log(box, "journald", buffer=65536)
        peer = Datagrams(journal, reads=False)
    else:
        peer = Server(reads=False)
        address = f"tcp://127.0.0.1:{peer.port}"
        if what == "no server":
            peer.close()
        box.run["log"] = log(box, "syslog", buffer=65536, address=address)
    box.start()
    begun = time.monotonic()
    assert box.wait(60) == 0
    lost = box.state["log"]
    assert 50000 < lost["dropped"] <= 100000 and lost["error"]
    assert time.monotonic() - begun < 40
    assert box.log(tail=1).startswith("xxx"), "what is kept here is not held up"


def test_a_hung_server_holds_a_container_up_in_mode_blocking_but_not_its_stop(boxes):
    box = boxes.shell("echo 0; exec yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")
    peer = Server(reads=False)
    box.run["log"] = log(box, "syslog", address=f"tcp://127.0.0.1:{peer.port}")
    box.run["log"]["max_size"] = None
    box.start()

    def held_up():
        if not logs.files(box.paths, box.ident):
            return False
        before = os.path.getsize(logs.path(box.paths, box.ident))
        time.sleep(0.3)
        return before == os.path.getsize(logs.path(box.paths, box.ident)) > 100000

    waiting.eventually(held_up)
    with open(f"/proc/{box.state['pid']}/wchan") as file:
        assert "pipe" in file.read()
    begun = time.monotonic()
    box.stop(timeout=1)
    assert time.monotonic() - begun < 8
    assert box.state["status"] == "exited" and box.state["log"]["dropped"] > 0


def test_files_in_mode_non_blocking_are_written_by_a_process_that_is_followed(boxes):
    box = boxes.shell("for i in 1 2 3; do echo $i; read x; done")
    box.run["interactive"] = True
    box.run["log"] = log(box, "json-file", buffer=1 << 20)
    pid = box.start()
    stdin = os.path.join(box.paths.container_run(box.ident), "stdin")
    waiting.eventually(lambda: box.log() == "1\n")
    with open(f"/proc/{pid}/stat") as file:
        monitor = int(file.read().rpartition(")")[2].split()[1])
    with open(f"/proc/{monitor}/task/{monitor}/children") as file:
        (writer,) = [int(child) for child in file.read().split() if int(child) != pid]
    with open(f"/proc/{writer}/comm") as file:
        assert file.read() == "pyc-log\n"
    os.kill(writer, 9)
    waiting.eventually(lambda: not os.path.exists(f"/proc/{writer}"))
    with open(stdin, "w") as file:
        file.write("\n\n\n")
    assert box.wait() == 0
    assert [entry["log"] for entry in logs.read(box.paths, box.ident)] == ["1\n", "2\n", "3\n"]
    assert "log" not in box.state


def whole(datagrams):
    """Put chunks of GELF together: ``{id: message}``, and messages that came in one."""
    found, parts = [], {}
    for data in datagrams:
        if data[:2] == b"\x1e\x0f":
            ident, number, count = struct.unpack_from("8sBB", data, 2)
            parts.setdefault((ident, count), {})[number] = data[12:]
        else:
            found.append(data)
    for (_ident, count), pieces in parts.items():
        if len(pieces) == count:
            found.append(b"".join(pieces[number] for number in range(count)))
    return found


@pytest.mark.parametrize("compression", ["gzip", "zlib", "none"])
def test_gelf_by_datagrams_in_chunks(boxes, compression):
    box = boxes.shell("echo err >&2; head -c 9000 /dev/urandom | base64 -w 0; echo")
    peer = Datagrams()
    box.run["log"] = log(box, "gelf", attributes={"a b": "1", "id": "2"})
    box.run["log"]["options"] = {
        "gelf-address": f"udp://127.0.0.1:{peer.port}",
        "gelf-compression-type": compression,
    }
    ended(box)
    waiting.eventually(lambda: len(whole(peer.got)) == 2)
    read = {"gzip": gzip.decompress, "zlib": zlib.decompress, "none": bytes}[compression]
    by = {found["level"]: found for found in map(json.loads, map(read, whole(peer.got)))}
    assert len(by[6]["short_message"]) == 12000 and len(peer.got) > 5
    assert abs(by[3].pop("timestamp") - time.time()) < 60
    assert by[3] == {
        "version": "1.1",
        "host": socket.gethostname(),
        "short_message": "err",
        "level": 3,
        "_a_b": "1",
        "_container_id": box.ident,
        "_container_name": "web",
        "_image_id": "sha256:" + "ab" * 32,
        "_image_name": "box:1",
        "_command": "sh -c true",
        "_tag": "tag",
        "_created": "1970-01-01T00:16:40.500000000Z",
    }


def test_gelf_over_tcp(boxes):
    box = boxes.shell("echo one; echo two")
    peer = Server()
    box.run["log"] = log(box, "gelf", address=f"tcp://127.0.0.1:{peer.port}")
    ended(box)
    waiting.eventually(lambda: peer.data.count(b"\0") == 2)
    found = [json.loads(each)["short_message"] for each in peer.data.split(b"\0")[:-1]]
    assert found == ["one", "two"]


class Unpacker:
    """MessagePack as the Forward protocol has it, read by another hand than the driver's."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data)
        return self.data[self.at - count : self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def value(self):
        kind = self.number(1)
        if kind >> 4 == 8:
            return {self.value(): self.value() for _each in range(kind & 15)}
        if kind == 0xDE:
            return {self.value(): self.value() for _each in range(self.number(2))}
        if kind >> 4 == 9:
            return [self.value() for _each in range(kind & 15)]
        if kind >> 5 == 5:
            return self.take(kind & 31).decode()
        if kind in (0xD9, 0xDA, 0xDB):
            return self.take(self.number(1 << (kind - 0xD9))).decode()
        if kind == 0xD7:
            assert self.number(1) == 0
            return (self.number(4), self.number(4))
        assert kind == 0xCE, hex(kind)
        return self.number(4)

    def all(self):
        while self.at < len(self.data):
            yield self.value()


@pytest.mark.parametrize("way", ["tcp", "unix"])
def test_fluentd_with_and_without_receipts(boxes, tmp_path, way):
    box = boxes.shell("echo out; echo err >&2; head -c 20000 /dev/zero | tr '\\0' y; echo")
    refused = []

    def answer(connection, data):
        """Acknowledge, but not at first: the entry comes again then."""
        chunk = list(Unpacker(data).all())[0][3]["chunk"]
        if not refused:
            refused.append(chunk)
            connection.shutdown(socket.SHUT_RDWR)
            return
        connection.sendall(b"\x81\xa3ack" + bytes([0xA0 | len(chunk)]) + chunk.encode())

    acknowledged = way == "tcp"
    peer = Server(
        None if acknowledged else tmp_path / "f", answers=answer if acknowledged else None
    )
    place = f"127.0.0.1:{peer.port}" if acknowledged else tmp_path / "f"
    box.run["log"] = log(box, "fluentd", address=f"{way}://{place}", attributes={"a": "b" * 300})
    box.run["log"]["options"].update(
        {"fluentd-request-ack": acknowledged, "fluentd-sub-second-precision": acknowledged}
    )
    ended(box)
    assert "log" not in box.state

    def entries():
        try:
            return list(Unpacker(peer.data).all())
        except (AssertionError, IndexError):  # the last one is still on its way
            return []

    waiting.eventually(lambda: len(entries()) >= 4 + acknowledged)
    found = entries()
    if acknowledged:
        assert found[0][:3] == found[1][:3] and found[0][3] != found[1][3]
        del found[0]
    assert len(found) == 4 and {entry[0] for entry in found} == {"tag"}
    moment = found[0][1][0] if acknowledged else found[0][1]
    assert abs(moment - time.time()) < 60
    records = [entry[2] for entry in found]
    assert sorted(record["log"][:3] for record in records) == ["err", "out", "yyy", "yyy"]
    assert {record["source"] for record in records if record["log"] == "err"} == {"stderr"}
    assert [record.get("partial_message") for record in records if record["log"][0] == "y"] == [
        "true",
        None,
    ]
    assert all(
        record["container_id"] == box.ident
        and record["container_name"] == "/web"
        and record["a"] == "b" * 300
        for record in records
    )
