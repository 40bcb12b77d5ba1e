# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks in containers of a remote host, over SSH as a user who becomes root by sudo with a password; and how they end."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys

import pytest
import yaml
from hosts.conftest import fleet_of
from support import sleepers, waiting
from support.fleet import roots

BIN = pathlib.Path(sys.executable).parent
PREPARE = """
set -e
useradd --create-home --shell /bin/sh ann
mkdir /home/ann/.ssh && cp /root/.ssh/authorized_keys /home/ann/.ssh/ && chown -R ann /home/ann/.ssh
echo 'ann:of the host' | chpasswd
echo 'ann ALL=(ALL) ALL' > /etc/sudoers.d/ann
mkdir -p /srv/root && cd /srv/root
mkdir -p etc/pam.d tmp var/tmp proc sys dev root home/app usr run/sudo
chmod 1777 tmp var/tmp && chown 1000:1000 home/app
for name in bin sbin lib lib64; do ln -s usr/$name $name; done
printf 'root:x:0:0:root:/root:/bin/sh\\napp:x:1000:1000:app:/home/app:/bin/sh\\n' > etc/passwd
printf 'root:x:0:\\napp:x:1000:\\n' > etc/group
hash=$(python3 -W ignore -c 'import crypt; print(crypt.crypt("of the container"))')
printf 'root:*:19000:::::: \\napp:%s:19000::::::\\n' "$hash" > etc/shadow && chmod 600 etc/shadow
echo 'app ALL=(ALL) ALL' > etc/sudoers && chmod 440 etc/sudoers
printf 'auth required pam_unix.so\\naccount required pam_permit.so\\nsession required pam_permit.so\\n' > etc/pam.d/sudo
"""
MAKE = """
- hosts: h1
  tasks:
    - pycontainer.engine.image: {name: "box:1", source: import, path: /srv/root}
    - pycontainer.engine.container:
        name: web
        image: "box:1"
        command: [sleep, "100000"]
        networks: []
        network_mode: none
        volumes: ["/usr:/usr:ro"]
        state: started
"""
TASKS = """
- hosts: web
  gather_facts: false
  tasks:
    - name: root on the host, the container's own user inside
      ansible.builtin.shell: id -un; cat /etc/hostname
      register: said
    - ansible.builtin.assert:
        that: said.stdout_lines == ["root", hostname]
    - name: another user
      ansible.builtin.command: id -un
      remote_user: app
      register: said
    - ansible.builtin.assert:
        that: said.stdout == "app"
    - name: sudo in the container, with a password of its own
      ansible.builtin.command: id -un
      remote_user: app
      become: true
      vars: {ansible_become_password: of the container}
      register: said
    - ansible.builtin.assert:
        that: said.stdout == "root"
    - name: with the wrong one
      ansible.builtin.command: id -un
      remote_user: app
      become: true
      vars: {ansible_become_password: of the host}
      register: said
      ignore_unreachable: true
    - ansible.builtin.assert:
        that: said is unreachable and "Incorrect become password in the container" in said.msg
    - name: a file in a stream
      ansible.builtin.copy: {content: "{{ 'x' * 3000000 }}", dest: /tmp/file}
    - ansible.builtin.fetch: {src: /tmp/file, dest: fetched, flat: true}
    - ansible.builtin.meta: reset_connection
    - name: on the machine itself
      ansible.builtin.command: id -un
      delegate_to: alpha
      become: false
      vars: {ansible_become: false}
      register: said
    - ansible.builtin.assert:
        that: said.stdout == "ann"
    - name: in the background
      ansible.builtin.command: echo late
      async: 60
      poll: 1
"""


class Inside:
    """A fleet of one host, with a container ``web`` that is a host of the inventory on ``alpha``, which is h1 as another user."""

    def __init__(self, fleet, collections, directory):
        self.fleet, self.collections, self.directory = fleet, collections, directory

    def command(self, program, *words):
        more = self.directory / "more.json"
        alpha = {
            "ansible_host": "10.99.0.1",
            "ansible_user": "ann",
            "ansible_become": True,
            "ansible_become_password": "of the host",
        }
        web = {
            "ansible_connection": "pycontainer.engine.container",
            "ansible_pycontainer_host": "alpha",
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        hosts = {"fleet": {"hosts": {"alpha": alpha}}, "boxes": {"hosts": {"web": web}}}
        more.write_text(json.dumps(hosts))
        return [str(BIN / program), "-i", self.fleet.inventory, "-i", more, *map(str, words)]

    def environment(self):
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_STDOUT_CALLBACK": "minimal",
            "ANSIBLE_NOCOLOR": "1",
        }

    def run(self, program, *words, rc=0):
        done = self.fleet.run(
            *self.command(program, *words), environment=self.environment(), cwd=self.directory
        )
        assert done.returncode == rc, done.stdout
        return done.stdout

    def play(self, text, *words, **options):
        path = self.directory / "book.yml"
        path.write_text(text)
        return self.run("ansible-playbook", path, *words, **options)


@pytest.fixture(scope="module")
def inside(collections, tmp_path_factory):
    with fleet_of(1, "inside") as fleet:
        done = fleet.execute("h1", "sh", "-c", PREPARE)
        assert done.returncode == 0, done.stdout
        made = Inside(fleet, collections, tmp_path_factory.mktemp("inside"))
        made.play(MAKE)
        yield made


def test_two_users_and_two_kinds_of_become(inside):
    hostname = inside.run("ansible", "web", "-m", "raw", "-a", "cat /etc/hostname").splitlines()[1]
    inside.play(TASKS, "-e", f"hostname={hostname}")
    assert (inside.directory / "fetched").read_bytes() == b"x" * 3000000


def test_user_of_the_command_line_is_the_machine_s(inside):
    said = inside.run(
        *("ansible", "web", "-m", "command", "-a", "id -un", "-u", "root"),
        *("-e", "ansible_pycontainer_host=h1"),
    )
    assert "rc=0" in said and "root" in said
    said = inside.run(
        *("ansible", "web", "-m", "raw", "-a", "true"),
        *("-e", '{"ansible_pycontainer_host": "h9"}'),
        rc=4,
    )
    assert "the inventory has no host 'h9'" in said


def test_who_is_not_root_there_is_told_so(inside):
    said = inside.run(
        *("ansible", "web", "-m", "raw", "-a", "true", "-e", '{"ansible_become": false}'), rc=4
    )
    assert "alpha: container web does not exist; without root (become), a user has" in said


def test_containers_of_the_host_are_found(inside):
    source = inside.directory / "90-containers.yml"
    source.write_text("plugin: pycontainer.engine.containers\nhosts: [alpha]\n")
    said = inside.run("ansible", "-i", source, "web.alpha", "-m", "command", "-a", "id -un")
    assert "root" in said and "rc=0" in said


@pytest.mark.timeout(900)
def test_what_the_page_shows(inside):
    """docs/inside-containers.md: its inventories, and its lines with ``ansible``."""
    page = (roots.CHECKOUT / "docs" / "inside-containers.md").read_text()
    first, found, _sealed = re.findall("^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    place = inside.directory / "inventory"
    place.mkdir()
    shown = yaml.safe_load(first.replace("192.0.2.10", "10.99.0.1").replace("deploy", "ann"))
    # how this test host lets one in
    common = inside.fleet.inventory.read_text().partition("[fleet:vars]\n")[2].splitlines()
    variables = dict(line.split("=", 1) for line in common)
    del variables["ansible_user"]
    shown["all"]["hosts"]["alpha"].update(variables, ansible_become_password="of the host")
    (place / "10-hosts.yml").write_text(yaml.safe_dump(shown))
    (place / "90-containers.yml").write_text(found)
    lines = [
        line
        for block in re.findall("^```shell\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith("ansible")
    ]
    assert len(lines) > 4
    for line in lines:
        program, *words = shlex.split(line)
        done = inside.fleet.run(
            *(BIN / program, "-i", place, *words),
            environment=inside.environment(),
            cwd=inside.directory,
        )
        assert done.returncode == 0 and "web" in done.stdout, (line, done.stdout)


@pytest.mark.parametrize("how", ["controller", "session"])
def test_a_task_ends_with_its_connection(inside, how):
    seconds = 92000 + len(how)
    line = sleepers.LINE.format(seconds)
    process = subprocess.Popen(
        ["nsenter", f"--net={inside.fleet.fabric}"]
        + list(map(str, inside.command("ansible", "web", "-m", "shell", "-a", line))),
        env=dict(os.environ, **inside.environment()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        waiting.until(lambda: len(sleepers.sleeping(seconds)) >= sleepers.COUNT, 60)
        if how == "controller":
            process.send_signal(signal.SIGKILL)
        else:
            inside.fleet.execute("h1", "pkill", "-KILL", "-u", "ann", "sshd")
        waiting.until(lambda: not sleepers.sleeping(seconds), 60)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
