# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's platforms are as containers: every option of molecule-plugins' drivers is taken, or told in a sentence."""

from __future__ import annotations

import pathlib
import re

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]

molecule = pytest.importorskip(
    "ansible_collections.pycontainer.engine.plugins.plugin_utils._molecule"
)  # of the environment that has Ansible

# What create.yml of molecule-plugins' drivers for Docker and Podman reads of a platform.
DRIVERS = """
name hostname image dockerfile pre_build_image pull registry override_command command command_handling tty user pid_mode privileged
security_opts cgroupns_mode devices volumes mounts keep_volumes tmpfs capabilities sysctls exposed_ports published_ports ulimits dns_servers etc_hosts
docker_networks networks network_mode networks_cli_compatible purge_networks env restart_policy restart_retries buildargs cache_from shm_size platform
memory memory_swap labels systemd cgroup_manager storage_opt storage_driver extra_opts rootless runtime links docker_host cacert_path cert_path key_path
tls_verify stop_signal kill_signal container_default_behavior detach ip network subnet force groups children
""".split()


def one(**platform):
    found = molecule.instances([dict({"name": "one", "image": "i:1"}, **platform)], (), {}, "/s")
    return found[0]


def test_every_option_of_the_drivers_is_known():
    known = molecule.PASSED | molecule.READ | set(molecule.ELSEWHERE)
    assert set(DRIVERS) - known == set()


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("extra_opts", ["--memroy=1m"], "one: extra_opts: .*--memroy"),
        ("extra_opts", ["--cpus=some"], "one: extra_opts: --cpus: 'some' is not valid"),
        ("extra_opts", ["--help"], "one: extra_opts: --help"),
        ("docker_networks", [{"driver": "bridge"}], "one: docker_networks: an entry has no name"),
        ("docker_networks", [{"name": "n", "scope": "swarm"}], "n: scope: 'swarm' has no meaning"),
        ("dockerfile", "missing.j2", "there is no file /s/missing.j2"),
    ],
)
def test_refused(key, value, words):
    with pytest.raises(molecule.AnsibleFilterError, match=words):
        one(**{key: value})


@pytest.mark.parametrize(
    "key, value, words",
    [
        ("docker_host", "tcp://there", "there is no Docker here"),
        ("rootless", True, "user namespaces"),
        ("tls_verify", False, "certificates are verified"),
        ("storage_opt", "overlay.mount_program=/usr/bin/fuse-overlayfs", "the store is"),
    ],
)
def test_warned_of_as_about_another_engine(key, value, words, monkeypatch):
    said = []
    monkeypatch.setattr(molecule.Display, "warning", lambda self, text: said.append(text))
    assert key not in one(**{key: value})["definition"]
    assert len(said) == 1 and words in said[0] and said[0].startswith(f"one: {key}: {value!r} has")


def test_flags_of_podman_are_options_beside_those_of_the_platform():
    found = one(
        extra_opts=["--memory=128m", "--cap-add", "SYS_ADMIN", "-e", "A=1", "--network=net"],
        capabilities=["NET_ADMIN"],
        env={"B": 2},
    )
    assert found["definition"]["memory"] == "128m"
    assert found["definition"]["capabilities"] == ["NET_ADMIN", "SYS_ADMIN"]
    assert found["definition"]["env"] == {"A": "1", "B": "2"}
    assert found["definition"]["network_mode"] == found["networks"][0]["name"]
    assert "extra_opts" not in found["definition"]


def test_links_name_instances():
    platforms = [
        {"name": "one", "image": "i:1"},
        {"name": "two", "image": "i:1", "links": ["one", "one:first", "other:o"]},
    ]
    first, second = molecule.instances(platforms, (), {}, "/s")
    there = first["container"]
    assert second["definition"]["links"] == [f"{there}:one", f"{there}:first", "other:o"]


def test_names_of_two_scenarios_differ():
    platform = {"name": "one", "image": "i:1", "networks": [{"name": "net"}]}
    here, there = (molecule.instances([platform], (), {}, path)[0] for path in ("/a", "/b"))
    assert here["container"] != there["container"] and here["name"] == there["name"] == "one"
    assert here["networks"] != there["networks"]
    assert here["definition"]["network_mode"] == here["networks"][0]["name"]


def test_process_1():
    assert one()["definition"]["command"] == molecule.STAY
    assert "command" not in one(override_command=False)["definition"]
    booted = one(systemd=True)["definition"]
    assert [booted[key] for key in ("command", "systemd", "state", "tty")] == [
        ["/sbin/init"],
        "true",
        "healthy",
        True,
    ]
    assert one(systemd="always", command="/lib/systemd/systemd")["definition"]["state"] == "healthy"
    for empty in ("", []):  # as with Docker's driver: the image's own command runs
        assert "command" not in one(command=empty)["definition"]
    assert one(env={"A": True, "B": 1, "C": None})["definition"]["env"] == {
        "A": "true",
        "B": "1",
        "C": "",
    }


def test_images():
    assert one(pre_build_image=True)["build"] is None
    assert one(pre_build_image=True)["definition"]["image"] == "i:1"
    assert one()["definition"]["image"] == one()["build"]["name"] == "molecule_local/i-1:ready"
    assert one()["build"]["base"] == "i:1"
    for url in ("registry.example.com", "https://registry.example.com/"):
        assert one(registry={"url": url})["build"]["base"] == "registry.example.com/i:1"
    assert one(pre_build_image=True, dockerfile="missing.j2", buildargs={"a": 1})["build"] is None


def test_a_template_may_read_keys_of_its_own(tmp_path):
    (tmp_path / "Dockerfile.j2").touch()
    platform = {
        "name": "one",
        "image": "i:1",
        "dockerfile": "Dockerfile.j2",
        "pkg_extras": "python3",
    }
    found = molecule.instances([platform], (), {}, str(tmp_path))[0]
    assert found["platform"] == platform and "pkg_extras" not in found["definition"]


def test_a_key_that_is_no_option_is_warned_of(monkeypatch, tmp_path):
    """As many scenarios for Docker's driver have one: it is not read there either."""
    said = []
    monkeypatch.setattr(molecule.Display, "warning", lambda self, text: said.append(text))
    found = one(environment={"container": "docker"}, pre_build_image=True)["definition"]
    assert "environment" not in found and len(said) == 1
    assert said[0].startswith("one: environment is no option of a platform and has no effect")


def test_control_groups_are_writable_in_a_privileged_instance():
    read_only = ["/sys/fs/cgroup:/sys/fs/cgroup:ro", "/a:/a:ro"]
    assert one(volumes=read_only, privileged=True)["definition"]["volumes"] == [
        "/sys/fs/cgroup:/sys/fs/cgroup:rw",
        "/a:/a:ro",
    ]
    assert one(volumes=read_only)["definition"]["volumes"] == read_only


def test_networks_of_the_driver_for_docker():
    network = {"name": "n", "enable_ipv6": True, "force": True, "scope": "local", "appends": False}
    assert one(docker_networks=[network])["networks"] == [
        {"name": "n-" + molecule.scenario_mark("/s"), "enable_ipv6": True, "force": True}
    ]


def test_forms_of_the_driver_for_podman():
    found = one(tmpfs={"/tmp": "rw,size=1m", "/run": ""}, ulimits=["nofile=1:2", "core:3:4"])
    assert found["definition"]["tmpfs"] == ["/tmp:rw,size=1m", "/run"]
    assert found["definition"]["ulimits"] == ["nofile:1:2", "core:3:4"]
    assert one(tmpfs=["/tmp"])["definition"]["tmpfs"] == ["/tmp"]


def test_instances_know_each_other_by_their_names():
    platforms = [
        {"name": "one", "image": "i:1", "networks": [{"name": "net", "aliases": ["first"]}]},
        {"name": "two", "image": "i:1", "network_mode": "net"},
        {
            "name": "three",
            "image": "i:1",
            "network_mode": "container:one",
            "pid_mode": "container:two",
        },
        {"name": "four", "image": "i:1", "network_mode": "container:elsewhere"},
    ]
    one, two, three, four = molecule.instances(platforms, (), {}, "/s")
    assert one["definition"]["networks"][0]["aliases"] == ["first", "one"]
    assert two["definition"]["networks"] == [
        {"name": two["networks"][0]["name"], "aliases": ["two"]}
    ]
    assert three["definition"]["network_mode"] == "container:" + one["container"]
    assert three["definition"]["pid_mode"] == "container:" + two["container"]
    assert four["definition"]["network_mode"] == "container:elsewhere"


def test_the_line_of_a_login(monkeypatch):
    shell = "exec -it one-%s sh -c '" % molecule.scenario_mark("/s")
    monkeypatch.setattr(molecule.os, "geteuid", lambda: 0)
    start = "/usr/bin/python3 -IS /var/lib/pycontainer/runtime/current/start.py "
    assert one()["login"].startswith(start + shell)
    monkeypatch.setattr(molecule.os, "geteuid", lambda: 1000)
    assert one()["login"].startswith("sudo " + start + shell)

    def on(**variables):
        hostvars = {"one": {"ansible_pycontainer_host": "far"}, "far": variables}
        return molecule.instances([{"name": "one", "image": "i:1"}], (), hostvars, "/s")[0]["login"]

    assert on().startswith("ssh -t far 'sudo /usr/bin/python3 ")
    line = on(
        ansible_host="192.0.2.1",
        ansible_port=2222,
        ansible_user="root",
        ansible_ssh_private_key_file="/a key",
        ansible_ssh_common_args="-o A=b -J jump",
        ansible_pycontainer_data_root="/srv/p",
    )
    assert line.startswith(
        "ssh -t -p 2222 -i '/a key' -o A=b -J jump root@192.0.2.1 '/usr/bin/python3 -IS /srv/p/runtime/"
    )
    assert on(ansible_connection="community.general.lxd") == ""


def test_the_driver_knows_the_containers():
    driver = pytest.importorskip("molecule_pycontainer.driver")

    class Config:
        scenario = type("Scenario", (), {"directory": "/s"})

    options = driver.Pycontainer(Config).ansible_connection_options("one")
    assert options["ansible_host"] == one()["container"]
    assert options["ansible_connection"] == molecule.CONNECTION


def test_the_driver_has_the_collections_version():
    galaxy, project = (
        re.search(r"^version\W+([0-9.]+)", (CHECKOUT / path).read_text(), re.MULTILINE).group(1)
        for path in ("galaxy.yml", "extensions/molecule-driver/pyproject.toml")
    )
    assert galaxy == project


def test_hosts_of_an_inventory():
    hostvars = {
        "a": {"container_image": "i:1", "container_memory": "64m", "ansible_pycontainer_host": "m"},
        "b": {"molecule_platform": {"image": "i:2"}, "ansible_host": "other"},
    }
    first, second = molecule.instances([], ["a", "b"], hostvars, "/s")
    assert (first["container"], first["machine"], first["definition"]["memory"]) == (
        "a",
        "m",
        "64m",
    )
    assert (second["container"], second["machine"]) == ("other", "localhost")
    with pytest.raises(molecule.AnsibleFilterError, match="nothing to make"):
        molecule.instances([], [], {}, "/s")
