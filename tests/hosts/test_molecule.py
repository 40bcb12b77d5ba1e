# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule with the driver and the playbooks of this collection: instances here, and on another machine over SSH.

``h1`` is a machine with containers; for scenarios without another machine, Molecule runs on ``h1`` itself.
"""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import re
import shutil
import sys

import pytest
from hosts.conftest import BIN, fleet_of
from support.fleet import roots
from support.terminals import Terminal

IMAGE = "molecule-debian:12"
# The files of a host itself, which has systemd and Python, as an image.
MAKE_IMAGE = f"""
pycontainer image inspect {IMAGE} > /dev/null 2>&1 && exit
tar --one-file-system --exclude=./var/lib/pycontainer --exclude=./var/tmp/* --exclude=./run/* -C / -cf /var/tmp/root.tar .
pycontainer import -c 'CMD ["/lib/systemd/systemd"]' /var/tmp/root.tar {IMAGE}
rm /var/tmp/root.tar
for name in debian:12 ubuntu:24.04; do pycontainer tag {IMAGE} $name; done
"""

# As roles of Galaxy have it for Docker's driver, with another name of the driver.
SYSTEMD = """
role_name_check: 1
dependency: {name: galaxy, options: {ignore-errors: true}}
driver: {name: molecule-pycontainer}
platforms:
  - name: instance
    image: "molecule-debian:${MOLECULE_DISTRO:-12}"
    command: ${MOLECULE_DOCKER_COMMAND:-""}
    volumes: ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    cgroupns_mode: host
    privileged: true
    pre_build_image: true
provisioner: {name: ansible, playbooks: {converge: "${MOLECULE_PLAYBOOK:-converge.yml}"}}
"""
SYSTEMD_CONVERGE = """
- hosts: all
  tasks:
    - command: systemctl is-system-running
      changed_when: false
    - copy:
        dest: /etc/systemd/system/hello.service
        content: "[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n"
    - systemd: {name: hello, state: started, enabled: true}
"""
PAIR = """
driver: {name: molecule-pycontainer}
platforms:
  - name: one
    image: molecule-debian:12
    dockerfile: ../shared/Dockerfile.j2
    pkg_extras: file
    env: {GREETING: "hello"}
    tmpfs: ["/scratch:rw,size=1m"]
    networks: [{name: net}]
    published_ports: ["8080"]
  - name: two
    image: molecule-debian:12
    dockerfile: ../shared/Dockerfile.j2
    network_mode: net
    links: ["one:first"]
    extra_opts: ["-e", "GREETING=hello", "--tmpfs=/scratch"]
  - name: beside
    image: molecule-debian:12
    pre_build_image: true
    network_mode: container:one
"""
DOCKERFILE = """
FROM {{ item.image }}
{% for name, value in (item.env | default({})).items() %}
ENV {{ name }} {{ value }}
{% endfor %}
COPY {{ item.pkg_extras | default('file') }} /copied
"""
PAIR_CONVERGE = """
- hosts: all
  gather_facts: false
  tasks:
    - command: cat /copied
      register: copied
      changed_when: false
      failed_when: copied.stdout != "of the scenario"
      when: inventory_hostname != 'beside'
    - command: getent hosts {{ 'two' if inventory_hostname != 'two' else 'one' }}
      changed_when: false
    - shell: echo $GREETING; findmnt -no FSTYPE /scratch
      register: said
      changed_when: false
      failed_when: said.stdout_lines != ["hello", "tmpfs"]
      when: inventory_hostname != 'beside'
    - command: getent hosts first
      changed_when: false
      when: inventory_hostname == 'two'
"""
BROKEN = """
driver: {name: molecule-pycontainer}
platforms:
  - {name: fine, image: "molecule-debian:12", pre_build_image: true, command: sleep 1000}
  - {name: broken, image: "molecule-debian:12", pre_build_image: true, command: "sh -c 'echo no disk in it; exit 3'"}
"""
# Of Molecule in a container, with an image of busybox alone.
BOX = """
driver: {name: molecule-pycontainer}
platforms:
  - {name: one, image: "box:1", pre_build_image: true, networks: [{name: net}], published_ports: ["8080"]}
"""
BOX_CONVERGE = """
- hosts: all
  gather_facts: false
  tasks: [{raw: cat /etc/hostname, changed_when: false, register: said, failed_when: "'one' not in said.stdout"}]
"""
MAKE_BOX = """
mkdir -p /srv/box/bin && cp /bin/busybox /srv/box/bin/
for name in sh cat sleep readlink; do ln -sf busybox /srv/box/bin/$name; done
ansible localhost -m pycontainer.engine.image -a 'name=box:1 source=import path=/srv/box'
"""
ROLE = {
    "molecule/box/molecule.yml": BOX,
    "molecule/box/converge.yml": BOX_CONVERGE,
    "molecule/default/molecule.yml": SYSTEMD,
    "molecule/default/converge.yml": SYSTEMD_CONVERGE,
    "molecule/pair/molecule.yml": PAIR,
    "molecule/pair/converge.yml": PAIR_CONVERGE,
    "molecule/pair/file": "of the scenario",
    "molecule/shared/Dockerfile.j2": DOCKERFILE,
    "molecule/broken/molecule.yml": BROKEN,
    "molecule/broken/converge.yml": "[]",
}


# docs/molecule.md: its blocks are files of one role, or not run here, with the reason.
PAGE = (roots.CHECKOUT / "docs" / "molecule.md").read_text()
NOT_RUN = {
    "pip install molecule": "PyPI and Galaxy are not reached",
    "pycontainer run --privileged": "test_molecule_in_a_container does",
    "# molecule/remote/molecule.yml": "test_a_role_of_this_collection has another machine",
    "# machines.yml": "192.0.2.10 is nowhere",
}


def page():
    """``{file: text}`` of the page's blocks that are run."""
    found = {}
    for text in re.findall(r"^```[a-z]+\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        first = text.partition("\n")[0]
        if not first.startswith(tuple(NOT_RUN)):
            assert first.startswith("# molecule/"), first
            found[first[2:]] = text
    for scenario in ("default", "plain", "native"):
        found[f"molecule/{scenario}/converge.yml"] = CONVERGE
    for step in ("create", "destroy"):
        found[f"molecule/native/{step}.yml"] = found[f"molecule/plain/{step}.yml"]
    return found


CONVERGE = """
- hosts: all
  gather_facts: false
  tasks: [{command: cat /etc/hostname, changed_when: false}]
"""


@pytest.fixture(scope="module")
def machine(collections, tmp_path_factory):
    if importlib.util.find_spec("molecule_pycontainer") is None:
        pytest.skip("Molecule or its driver (extensions/molecule-driver) is not installed")
    role = tmp_path_factory.mktemp("role")
    documented = {f"page/{name}": text for name, text in page().items()}
    for name, text in {**ROLE, **documented}.items():
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(text)
    same = (sys.prefix, str(roots.CHECKOUT / "extensions"), str(collections))
    binds = {**{path: path for path in same}, str(role): "/srv/role"}
    with fleet_of(1, "molecule", binds=binds) as made:
        yield made


@pytest.fixture(scope="module")
def environment(machine, collections, tmp_path_factory):
    """Variables for Molecule, of a machine with an image."""
    home = tmp_path_factory.mktemp("home")
    inventory = home / "machines"
    inventory.write_text(machine.inventory.read_text().replace("[fleet", "[machines"))
    found = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "MOLECULE_IMAGE": IMAGE,
        "MOLECULE_INVENTORY": str(inventory),
        "HOME": str(home),
        "NO_COLOR": "1",
    }
    done = machine.run(
        *(BIN / "ansible", "all", "-m", "ansible.builtin.include_role"),
        *("-a", "name=pycontainer.engine.host"),
        environment=found,
    )
    assert done.returncode == 0, done.stdout
    made = machine.execute("h1", "sh", "-ec", MAKE_IMAGE)
    assert made.returncode == 0, made.stdout
    return found


@pytest.fixture
def molecule(machine, environment):
    """``molecule(directory, *words)``: Molecule here, with instances on ``h1`` over SSH; ``(exit code, output)``."""

    def run(directory, *words):
        done = machine.run(
            *(BIN / "molecule", *words),
            environment=dict(environment, MOLECULE_MACHINE="h1"),
            cwd=directory,
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture(scope="module")
def alone(machine, environment):
    """``alone(*words)``: Molecule on ``h1`` itself, for a role with three scenarios; ``(exit code, output)``."""
    if machine.execute("h1", BIN / "python", "-c", "").returncode:
        pytest.skip("the test host has another Python than this environment")
    variables = [f"{name}={value}" for name, value in dict(environment, HOME="/root").items()]

    def run(*words, directory="/srv/role"):
        done = machine.execute(
            "h1", "env", f"--chdir={directory}", *variables, BIN / "molecule", *words
        )
        return done.returncode, done.stdout

    run.variables = variables
    return run


def containers(machine):
    return machine.execute("h1", "pycontainer", "ps", "-aq").stdout


@pytest.mark.timeout(1200)
def test_a_role_of_this_collection(molecule, machine, tmp_path):
    shutil.copytree(roots.CHECKOUT / "extensions", tmp_path / "extensions")
    rc, output = molecule(tmp_path / "extensions", "test", "-s", "host")
    assert rc == 0, output[-8000:]
    assert containers(machine) == ""


@pytest.mark.timeout(1200)
def test_scenarios_for_dockers_driver_side_by_side(alone, machine):
    """With the driver's name changed alone: one with systemd, and one with networks and an image that is built."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ran = list(pool.map(lambda name: alone("test", "-s", name), ("default", "pair")))
    for rc, output in ran:
        assert rc == 0, output[-8000:]
    assert "successful" in ran[0][1] and containers(machine) == ""
    assert "pair" not in machine.execute("h1", "pycontainer", "network", "ls").stdout


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("scenario", ["default", "plain", "native"])
def test_the_page(alone, machine, scenario):
    rc, output = alone("converge", "-s", scenario, directory="/srv/role/page")
    assert rc == 0, output[-8000:]
    rc, output = alone("destroy", "-s", scenario, directory="/srv/role/page")
    assert rc == 0 and containers(machine) == "", output


@pytest.mark.timeout(600)
def test_molecule_in_a_container(alone, machine, collections):
    """In a privileged one, as CI's jobs are, with a volume for the engine's data; without one, a sentence says so."""
    paths = (sys.prefix, str(roots.CHECKOUT / "extensions"), str(collections), "/srv/role")
    binds = [word for path in paths for word in ("-v", f"{path}:{path}:ro")]
    inside = ("env", *alone.variables)
    for volume in ((), ("-v", "ci:/var/lib/pycontainer")):
        made = machine.execute(
            *("h1", "pycontainer", "run", "-d", "--name", "ci", "--privileged", *binds, *volume),
            *(IMAGE, "sleep", "1000"),
        )
        assert made.returncode == 0, made.stdout
        run = ("h1", "pycontainer", "exec", "-w", "/srv/role", "ci", *inside)
        made = machine.execute(*run, "sh", "-ec", MAKE_BOX)
        assert made.returncode == 0, made.stdout
        done = machine.execute(*run, BIN / "molecule", "test" if volume else "create", "-s", "box")
        if volume:
            assert done.returncode == 0, done.stdout[-8000:]
        else:
            assert "is on an overlay, as in a container" in done.stdout and done.returncode
        machine.execute("h1", "pycontainer", "rm", "-f", "-v", "ci")
    machine.execute("h1", "pycontainer", "volume", "rm", "ci")


@pytest.mark.timeout(600)
def test_an_instance_that_does_not_come_up(alone, machine):
    rc, output = alone("create", "-s", "broken")
    assert rc, output
    assert "broken: " in output and "no disk in it" in output.partition("its last lines")[2]
    rc, output = alone("destroy", "-s", "broken")
    assert rc == 0 and containers(machine) == "", output


@pytest.mark.timeout(600)
def test_login_and_reset(alone, machine):
    rc, output = alone("create", "-s", "default")
    assert rc == 0, output[-8000:]
    enter = ["nsenter", "-t", machine.pid("h1"), *"-m -u -i -n -p -C -r -w".split()]
    molecule = ["env", "--chdir=/srv/role", *alone.variables, BIN / "molecule", "login"]
    with Terminal([*enter, *molecule]) as terminal:
        terminal.wait_for(lambda there: "root@instance:" in there.output)  # its shell's prompt
        terminal.type("exit\n")
        terminal.end()
    rc, output = alone("reset")
    assert rc == 0 and containers(machine) == "", output
