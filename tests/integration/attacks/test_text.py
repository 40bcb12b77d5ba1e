# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that would become lines, arguments or paths of their own: CVE-2022-4318, CVE-2021-3602, CVE-2026-57231, CVE-2021-43784,
CVE-2025-0750, CVE-2014-9358."""

from __future__ import annotations

import os

import pytest
from integration.containers.conftest import image, rootfs  # noqa: F401  # pylint: disable=unused-import # fixtures
from pycontainer import containers, images, volumes
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.errors import ContainerFailed, EngineError
from pycontainer.kernel.net import netlink
from pycontainer.reconcile import carry_out

EVIL = "x\nevil:x:0:0::/:/bin/sh"


def do(engine, **params):
    return carry_out(
        task.container(
            engine,
            dict(
                {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0},
                **params,
            ),
        ),
        False,
    )


@pytest.fixture
def store(engine, image):  # noqa: F811 # the imported fixture
    yield engine
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


LINES = "for f in passwd group hosts hostname resolv.conf; do echo $f $(grep -c '' /etc/$f) $(grep -c evil /etc/$f); done"


def test_variables_make_no_lines(store):
    """CRI-O wrote HOME into passwd; here it is a variable and nothing else."""
    plain = do(store, command=["sh", "-c", LINES + "; sleep 100"])
    container = containers.find(store, "web")["id"]
    before = exec_client.run(store.paths, container, ["sh", "-c", LINES])["stdout"]
    containers.remove(store, containers.find(store, "web"), force=True)
    assert plain["changed"]
    do(
        store,
        env={"HOME": EVIL, "USER": EVIL, "LINE\nBREAK": EVIL, "PS4": "$(touch /evil)"},
        labels={"a": EVIL},
        command=["sh", "-c", "sleep 100"],
    )
    found = exec_client.run(
        store.paths,
        containers.find(store, "web")["id"],
        ["sh", "-c", LINES + "; test -e /evil || echo none; env | grep -c '^evil:x'"],
        env={"HOME": EVIL, "OTHER": EVIL},
    )["stdout"]
    assert found.decode().splitlines()[:5] == before.decode().splitlines()
    assert found.split()[-2:] == [b"none", b"3"], (
        "three variables with a second line, as they were given"
    )


@pytest.mark.parametrize(
    "params",
    [
        {"hostname": "evil\nhost"},
        {"hostname": "evil\0host"},
        {"hostname": "a b"},
        {"domainname": "x\ny"},
        {"etc_hosts": {"a\n6.6.6.6 b": "1.2.3.4"}},
        {"etc_hosts": {"a": "1.2.3.4\n6.6.6.6 b"}},
        {"etc_hosts": {"a b": "1.2.3.4"}},
        {"dns_servers": ["1.1.1.1\nnameserver 6.6.6.6"]},
        {"dns_search_domains": ["a\nnameserver 6.6.6.6"]},
        {"dns_opts": ["ndots:1\nnameserver 6.6.6.6"]},
        {"user": "root\n0"},
        {"user": "a\0b"},
        {"groups": ["a\nb"]},
        {"env": {"A": "x\0y"}},
        {"env": {"A\0": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"": "x"}},
        {"command": ["sh", "-c", "a\0b"]},
        {"working_dir": "/a\0b"},
        {"working_dir": "relative"},
        {"sysctls": {"net.ipv4.ip_default_ttl": "9\n8"}},
        {"sysctls": {"kernel.core_pattern": "|/evil"}},
        {"volumes": ["a/b:/x"]},
        {"volumes": ["vol:/x/../.."]},
        {"volumes": ["vol:relative"]},
        {"volumes": ["/tmp:/a\0b"]},
        {"volumes": ["/tmp:/a\nb:/etc"]},
        {"mounts": [{"type": "volume", "source": "../x", "target": "/x"}]},
        {"tmpfs": ["/x:size=1m,\0"]},
        {"name": "../../evil"},
        {"name": "a/b"},
        {"name": ".."},
        {"name": "-x"},
        {"name": "a\nb"},
        {"name": "a\0b"},
        {"cgroup_parent": "/../../evil"},
        {"cgroup_parent": "a/../../b"},
        {"log_options": {"max-size": "1m", "path": "/etc/passwd"}},
        {"log_driver": "../../x"},
        {"network_mode": "container:../x"},
        {"network_mode": "ns:/proc/1/ns/net"},
        {"pid_mode": "/proc/1"},
        {"devices": ["/dev/null:../../x"]},
        {"security_opts": ["seccomp=../../etc/passwd"]},
        {"runtime": "/bin/sh"},
    ],
    ids=lambda params: repr(params)[1:40],
)
def test_refused_before_anything_is_made(store, params):
    rows = store.db.all("SELECT * FROM containers")
    with pytest.raises(EngineError):
        do(store, **params)
        pytest.fail("it was taken")
    assert (
        store.db.all("SELECT * FROM containers") == rows
        and os.listdir(store.paths.containers) == os.listdir(store.paths.running) == []
    )
    assert volumes.listing(store) == []


@pytest.mark.parametrize(
    "name", ["../x", "..", "/etc/passwd", "a/../../b", "\0", "", "x" * 300, "%2e%2e", "."]
)
def test_names_that_are_paths(store, name):
    """Containers, volumes, images, digests: no name leads to a file that is not the store's."""
    for look in (containers.find, volumes.get, images.get):
        try:
            assert look(store, name) is None
        except EngineError:
            pass
    for digest in (
        "sha256:../../../state.db",
        "sha256:" + "0" * 63 + "/",
        "../x:" + "0" * 64,
        "sha256:" + name,
    ):
        with pytest.raises(EngineError):
            images.plan_present(store, "127.0.0.1:1/a@" + digest)


@pytest.mark.parametrize(
    "ident", ["../evil", "..", ".", "a/b", "/etc", "", "a\nb", "x" * 300, "-\t", "a b"]
)
def test_ids_of_the_oci_command(boxes, ident):
    if boxes.kind == "engine":
        pytest.skip("the engine makes its ids itself")
    box = boxes("/bin/true")
    real, box.ident = box.ident, ident
    before = sorted(os.listdir(boxes.paths.run))
    with pytest.raises(ContainerFailed):
        box.start()
    box.ident = real
    boxes.host.watched.clear()
    assert set(os.listdir(boxes.paths.run)) - set(before) <= {"oci"}
    assert (
        not os.path.exists(os.path.join(boxes.paths.run, "oci"))
        or os.listdir(os.path.join(boxes.paths.run, "oci")) == []
    )


@pytest.mark.parametrize(
    "field, value",
    [
        ("args", ["/bin/echo", "a\0b"]),
        ("env", ["A=x\0y"]),
        ("cwd", "/a\0b"),
        ("args", []),
        ("args", None),
        ("cwd", "relative"),
        ("env", ["A=" + "x" * 200000]),
    ],
)
def test_process_of_a_document(boxes, field, value):
    box = boxes("/bin/true")
    box.config["process"][field] = value
    with pytest.raises(
        (ContainerFailed, TypeError), match="NUL" if "\\x00" in repr(value) else None
    ):
        box.start()


def test_environment_is_exactly_what_was_given(boxes, monkeypatch):
    """CVE-2021-3602, CVE-2020-14370, CVE-2026-57231: no variable of the host; an entry without "=" brings none in."""
    monkeypatch.setenv("HOST_SECRET", "secret")
    monkeypatch.setenv("LD_PRELOAD_X", "secret")
    box = boxes("/bin/env")
    box.config["process"]["env"] = ["PATH=/bin", "HOST_SECRET", "A=1", "B=x=y"]
    text = box.output()
    assert "secret" not in text
    assert {line.split("=")[0] for line in text.splitlines()} <= {
        "PATH",
        "A",
        "B",
        "HOME",
        "HOST_SECRET",
        "",
    }, text


def test_long_documents_do_not_wrap(boxes):
    """CVE-2021-43784: 16-bit lengths. Mount points, variables and annotations of 70 kB and more reach the process whole, or are refused."""
    for size in (65531, 65532):
        assert (
            (len(netlink.attribute(1, b"x" * size)) == 65536)
            if size <= netlink.LARGEST_PAYLOAD
            else True
        )
    for size in (65532, 65535, 65536, 70000, 131072):
        with pytest.raises(ValueError):
            netlink.attribute(1, b"x" * size)
        with pytest.raises(ValueError):
            netlink.nested(
                1, netlink.attribute(2, b"x" * 60000), netlink.attribute(3, b"y" * (size - 60000))
            )
    box = boxes("/bin/sh", "-c", "echo ${#A} $B; grep -c ' /mnt/' /proc/self/mountinfo")
    box.config["process"]["env"] += ["A=" + "x" * 70000, "B=end"]
    box.config["annotations"]["org.example"] = "y" * 100000
    for number in range(200):
        box.config["mounts"].append(
            {
                "destination": "/mnt/%03d-%s" % (number, "z" * 180),
                "type": "tmpfs",
                "source": "tmpfs",
                "options": ["size=4k"],
            }
        )
    assert box.output().split() == ["70000", "end", "200"]
