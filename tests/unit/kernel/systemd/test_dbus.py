# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""D-Bus messages as bytes, and against a bus of its own where dbus-daemon is installed."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading

import pytest
from pycontainer.errors import HostError, NotFound, Unsupported
from pycontainer.kernel.systemd import dbus, systemd_units


def test_types_are_split():
    assert dbus.split("ssa(sv)a(sa(sv))") == ["s", "s", "a(sv)", "a(sa(sv))"]
    assert dbus.split("aai{sv}(i(ii))u") == ["aai", "{sv}", "(i(ii))", "u"]


@pytest.mark.parametrize(
    "kind, value, data",
    [
        ("y", 7, "07"),
        ("b", True, "01000000"),
        ("u", 258, "02010000"),
        ("s", "ab", "02000000616200"),
        ("g", "su", "02737500"),
        ("t", 1, "0100000000000000"),
        ("au", [1, 2], "080000000100000002000000"),
        ("ay", b"\1\2", "020000000102"),
        ("as", [], "00000000"),
        ("v", ("u", 5), "0175000005000000"),
        ("a(ss)", [("a", "b")], "0e000000000000000100000061000000010000006200"),
        ("at", [], "0000000000000000"),
    ],
)
def test_values_as_bytes(kind, value, data):
    written = bytearray()
    dbus.write(written, kind, value)
    assert written.hex() == data
    read = dbus.Reader(bytes(written), "<").read(kind)
    assert read == (value[1] if kind == "v" else value)


def test_a_call_as_bytes():
    data = dbus.message(3, "/a", "b.c", "D", "su", ("x", 9), "")
    assert data[:4] == b"l\1\0\1" and struct.unpack_from("<II", data, 4) == (12, 3)
    length = struct.unpack_from("<I", data, 12)[0]
    reader = dbus.Reader(data, "<")
    reader.at = 12
    assert dict(reader.read("a(yv)")) == {1: "/a", 2: "b.c", 3: "D", 8: "su"}
    assert len(data) == 16 + length + -length % 8 + 12 and data.endswith(
        b"\1\0\0\0x\0\0\0\x09\0\0\0"
    )


def test_unit_paths():
    assert (
        systemd_units.unit_path("test-1.scope") == "/org/freedesktop/systemd1/unit/test_2d1_2escope"
    )
    assert systemd_units.unit_path("9a.slice").endswith("/_39a_2eslice")


@pytest.fixture
def bus(tmp_path):
    if not shutil.which("dbus-daemon"):
        pytest.skip("dbus-daemon is not installed")
    path = tmp_path / "bus"
    config = tmp_path / "config"
    config.write_text(
        f'<busconfig><listen>unix:path={path}</listen><auth>EXTERNAL</auth><policy context="default">'
        '<allow send_destination="*"/><allow receive_type="method_return"/><allow receive_type="error"/>'
        '<allow receive_type="signal"/><allow own="*"/></policy></busconfig>'
    )
    daemon = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
    )
    daemon.stdout.readline()
    yield str(path)
    daemon.kill()
    daemon.communicate(timeout=20)


BUS = ("/org/freedesktop/DBus", "org.freedesktop.DBus")


def test_against_a_bus(bus):
    connection = dbus.Connection(bus, "org.freedesktop.DBus", True, 0)
    try:
        assert "org.freedesktop.DBus" in connection.call(*BUS, "ListNames")[0]
        assert connection.call(*BUS, "RequestName", "su", ("org.test.Name", 4)) == [1]
        assert connection.call(*BUS, "NameHasOwner", "s", ("org.test.Name",)) == [True]
        assert isinstance(
            connection.call(
                BUS[0], "org.freedesktop.DBus.Properties", "Get", "ss", (BUS[1], "Features")
            )[0],
            list,
        )
        with pytest.raises(HostError, match="ListNothing"):
            connection.call(*BUS, "ListNothing")
    finally:
        connection.close()


def test_nobody_there(tmp_path):
    with pytest.raises(Unsupported, match="can't be reached"):
        dbus.Connection(str(tmp_path / "none"), "x", False, 0)


def serve(path, *answers, at_once=b""):
    """A peer that lets in, and sends each of ``answers`` after a call. :param at_once: what it sends with the word that lets in."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def work():
        peer = server.accept()[0]
        peer.recv(4096)
        peer.sendall(b"OK 0123\r\n" + at_once)
        for answer in answers:
            peer.recv(65536)
            peer.sendall(answer)
        peer.close()
        server.close()

    threading.Thread(target=work, daemon=True).start()


def answer(kind, serial, signature="", values=(), error=None):
    body = bytearray()
    for each, value in zip(dbus.split(signature), values):
        dbus.write(body, each, value)
    data = bytearray(struct.pack("<cBBBII", b"l", kind, 0, 1, len(body), 77))
    fields = [(5, ("u", serial)), (8, ("g", signature))] + ([(4, ("s", error))] if error else [])
    dbus.write(data, "a(yv)", fields)
    dbus.pad(data, 8)
    return bytes(data + body)


def test_what_comes_with_the_word_that_lets_in_is_a_message(tmp_path):
    signal = answer(4, 0, "s", ("news",))
    serve(tmp_path / "peer", signal[20:] + answer(2, 1, "s", ("x",)), at_once=signal[:20])
    connection = dbus.Connection(str(tmp_path / "peer"), "x", False, 0)
    try:
        assert connection.call("/", "x", "A") == ["x"]
    finally:
        connection.close()


def test_answers_errors_and_signals(tmp_path):
    signal = answer(4, 0, "s", ("news",))
    serve(
        tmp_path / "peer",
        signal + answer(2, 1, "as", (["x"],)),
        answer(3, 2, "s", ("gone",), "org.freedesktop.systemd1.NoSuchUnit"),
        answer(3, 3, "s", ("bad",), "org.x.Bad"),
        b"",
    )
    connection = dbus.Connection(str(tmp_path / "peer"), "x", False, 0)
    try:
        assert connection.call("/", "x", "A") == [["x"]]
        with pytest.raises(NotFound, match="gone"):
            connection.call("/", "x", "B")
        with pytest.raises(HostError, match=r"C failed: bad \(Bad\)"):
            connection.call("/", "x", "C")
        with pytest.raises(HostError, match="closed"):
            connection.call("/", "x", "D")
    finally:
        connection.close()
