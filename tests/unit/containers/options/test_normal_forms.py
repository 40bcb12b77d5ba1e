# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal form of each option's value, and what is refused."""

from __future__ import annotations

import pytest
from pycontainer.containers import options
from pycontainer.containers.options import publishing
from pycontainer.errors import EngineError, InvalidInput


def one(name, value):
    return options.definition({name: value})[name]


FORMS = [
    ("command", "sh -c 'echo a b'", ["sh", "-c", "echo a b"]),
    ("command", ["sleep", 10], ["sleep", "10"]),
    ("env", {"A": 1, "B": 1.5, "C": "yes"}, {"A": "1", "B": "1.5", "C": "yes"}),
    ("user", "1000:1000", "1000:1000"),
    ("working_dir", "/a/./b/../c/", "/a/c"),
    ("umask", "27", "0027"),
    ("umask", "0o077", "0077"),
    ("hostname", "my_box.example.org", "my_box.example.org"),
    ("stop_signal", 15, "SIGTERM"),
    ("stop_signal", "term", "SIGTERM"),
    ("stop_signal", "SIGRTMIN+3", "SIGRTMIN+3"),
    ("stop_signal", 37, "SIGRTMIN+3"),
    ("memory", "512m", 512 << 20),
    ("memory_swap", "unlimited", -1),
    ("memory_swap", -1, -1),
    ("memory_swap", "1g", 1 << 30),
    ("cpus", 1.5, 1.5),
    ("cpus", "2", 2),
    ("cpus", 0.33333, 0.333),
    ("cpuset_cpus", "3,0-1,2", "0-3"),
    ("cpuset_cpus", "0,2", "0,2"),
    ("cpuset_cpus", "", ""),
    ("ulimits", ["nofile=1024:2048", "nproc:unlimited"], ["nofile:1024:2048", "nproc:-1:-1"]),
    (
        "device_read_bps",
        [{"path": "/dev/sda", "rate": "1m"}],
        [{"path": "/dev/sda", "rate": 1 << 20}],
    ),
    ("tmpfs", ["/run"], ["/run:rw,noexec,nosuid,nodev"]),
    (
        "tmpfs",
        ["/run:size=64m,exec,mode=755"],
        ["/run:rw,exec,nosuid,nodev,mode=0755,size=67108864"],
    ),
    ("devices", ["/dev/fuse"], ["/dev/fuse:/dev/fuse:rwm"]),
    ("devices", ["/dev/fuse:/dev/x:mr"], ["/dev/fuse:/dev/x:rm"]),
    ("devices", ["/dev/fuse:r"], ["/dev/fuse:/dev/fuse:r"]),
    ("device_cgroup_rules", ["c 42:* rwm"], ["c 42:* rwm"]),
    ("exposed_ports", ["80", "8000-8001/udp"], ["80/tcp", "8000/udp", "8001/udp"]),
    ("network_mode", "default", "bridge"),
    (
        "networks",
        [{"name": "a", "ipv4_address": None}],
        [{"name": "a", "ipv4_address": "", "mac_address": ""}],
    ),
    ("capabilities", ["net_admin", "CAP_SYS_TIME"], ["CAP_NET_ADMIN", "CAP_SYS_TIME"]),
    ("security_opts", ["no-new-privileges"], ["no-new-privileges=true"]),
    ("security_opts", ["seccomp:unconfined"], ["seccomp=unconfined"]),
    ("sysctls", {"net.core.somaxconn": 1024}, {"net.core.somaxconn": "1024"}),
    (
        "healthcheck",
        {"test": "true", "interval": "1m30s", "retries": None},
        {"test": ["CMD-SHELL", "true"], "interval": 90},
    ),
    ("healthcheck", {"test": "NONE"}, {"test": ["NONE"]}),
    ("healthcheck", {"test": ["NONE"]}, {"test": ["NONE"]}),
    ("log_options", {"max-size": "10m", "max-file": "3"}, {"max-size": 10 << 20, "max-file": 3}),
    ("log_options", {"max_size": -1, "compress": "True"}, {"max-size": 0, "compress": True}),
    (
        "log_options",
        {"syslog-address": "tcp://[::1]", "syslog-facility": 16, "mode": "non-blocking"},
        {"syslog-address": "tcp://[::1]:514", "syslog-facility": "local0", "mode": "non-blocking"},
    ),
    (
        "log_options",
        {"gelf-address": "udp://g", "fluentd-address": "f", "fluentd-retry-wait": "500ms"},
        {
            "gelf-address": "udp://g:12201",
            "fluentd-address": "tcp://f:24224",
            "fluentd-retry-wait": 0.5,
        },
    ),
    (
        "log_options",
        {"labels": ["a", "b"], "env": "A, B", "tag": "{{ .Name }}/{{.ID}}"},
        {"labels": "a,b", "env": "A,B", "tag": "{{ .Name }}/{{.ID}}"},
    ),
    ("etc_hosts", {"db": "10.0.0.5"}, {"db": "10.0.0.5"}),
    ("mac_address", "02-42-AC-11-00-02", "02:42:ac:11:00:02"),
]


@pytest.mark.parametrize("name, given, expected", FORMS)
def test_normal_form(name, given, expected):
    assert one(name, given) == expected


def test_every_normal_form_is_kept_by_json():
    import json

    for name, given, _expected in FORMS:
        form = one(name, given)
        assert json.loads(json.dumps(form)) == form


BAD = [
    ("command", "echo 'a"),
    ("env", {"A": None}),
    ("env", {"A": True}),
    ("env", {"A=B": "x"}),
    ("env", ["A=B"]),
    ("user", "a:b:c"),
    ("user", "4294967296"),
    ("user", "-1"),
    ("user", "1000:"),
    ("user", ":0"),
    ("user", "root\nx"),
    ("groups", ["99999999999"]),
    ("working_dir", "relative"),
    ("umask", "1000"),
    ("umask", "8"),
    ("umask", "u=rwx"),
    ("hostname", "a b"),
    ("hostname", "-a"),
    ("hostname", "\u00e4"),
    ("hostname", "a\nb"),
    ("hostname", "x" * 65),
    ("stop_signal", "SIGNOPE"),
    ("stop_signal", "\u00b2"),
    ("tmpfs", ["/run:uid=\u00b2"]),
    ("stop_signal", 99),
    ("stop_timeout", -1),
    ("memory", "4k"),
    ("memory", "lots"),
    ("memory", "8192p"),
    ("memory", "9" * 400 + ".5g"),
    ("cpus", -1),
    ("cpus", "nan"),
    ("cpus", 0.001),
    ("cpu_shares", 1),
    ("cpuset_cpus", "3-1"),
    ("cpuset_cpus", "a"),
    ("pids_limit", -2),
    ("blkio_weight", 5),
    ("ulimits", ["nofiles:1"]),
    ("ulimits", ["nofile:2:1"]),
    ("device_read_bps", [{"path": "sda", "rate": "1m"}]),
    ("device_read_iops", [{"path": "/dev/sda"}]),
    ("volumes", ["data"]),
    ("volumes", ["vol:/b:rq"]),
    ("volumes", [".a:/b"]),
    ("volumes", ["vol:/"]),
    ("volumes", ["vol:b"]),
    ("volumes", ["/a:/b:nocopy"]),
    ("volumes", ["vol:/b:cached"]),
    ("volumes", ["vol:/b:rshared"]),
    ("volumes", ["vol:/b:ro:x"]),
    ("volumes", ["a/b:/c"]),
    ("mounts", [{"target": "/a", "type": "npipe"}]),
    ("mounts", [{"target": "/a", "type": "bind", "source": "x"}]),
    ("mounts", [{"target": "a"}]),
    ("mounts", [{"target": "/a", "type": "tmpfs", "source": "x"}]),
    ("mounts", [{"target": "/a", "colour": 1}]),
    ("mounts", [{"target": "/a", "type": "volume", "tmpfs_size": "1m"}]),
    ("tmpfs", ["/run:huge=yes"]),
    ("tmpfs", ["run"]),
    ("shm_size", "0"),
    ("devices", ["fuse"]),
    ("devices", ["/dev/a:/dev/b:x"]),
    ("device_cgroup_rules", ["c 1 rwm"]),
    ("published_ports", ["0"]),
    ("published_ports", ["70000:80"]),
    ("published_ports", ["80/icmp"]),
    ("published_ports", ["1-2:80-90"]),
    ("published_ports", ["x:80"]),
    ("published_ports", ["1.2.3.4.5:80:80"]),
    ("published_ports", ["a:b:c:d"]),
    ("published_ports", ["[::1]80:80"]),
    ("published_ports", ["[::1]:80"]),
    ("published_ports", ["[10.0.0.1]:80:80"]),
    ("published_ports", ["[fe80::1%eth0]:80:80"]),
    ("published_ports", ["::1:80:80"]),
    ("exposed_ports", ["http"]),
    ("networks", [{"name": "host"}]),
    ("networks", [{"name": "a", "aliases": ["b c"]}]),
    ("networks", [{"name": "a", "ipv4_address": "x"}]),
    ("network_mode", "container:"),
    ("network_mode", "ns:/proc/1/ns/net"),
    ("mac_address", "01:00:00:00:00:00"),
    ("mac_address", "x"),
    ("etc_hosts", {"a b": "1.2.3.4"}),
    ("etc_hosts", {"a": "1.2.3.4\n5.6.7.8 b"}),
    ("dns_servers", ["dns.example"]),
    ("dns_opts", ["a b"]),
    ("dns_search_domains", ["a\nb"]),
    ("capabilities", ["FLY"]),
    ("privileged", "yes"),
    ("security_opts", ["apparmor"]),
    ("security_opts", ["label=type:"]),
    ("security_opts", ["label=kind:t"]),
    ("security_opts", ["seccomp=rel"]),
    ("security_opts", ["seccomp=/does/not/exist"]),
    ("security_opts", ["writable-cgroups"]),
    ("sysctls", {"kernel.core_pattern": "|x"}),
    ("sysctls", {"vm.swappiness": "1"}),
    ("sysctls", {"net.core.somaxconn": "1\n2"}),
    ("sysctls", {"net..x": "1"}),
    ("pid_mode", "private"),
    ("ipc_mode", "shared"),
    ("uts", "private"),
    ("cgroupns_mode", "x"),
    ("cgroup_parent", "../x"),
    ("restart_policy", "maybe"),
    ("healthcheck", {"test": ["echo"]}),
    ("healthcheck", {"test": "x", "interval": "5"[:0] + "fast"}),
    ("healthcheck", {"every": "1s"}),
    ("healthcheck", {"test": ["CMD-SHELL", "a", "b"]}),
    ("log_driver", "splunk"),
    ("log_options", {"labels-regex": "a("}),
    ("log_options", {"env-regex": "(a)\\1"}),
    ("log_options", {"tag": "{{truncate .Name}}"}),
    ("log_options", {"compress": "perhaps"}),
    ("log_options", {"mode": "fast"}),
    ("log_options", {"gelf-address": "unix:///a"}),
    ("log_options", {"gelf-compression-level": 10}),
    ("log_options", {"fluentd-address": "udp://a:1"}),
    ("log_options", {"fluentd-retry-wait": "soon"}),
    ("log_options", {"max-buffer-size": 0}),
    ("log_options", {"syslog-address": "https://a:1"}),
    ("log_options", {"syslog-address": "tcp://a:70000"}),
    ("log_options", {"syslog-address": "unix://relative"}),
    ("log_options", {"syslog-facility": "24"}),
    ("log_options", {"syslog-format": "rfc1"}),
    ("log_options", {"syslog-tls-ca-cert": "relative"}),
    ("log_options", {"tag": "{{.Secret}}"}),
    ("log_options", {"tag": "{{.Name"}),
    ("log_options", {"tag": "{{Name}}"}),
    ("log_options", {"tag": "a\nb"}),
    ("log_options", {"max-file": 0}),
    ("no_such_option", 1),
]


@pytest.mark.parametrize("name, given", BAD)
def test_refused(name, given):
    with pytest.raises(EngineError) as caught:
        one(name, given)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given, expected",
    [
        ("80", [(80, "tcp", "", 0)]),
        ("0:80", [(80, "tcp", "", 0)]),
        ("80/udp", [(80, "udp", "", 0)]),
        ("8080:80", [(80, "tcp", "", 8080)]),
        ("0.0.0.0:8080:80", [(80, "tcp", "0.0.0.0", 8080)]),
        ("127.0.0.1:8080:80", [(80, "tcp", "127.0.0.1", 8080)]),
        ("127.0.0.1::80", [(80, "tcp", "127.0.0.1", 0)]),
        ("9000-9001:80-81", [(80, "tcp", "", 9000), (81, "tcp", "", 9001)]),
        ("80-81", [(80, "tcp", "", 0), (81, "tcp", "", 0)]),
        ("9000-9010:80", [(80, "tcp", "", "9000-9010")]),
        ("53:53/UDP", [(53, "udp", "", 53)]),
        ("[::]:8080:80", [(80, "tcp", "::", 8080)]),
        ("[0:0::1]::80/sctp", [(80, "sctp", "::1", 0)]),
        ("[fd00::9]:9000-9001:80-81", [(80, "tcp", "fd00::9", 9000), (81, "tcp", "fd00::9", 9001)]),
    ],
)
def test_published_ports(given, expected):
    found = [
        (entry["container_port"], entry["protocol"], entry["host_ip"], entry["host_port"])
        for entry in one("published_ports", [given])
    ]
    assert found == expected


def test_published_ports_of_an_older_version_are_no_difference():
    """It wrote 0.0.0.0 also where no address was named; who named one is known since."""

    def now(*texts):
        return {"published_ports": one("published_ports", list(texts))}

    old = {"container_port": 80, "protocol": "tcp", "host_ip": "0.0.0.0", "host_port": 8080}
    for wanted in (now("8080:80"), now("0.0.0.0:8080:80")):
        assert publishing.respelled({"published_ports": [old]}, wanted) == wanted
    before = {"published_ports": [{**old, "host_port": 8081}]}
    assert publishing.respelled(before, now("8080:80")) == before
    named = now("0.0.0.0:8080:80")
    assert publishing.respelled(named, now("8080:80")) == named != now("8080:80")
    both = {"published_ports": sorted([old, {**old, "host_ip": "::"}], key=repr)}
    assert now("8080:80", "[::]:8080:80") == both, "for IPv4, beside one for IPv6"


@pytest.mark.parametrize(
    "one_text, other_text, clash",
    [
        ("8080:80", "8080:81", True),
        ("8080:80", "127.0.0.1:8080:81", True),
        ("8080:80", "[::1]:8080:81", True),
        ("8080:80", "8080:81/udp", False),
        ("0.0.0.0:8080:80", "[::]:8080:81", False),
        ("0.0.0.0:8080:80", "127.0.0.1:8080:81", True),
        ("[::]:8080:80", "127.0.0.1:8080:81", False),
        ("127.0.0.1:8080:80", "127.0.0.2:8080:81", False),
    ],
)
def test_published_ports_that_clash(one_text, other_text, clash):
    found = one("published_ports", [one_text, other_text])
    assert publishing.clash(*found) is clash
    if clash:
        with pytest.raises(InvalidInput, match="each port of the host once"):
            options.check({"published_ports": found})
    else:
        options.check({"published_ports": found})


def test_the_address_of_ports_that_name_none():
    found = {"published_ports": one("published_ports", ["8080:80", "[::1]:8081:80"])}
    publishing.at_address(found, "")
    assert [port["host_ip"] for port in found["published_ports"]] == ["", "::1"]
    publishing.at_address(found, "127.0.0.1")
    assert {port["host_ip"] for port in found["published_ports"]} == {"127.0.0.1", "::1"}
    with pytest.raises(InvalidInput, match="default_host_ip"):
        publishing.at_address(found, "localhost")


@pytest.mark.parametrize(
    "text, entry",
    [
        ("data:/srv", {"type": "volume", "source": "data", "target": "/srv"}),
        (
            "data:/srv:ro,nocopy",
            {
                "type": "volume",
                "source": "data",
                "target": "/srv",
                "read_only": True,
                "no_copy": True,
            },
        ),
        ("/srv/a/:/b/", {"type": "bind", "source": "/srv/a", "target": "/b"}),
        (
            "/srv/a:/b:ro,rslave",
            {
                "type": "bind",
                "source": "/srv/a",
                "target": "/b",
                "read_only": True,
                "propagation": "rslave",
            },
        ),
        ("/srv/a:/b:cached", {"type": "bind", "source": "/srv/a", "target": "/b"}),
        ("/anonymous", {"type": "volume", "target": "/anonymous"}),
    ],
)
def test_volumes_and_mounts_have_one_form(text, entry):
    assert one("volumes", [text]) == one("mounts", [entry])


def test_order_is_kept_where_it_counts():
    assert one("volumes", ["vb:/b", "va:/a"]) == one("volumes", ["va:/a", "vb:/b"])
    assert one("dns_servers", ["1.1.1.1", "8.8.8.8"]) != one("dns_servers", ["8.8.8.8", "1.1.1.1"])


def test_relative_bind_sources(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    monkeypatch.setenv("HOME", "/home/ann")
    said = [".:/a", "./x/:/b:ro", "..:/c", "../y:/d", "~/z:/e"]
    for text, source in zip(
        said,
        (tmp_path / "below", tmp_path / "below" / "x", tmp_path, tmp_path / "y", "/home/ann/z"),
    ):
        (found,) = options.definition({"volumes": [text]})["volumes"]
        assert (found["type"], found["source"]) == ("bind", str(source)), text
    with pytest.raises(InvalidInput):
        options.definition({"volumes": [".hidden:/a"]})


def test_several_env_files(tmp_path):
    for name, text in (("a", "A=1\nB=1\n"), ("b", "B=2\nC=2\n")):
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert options.definition({"env_file": paths, "env": {"C": "task"}}) == {
        "env": {"A": "1", "B": "2", "C": "task"}
    }
    with pytest.raises(InvalidInput, match="env_file: 'b' .*absolute path"):
        options.definition({"env_file": [paths[0], "b"]})


def test_env_file_and_env(tmp_path):
    path = tmp_path / "env"
    path.write_text("# comment\n\nA=file\nB='quoted' # kept\nC=\n")
    assert options.definition({"env_file": str(path), "env": {"A": "task"}}) == {
        "env": {"A": "task", "B": "'quoted' # kept", "C": ""}
    }
    path.write_bytes(b"\xef\xbb\xbfA=1\r\nB=x\x0cy\xe2\x80\xa8z\xc2\x85=\n")
    assert options.definition({"env_file": str(path)}) == {
        "env": {"A": "1", "B": "x\x0cy\u2028z\x85="}
    }, "other ends of a line than a line feed are text"
    path.write_text("NOT A PAIR\n")
    with pytest.raises(InvalidInput, match="line 1") as refused:
        options.definition({"env_file": str(path)})
    assert "A PAIR" not in str(refused.value), (
        "the rest of a secret of several lines would look like this"
    )


def test_seccomp_file_is_taken_by_content(tmp_path):
    path = tmp_path / "profile.json"
    path.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    first = one("security_opts", [f"seccomp={path}"])
    path.write_text('{"defaultAction": "SCMP_ACT_ERRNO"}')
    assert (
        first
        == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']
        != one("security_opts", [f"seccomp={path}"])
    )


@pytest.mark.parametrize(
    "params, normal",
    [
        ({"userns_mode": ""}, {"userns_mode": None}),
        ({"cgroup_parent": ""}, {"cgroup_parent": None}),
        ({"uts": ""}, {"uts": None}),
        ({"command": []}, {"command": None}),
        ({"userns_mode": "auto:size=65536"}, {"userns_mode": "auto"}),
        ({"userns_mode": "auto:size=2000"}, {"userns_mode": "auto:size=2000"}),
        ({"uidmap": ["5:6", "0:1:2"]}, {"uidmap": ["0:1:2", "5:6:1"]}),
    ],
)
def test_user_namespaces(params, normal):
    assert options.definition(params) == normal


@pytest.mark.parametrize("text", ["/anon:rw", "/anon:ro,z", "name:rw", "name:cached", "/a:rw:ro"])
def test_what_is_wrong_with_a_volume_is_the_whole_of_it(text):
    from pycontainer.containers.options import storage

    with pytest.raises(
        InvalidInput,
        match=(
            f"^volumes: '{text}' is not valid; accepted: target, name:target.*absolute path in "
            "the container$"
        ),
    ):
        storage.volume(text, "volumes")


@pytest.mark.parametrize("text", ["name:data", "/a:data:ro", "name:data,ro", "data"])
def test_a_volume_whose_target_is_relative_is_told_of_the_target(text):
    from pycontainer.containers.options import storage

    target = text.split(":")[1] if ":" in text else text
    with pytest.raises(
        InvalidInput, match=f"^volumes: '{target}' is not valid; accepted: an absolute path$"
    ):
        storage.volume(text, "volumes")
