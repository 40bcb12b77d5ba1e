# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a container: one normal form each, what is refused, and how two definitions compare."""

from __future__ import annotations

import pytest
from pycontainer.containers import options
from pycontainer.containers.options import log_options, publishing, restart_and_health, storage
from pycontainer.errors import InvalidInput


def one(name, value):
    return options.definition({name: value})[name]


CONTRADICTIONS = [
    {"memory_swap": "1g"},
    {"memory": "1g", "memory_swap": "512m"},
    {"memory": "1g", "memory_reservation": "2g"},
    {"cpus": 1, "cpu_quota": 50000},
    {"ulimits": ["nofile:1", "nofile:2"]},
    {"volumes": ["va:/x", "vb:/x"]},
    {"volumes": ["va:/x"], "mounts": [{"target": "/x"}]},
    {"volumes": ["va:/x"], "tmpfs": ["/x"]},
    {"network_mode": "container:a", "published_ports": ["80:80"]},
    {"network_mode": "container:a", "publish_all_ports": True},
    {"network_mode": "none", "networks": [{"name": "a"}]},
    {"network_mode": "container:a", "dns_servers": ["1.1.1.1"]},
    {"networks": [{"name": "a"}, {"name": "a"}]},
    {"published_ports": ["80:80", "80:81"]},
    {"network_mode": "host", "sysctls": {"net.core.somaxconn": "1"}},
    {"ipc_mode": "host", "sysctls": {"kernel.shmmax": "1"}},
    {"uts": "host", "hostname": "a"},
    {"security_opts": ["seccomp=unconfined", "seccomp=default"]},
    {"init": True, "pid_mode": "host"},
    {"restart_retries": 3},
    {"auto_remove": True, "restart_policy": "always"},
    {"log_driver": "none", "log_options": {"max-size": "1m"}},
    {"log_options": {"compress": True}},
    {"log_options": {"compress": True, "max-size": "1m"}},
    {"log_driver": "local", "log_options": {"compress": True, "max-file": 1}},
    {"log_driver": "local", "log_options": {"tag": "x"}},
    {"log_options": {"max-buffer-size": "1m"}},
    {"log_driver": "gelf"},
    {"log_driver": "gelf", "log_options": {"gelf-address": "udp://a", "gelf-tcp-max-reconnect": 1}},
    {
        "log_driver": "gelf",
        "log_options": {"gelf-address": "tcp://a", "gelf-compression-type": "none"},
    },
    {"log_options": {"cache-disabled": True}},
    {"log_driver": "journald", "log_options": {"max-size": "1m"}},
    {"log_driver": "journald", "log_options": {"syslog-facility": "user"}},
    {"log_driver": "journald", "log_options": {"cache-disabled": True, "cache-max-file": 2}},
    {"log_driver": "journald", "log_options": {"cache-max-file": 1}},
    {"log_driver": "syslog", "log_options": {"syslog-tls-skip-verify": True}},
    {
        "log_driver": "syslog",
        "log_options": {"syslog-address": "tcp+tls://a", "syslog-tls-cert": "/c"},
    },
]


@pytest.mark.parametrize("params", CONTRADICTIONS)
def test_contradictions_are_refused(params):
    wanted = options.definition(params)
    with pytest.raises(InvalidInput):
        options.check(wanted)


def changed(now, wanted, comparisons=None):
    found = options.TABLE.differences(
        options.definition(now), options.definition(wanted), options.comparisons(comparisons)
    )
    return {option.name: after for option, _before, after in found}


def test_only_named_options_are_compared_and_defaults_are_no_difference():
    assert changed({"memory": "1g", "env": {"A": "1"}}, {"memory": "1024m"}) == {}
    assert changed({}, {option.name: value for option, value in ()}) == {}
    assert (
        changed(
            {},
            {
                "privileged": False,
                "env": {},
                "restart_policy": "no",
                "network_mode": "default",
                "memory": 0,
                "shm_size": "64m",
                "pids_limit": 0,
                "cpu_quota": -1,
                "umask": "022",
            },
        )
        == {}
    )


@pytest.mark.parametrize(
    "now, wanted, after",
    [
        ({"volumes": ["va:/a", "vb:/b"]}, {"mounts": [{"source": "va", "target": "/a"}]}, {}),
        ({"mounts": [{"source": "va", "target": "/a"}]}, {"volumes": ["va:/a"], "mounts": []}, {}),
        (
            {"volumes": ["va:/a"]},
            {"mounts": [{"source": "other", "target": "/a"}]},
            {"mounts": "other"},
        ),
        ({"tmpfs": ["/a"]}, {"volumes": ["va:/a"]}, {"volumes": "va"}),
        ({"volumes": ["va:/a"]}, {"tmpfs": ["/b"]}, {"tmpfs": None}),
    ],
)
def test_a_mount_is_what_it_is_in_either_option(now, wanted, after):
    now, wanted = (
        storage.respelled(options.definition(now), options.definition(wanted)),
        options.definition(wanted),
    )
    found = {
        option.name: value
        for option, _before, value in options.TABLE.differences(
            now, wanted, options.comparisons(None)
        )
    }
    assert list(found) == list(after)
    for name, source in after.items():
        assert source is None or [entry["source"] for entry in found[name]] == [source]
    options.check(dict(now, **found))


def test_lists_and_maps_are_exact():
    assert changed({"env": {"A": "1", "B": "2"}}, {"env": {"A": "1"}}) == {"env": {"A": "1"}}
    assert changed(
        {"published_ports": ["80:80", "81:81"]}, {"published_ports": ["80:80"]}
    ).keys() == {"published_ports"}


def test_comparisons():
    assert (
        changed({"env": {"A": "1", "B": "2"}}, {"env": {"A": "1"}}, {"env": "allow_more_present"})
        == {}
    )
    assert changed(
        {"env": {"A": "1", "B": "2"}}, {"env": {"A": "9"}}, {"env": "allow_more_present"}
    ) == {"env": {"A": "9", "B": "2"}}
    assert (
        changed(
            {"volumes": ["va:/a", "vb:/b"]},
            {"volumes": ["va:/a"]},
            {"volumes": "allow_more_present"},
        )
        == {}
    )
    assert changed({"memory": "1g"}, {"memory": "2g"}, {"memory": "ignore"}) == {}
    assert changed(
        {"memory": "1g", "cpus": 1}, {"memory": "2g", "cpus": 2}, {"*": "ignore", "cpus": "strict"}
    ) == {"cpus": 2}
    for bad in (
        {"memory": "allow_more_present"},
        {"memory": "loose"},
        {"*": "allow_more_present"},
        {"nope": "strict"},
    ):
        with pytest.raises(InvalidInput, match="comparisons"):
            options.comparisons(bad)


@pytest.mark.parametrize(
    "option, has, says, becomes",
    [
        ("ulimits", ["nofile:1", "nproc:5"], ["nofile:9"], ["nofile:9", "nproc:5"]),
        ("volumes", ["va:/a", "vb:/b"], ["va:/a:ro"], ["va:/a:ro", "vb:/b"]),
        (
            "mounts",
            [{"target": "/a", "source": "va"}, {"target": "/b"}],
            [{"target": "/a", "source": "vc"}],
            [{"target": "/a", "source": "vc"}, {"target": "/b"}],
        ),
        ("tmpfs", ["/run", "/tmp"], ["/run:size=1m"], ["/run:size=1m", "/tmp"]),
        ("devices", ["/dev/null", "/dev/zero"], ["/dev/null:r"], ["/dev/null:r", "/dev/zero"]),
        ("published_ports", ["80:80", "81:81"], ["80:8080"], ["80:8080", "81:81"]),
        ("published_ports", ["80"], ["80:80"], ["80", "80:80"]),
        (
            "networks",
            [{"name": "a", "ipv4_address": "10.0.0.2"}, {"name": "b"}],
            [{"name": "c"}, {"name": "a", "ipv4_address": "10.0.0.3"}],
            [{"name": "a", "ipv4_address": "10.0.0.3"}, {"name": "b"}, {"name": "c"}],
        ),
        (
            "device_write_bps",
            [{"path": "/dev/sda", "rate": "1m"}],
            [{"path": "/dev/sda", "rate": "2m"}],
            [{"path": "/dev/sda", "rate": "2m"}],
        ),
        (
            "security_opts",
            ["no-new-privileges", "label=disable"],
            ["no-new-privileges=false"],
            ["no-new-privileges=false", "label=disable"],
        ),
    ],
)
def test_what_is_there_once_is_replaced_where_more_may_be_present(option, has, says, becomes):
    found = changed({option: has}, {option: says}, {option: "allow_more_present"})
    assert found == {option: one(option, becomes)}
    options.check(found)


def test_networks_that_a_definition_attaches():
    from pycontainer.containers.options import network_options

    names = lambda params: [
        entry["name"] for entry in network_options.attachments(options.definition(params))
    ]
    assert names({}) == ["bridge"] == names({"network_mode": "bridge"})
    assert (
        names({"networks": [{"name": "a"}]})
        == ["a"]
        == names({"networks": [{"name": "a"}], "network_mode": "default"})
    )
    assert names({"network_mode": "a"}) == ["a"] and names(
        {"network_mode": "a", "networks": [{"name": "b"}]}
    ) == ["a", "b"]
    assert (
        names({"network_mode": "host"})
        == []
        == names({"network_mode": "none"})
        == names({"network_mode": "container:x"})
    )


def test_image_health_and_defaults():
    image = {"Test": ["CMD", "true"], "Interval": 5000000000}
    assert restart_and_health.health({}, None) is None
    assert restart_and_health.health({}, image) == {
        "test": ["CMD", "true"],
        "interval": 5,
        "timeout": 30,
        "start_period": 0,
        "start_interval": 5,
        "retries": 3,
    }
    assert restart_and_health.health({"healthcheck": {"test": ["NONE"]}}, image) is None
    assert restart_and_health.health({"healthcheck": {"retries": 9}}, image)["retries"] == 9


def test_argument_spec_covers_every_option(argument_spec):
    assert set(argument_spec) == set(options.TABLE.options) | set(options.TABLE.behaviour)
    assert set(options.TABLE.options) <= set(argument_spec["containers"]["options"])
    assert "default" not in [
        key for name in options.TABLE.options for key in argument_spec[name]
    ], "a default would name an option that the task does not"


def test_aliases_are_known_by_what_they_stand_for(argument_spec):
    assert options.TABLE.aliases == {
        alias: name for name, entry in argument_spec.items() for alias in entry.get("aliases", ())
    }
    left_by_ansible = {
        "ports": [80],
        "published_ports": ["80"],
        "cap_add": ["net_admin"],
        "capabilities": ["net_admin"],
        "forcekill": True,
        "force_kill": True,
    }
    assert options.definition(left_by_ansible) == options.definition(
        {"published_ports": ["80"], "capabilities": ["net_admin"]}
    )
    assert options.definition({"log_opt": {"max-size": "1m"}}) == {
        "log_options": {"max-size": 1 << 20}
    }
    assert options.comparisons({"exposed": "ignore"})["exposed_ports"] == "ignore"


@pytest.mark.parametrize(
    "beside",
    [
        {"state": "absent"},
        {"memory": "64m"},
        {"name": "web"},
        {"env_file": "/etc/env"},
        {"pull": "never"},
        {"restart": True},
    ],
)
def test_nothing_stands_beside_a_list(argument_spec, beside):
    defaults = {name: entry.get("default") for name, entry in argument_spec.items()}
    options.TABLE.check_alone("containers", dict(defaults, containers=[], parallel=2))
    with pytest.raises(InvalidInput, match=f"^{next(iter(beside))}: .*beside containers"):
        options.TABLE.check_alone("containers", dict(defaults, containers=[], **beside))


def test_inspect_shows_that_a_mount_is_labelled(monkeypatch):
    monkeypatch.setattr(storage.selinux, "enabled", lambda: True)
    shown = {}
    options.TABLE.options["volumes"].show(options.definition({"volumes": ["/a:/b:ro,z"]}), shown)
    assert shown["HostConfig"]["Binds"] == ["/a:/b:ro,z"]


@pytest.mark.parametrize("mode", ["host", "none"])
def test_ports_without_a_network_of_its_own_are_a_warning(mode):
    """As in Docker: compose files say both."""
    for said in ({"published_ports": ["80:80"]}, {"publish_all_ports": True}):
        definition = options.definition({"network_mode": mode, **said})
        options.check(definition)
        (warning,) = publishing.warnings(definition)
        assert warning.startswith(next(iter(said))) and f"network_mode {mode}" in warning
        assert publishing.warnings(options.definition(said)) == []
    assert publishing.warnings(options.definition({"network_mode": "host"})) == []


def test_more_files_of_a_log_without_a_size_are_warned_of():
    (warning,) = log_options.warnings({"log_options": {"max-file": 3}})
    assert warning.startswith("log_options: max-file")
    for given in ({}, {"max-file": 3, "max-size": 1}, {"max-file": 1}):
        assert log_options.warnings({"log_options": given}) == []
    assert log_options.warnings({"log_driver": "local", "log_options": {"max-file": 3}}) == []


@pytest.mark.parametrize(
    "said, image, option",
    [
        ({"healthcheck_failure_action": "kill"}, None, "healthcheck_failure_action"),
        ({"health_startup_cmd": "true"}, None, "health_startup_cmd"),
        ({"health_startup_retries": 2}, {"Test": ["CMD", "x"]}, "health_startup_retries"),
        (
            {"healthcheck_failure_action": "restart", "restart_policy": "always"},
            {"Test": ["CMD", "x"]},
            "healthcheck_failure_action",
        ),
    ],
)
def test_health_options_that_would_do_nothing(said, image, option):
    definition = options.definition(said)
    with pytest.raises(InvalidInput) as error:
        options.check(definition)
        restart_and_health.check_health(definition, image)
    assert error.value.option == option
