# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's platforms are as containers: every option of molecule-plugins' drivers is taken, or refused with a sentence."""

from __future__ import annotations

import pytest

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
        ("docker_host", "tcp://there", "there is no Docker here"),
        ("rootless", True, "user namespaces"),
        ("extra_opts", ["--cpus=1"], "write them as options"),
        ("nonsense", 1, "nonsense is not known"),
        ("dockerfile", "missing.j2", "there is no file /s/missing.j2"),
    ],
)
def test_refused(key, value, words):
    with pytest.raises(molecule.AnsibleFilterError, match=words):
        one(**{key: value})


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
    assert one(env={"A": True, "B": 1})["definition"]["env"] == {"A": "true", "B": "1"}


def test_images():
    assert one(pre_build_image=True)["build"] is None
    assert one(pre_build_image=True)["definition"]["image"] == "i:1"
    assert one()["definition"]["image"] == one()["build"]["name"] == "molecule_local/i-1:ready"


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
