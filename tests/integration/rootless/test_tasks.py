# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that become a user who is not root, by Ansible."""

from __future__ import annotations

import json
import os
import shutil
import sys

import pytest
from pycontainer.store import paths

from .conftest import ACCOUNT, CHECKOUT, UID
from .test_user import fetched, free_port

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  become: true
  become_user: %(account)s
  become_method: ansible.builtin.su
  tasks:
    - pycontainer.engine.registry: {name: own, listen: "127.0.0.1:%(registry)d"}
    - pycontainer.engine.container:
        name: web
        image: box
        command: [sh, -c, "mkdir -p /tmp/www; echo hello > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www"]
        published_ports: ["127.0.0.1:%(port)d:80"]
        volumes: [stuff:/data]
        pull: never
    - pycontainer.engine.container_exec: {container: web, argv: [id, -u]}
      when: not ansible_check_mode
    - pycontainer.engine.pycontainer: ps -q
"""
HOSTS = """
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_become: true
      ansible_become_user: %s
      ansible_become_method: ansible.builtin.su
    web:
      ansible_connection: pycontainer.engine.container
      ansible_pycontainer_host: localhost
"""
END = """
- hosts: localhost
  connection: local
  gather_facts: false
  become: true
  become_user: %(account)s
  become_method: ansible.builtin.su
  tasks:
    - pycontainer.engine.container: {name: web, state: absent}
    - pycontainer.engine.registry: {name: own, state: absent}
    - pycontainer.engine.volume: {name: stuff, state: absent}
    - pycontainer.engine.host: {}
      register: host
      failed_when: host is not failed or "needs root" not in host.msg
"""


BIN = os.path.dirname(sys.executable)


def configuration(user):
    """Environment of Ansible's commands."""
    return {
        "ANSIBLE_HOME": os.path.join(user.place, "ansible"),
        "ANSIBLE_CONFIG": os.path.join(CHECKOUT, "ansible.cfg"),
    }


@pytest.fixture
def play(user):
    """Run a playbook; returns its tasks' results, in order."""
    command = os.path.join(BIN, "ansible-playbook")
    if not os.path.exists(command) or shutil.which("su") is None:
        pytest.skip("needs ansible-playbook and su")
    port, registry = free_port(), free_port()
    words = {"account": ACCOUNT, "port": port, "registry": registry}

    def run(text, *more):
        path, whole = os.path.join(user.place, "play.yml"), os.path.join(user.place, "whole.json")
        with open(path, "w") as file:
            file.write(text % words)
        done = user.run_as(
            [command, "-i", "localhost,", path, *more],
            become=False,
            ANSIBLE_CALLBACK_PLUGINS=os.path.join(CHECKOUT, "tests", "hosts", "callback"),
            ANSIBLE_CALLBACKS_ENABLED="whole",
            WHOLE_FILE=whole,
            **configuration(user),
        )
        assert os.path.exists(whole), done.stdout + done.stderr
        with open(whole) as file:
            tasks = json.load(file)["tasks"]
        os.unlink(whole)
        found = [task["hosts"]["localhost"] for task in tasks if "localhost" in task["hosts"]]
        assert done.returncode == 0, json.dumps(found, indent=1)
        return found

    run.port = port
    return run


def test_tasks_of_a_user(user, play):
    there = os.path.exists(paths.DATA)
    checked = play(PLAY, "--check")
    assert checked[1]["changed"] and user("ps", "-aq") == ""
    first = play(PLAY)
    assert [result["changed"] for result in first[:2]] == [True, True]
    assert fetched(play.port) == "hello\n"
    assert first[2]["stdout"].strip() == "0" and first[3]["stdout"].strip()
    pid = first[1]["container"]["State"]["Pid"]
    assert os.stat(f"/proc/{pid}").st_uid == UID
    inventory = os.path.join(user.place, "hosts.yml")
    with open(inventory, "w") as file:
        file.write(HOSTS % ACCOUNT)
    words = [
        os.path.join(BIN, "ansible"),
        "web",
        "-i",
        inventory,
        "-m",
        "raw",
        "-a",
        "cat /tmp/www/index.html",
    ]
    asked = user.run_as(words, become=False, **configuration(user))
    assert asked.returncode == 0 and "hello" in asked.stdout, asked.stdout + asked.stderr
    second = play(PLAY)
    assert [result["changed"] for result in second[:2]] == [False, False]
    play(END)
    assert user("ps", "-aq") == ""
    assert os.path.exists(paths.DATA) == there
